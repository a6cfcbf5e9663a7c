"""Requests that are small on the wire and huge in memory are found before they are parsed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint
from otlp_strategies import field, span_bytes, varint

from belvedere.otlp.decode import decode
from belvedere.otlp.density import check_density, check_json_density
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import TooLarge
from belvedere.otlp.signal import Signal

POINT = field(1, b"")
DENSE: dict[str, tuple[Signal, bytes]] = {
    "resources": (Signal.TRACES, b"\x0a\x00"),
    "scopes": (Signal.TRACES, field(1, b"\x12\x00" * 400_000)),
    "spans": (Signal.TRACES, field(1, field(2, b"\x12\x00" * 400_000))),
    "spans with long tags": (Signal.TRACES, field(1, field(2, b"\x92\x00\x00" * 400_000))),
    "log records": (Signal.LOGS, field(1, field(2, b"\x12\x00" * 400_000))),
    "metrics": (Signal.METRICS, field(1, field(2, b"\x12\x00" * 400_000))),
    "attributes": (Signal.TRACES, field(1, field(2, field(2, b"\x4a\x00" * 400_000)))),
    "attributes of log records": (
        Signal.LOGS,
        field(1, field(2, field(2, b"\x32\x00" * 400_000))),
    ),
    "data points": (Signal.METRICS, field(1, field(2, field(2, field(7, POINT * 400_000))))),
}


@pytest.mark.parametrize(("signal", "part"), list(DENSE.values()), ids=list(DENSE))
def test_items_too_small_to_be_real_are_refused_before_parsing(signal: Signal, part: bytes) -> None:
    body = part * (1 + (2 << 20) // len(part))
    with pytest.raises(TooLarge, match="empty messages"):
        decode(signal, body)


@pytest.mark.parametrize(
    "body",
    [
        span_bytes(field(5, b"x" * 100)) * 20_000,
        span_bytes(b"\x30\x02" + varint(7 << 3 | 1) + bytes(8) + varint(16 << 3 | 5) + bytes(4))
        * 20_000,
        b"\xff" * (2 << 20),
        b"\x0a\x00" * 1000,
    ],
    ids=["real spans", "all wire types", "no protobuf", "small"],
)
def test_everything_else_passes_the_guard(body: bytes) -> None:
    check_density(body)


REAL_SPAN = field(2, field(5, b"x" * 100))


def test_small_items_cannot_hide_behind_large_ones() -> None:
    spans = REAL_SPAN * 50_000 + b"\x12\x00" * 100_000
    with pytest.raises(TooLarge):
        check_density(field(1, field(2, spans)))


@given(st.lists(st.integers(0, 3), min_size=100, max_size=160))
def test_sparse_buckets_of_exponential_histograms_pass_the_guard(counts: list[int]) -> None:
    """On the wire, their counts look like empty messages."""
    buckets = ExponentialHistogramDataPoint.Buckets(offset=-20, bucket_counts=counts)
    point = ExponentialHistogramDataPoint(
        time_unix_nano=1_700_000_000_000_000_000, count=sum(counts), positive=buckets
    )
    data = field(1, point.SerializeToString())
    check_density(field(1, field(2, field(2, field(10, data * (1 + (2 << 20) // len(data)))))))


def test_json_that_is_hardly_more_than_brackets_is_refused() -> None:
    with pytest.raises(TooLarge, match="objects and arrays"):
        decode(Signal.TRACES, b"[" + b"{}," * 500_000 + b"{}]", Encoding.JSON)


@pytest.mark.parametrize(
    "body",
    [
        b'{"text":"' + b"[1,2]," * 300_000 + b'"}',
        b'{"key":"a","value":{"intValue":1}},' * 50_000,
        b"{}," * 1000,
    ],
    ids=["brackets in text", "attributes", "small"],
)
def test_other_json_passes_the_guard(body: bytes) -> None:
    check_json_density(body)
