"""ClickHouse reads what leaves `decode` as protobuf does: it is no protobuf library itself."""

import pytest
from otlp_strategies import attribute_bytes, span_bytes
from test_otlp_decode import ODD_SPANS

from belvedere.otlp.decode import decode
from belvedere.otlp.signal import Signal
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import InvalidData
from belvedere.store.ingest import Door, insert


def test_odd_forms_are_stored_as_they_were_meant(migrated: EmbeddedClickHouse) -> None:
    for name, (content, _) in ODD_SPANS.items():
        batch = decode(Signal.TRACES, span_bytes(content)).batch
        insert(migrated, "default", Door.TRACES, batch.data, token=name)
    rows = migrated.query("SELECT SpanName, SpanAttributes['k'] AS k FROM otel_traces").to_pylist()
    assert len(rows) == len(ODD_SPANS)
    expected = [_name_and_value(meaning) for _, meaning in ODD_SPANS.values()]
    assert sorted((row["SpanName"], row["k"]) for row in rows) == sorted(expected)


def test_clickhouse_alone_fails_on_some_of_them(migrated: EmbeddedClickHouse) -> None:
    """Why `decode` goes to the trouble. If this fails, perhaps it need not any more."""
    with pytest.raises(InvalidData):
        insert(
            migrated, "default", Door.TRACES, span_bytes(attribute_bytes(b"\x10\x02")), token="t"
        )


def _name_and_value(meaning: dict[str, object]) -> tuple[object, object]:
    match meaning.get("attributes"):
        case [{"value": {"int_value": number}}]:
            value: object = str(number)
        case [{"value": {"bool_value": True}}]:
            value = "true"
        case _:
            value = ""
    return meaning.get("name", ""), value
