"""The SQL of the views and `otlp.prometheus` translate names alike."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metric_requests import AT, TABLES, notation, request, series, store

from belvedere.otlp import prometheus
from belvedere.otlp.prometheus import Kind
from belvedere.store.embedded import EmbeddedClickHouse

# Characters that the rules know, some that they do not, and words that they look for.
_TEXT = st.text("ab.:_-/ 19{}%é字\n", max_size=6)
_UNITS = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.sampled_from([*prometheus.UNIT_WORDS, "", " ", "{x}", "a_"]),
        st.sampled_from(["", "/", " / "]),
        st.sampled_from([*prometheus.PER_WORDS, "", "{x}", "_a_"]),
    ),
    _TEXT,
)
_NAMES = st.one_of(
    st.lists(
        st.sampled_from(["a", "B", "total", "ratio", "seconds", "per_second", "9"]), max_size=4
    ).map("_".join),
    # A name that cannot be translated stays as it is, and a brace in it would confuse this test.
    _TEXT.filter(lambda name: "{" not in name),
)
_KINDS = st.sampled_from(Kind)
_ATTRIBUTES = st.dictionaries(
    st.one_of(
        st.sampled_from(["a.b", "a_b", "a-b", "job", "instance", "__name__", "otel_scope_name"]),
        _TEXT.filter(bool),
    ),
    st.sampled_from(["", "x", "y;z", "ü"]),
    max_size=5,
)


def _otlp(attributes: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": text}} for key, text in attributes.items()]


def _metric(name: str, unit: str, kind: Kind, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    point = {**AT, "attributes": attributes}
    data = {
        Kind.GAUGE: {"gauge": {"dataPoints": [point]}},
        Kind.COUNTER: {"sum": {"isMonotonic": True, "dataPoints": [point]}},
        Kind.UP_DOWN_COUNTER: {"sum": {"dataPoints": [point]}},
        Kind.HISTOGRAM: {"histogram": {"dataPoints": [point]}},
        Kind.SUMMARY: {"summary": {"dataPoints": [point]}},
    }
    return {"name": name, "unit": unit, **data[kind]}


_SUFFIX = {Kind.HISTOGRAM: "_count", Kind.SUMMARY: "_count"}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    metrics=st.lists(st.tuples(_NAMES, _UNITS, _KINDS, _ATTRIBUTES), min_size=20, max_size=40),
    resource=st.dictionaries(
        st.sampled_from(["service.name", "service.namespace", "service.instance.id", "host"]),
        st.sampled_from(["", "x", "y"]),
    ),
    scope=st.tuples(*[st.sampled_from(["", "x"])] * 3),
    scope_attributes=_ATTRIBUTES,
)
def test_sql_translates_as_the_reference_does(
    metrics_store: EmbeddedClickHouse,
    metrics: list[tuple[str, str, Kind, dict[str, str]]],
    resource: dict[str, str],
    scope: tuple[str, str, str],
    scope_attributes: dict[str, str],
) -> None:
    """Each metric becomes the series that the Python names."""
    for table in TABLES:
        metrics_store.execute(f"TRUNCATE TABLE {table}")
    common = {
        **prometheus.target_labels(resource),
        **prometheus.scope_labels(*scope, scope_attributes.items()),
    }
    expected = {
        notation(translated + _SUFFIX.get(kind, ""), {**prometheus.labels(items.items()), **common})
        for name, unit, kind, items in metrics
        if (translated := prometheus.metric_name(name, unit, kind))
    }
    message = request(
        *(_metric(name, unit, kind, _otlp(items)) for name, unit, kind, items in metrics),
        resource=_otlp(resource),
        scope={"name": scope[0], "version": scope[1], "attributes": _otlp(scope_attributes)},
        schema_url=scope[2],
    )
    store(metrics_store, message)

    found = series(metrics_store)
    stored = {
        one for one in found if "_bucket" not in one.split("{")[0] and "target_info" not in one
    }
    assert {one for one in stored if not one.split("{")[0].endswith("_sum")} == expected
    units = {
        (
            prometheus.metric_name(name, unit, kind) + _SUFFIX.get(kind, ""),
            prometheus.unit_name(unit),
        )
        for name, unit, kind, _ in metrics
    }
    for row in metrics_store.query("SELECT DISTINCT name, unit FROM metric_series").to_pylist():
        if row["name"] in {name for name, _ in units} - {"target_info"}:
            assert (row["name"], row["unit"]) in units


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=50, max_size=100))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_sql_writes_numbers_as_the_reference_does(
    metrics_store: EmbeddedClickHouse, values: list[float]
) -> None:
    """Within the range for which the store writes no exponent."""
    values = [v for v in values if v == 0 or 1e-20 <= abs(v) < 1e37]
    result = metrics_store.query(
        "SELECT arrayMap(value -> prometheusFloat(value), {values:Array(Float64)}) AS texts",
        {"values": values},
    )
    assert result.column("texts")[0].as_py() == [prometheus.float_text(v) for v in values]
