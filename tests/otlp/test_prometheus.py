"""Names, units, labels and numbers as Prometheus's OTLP receiver has them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.otlp.prometheus import (
    Kind,
    Strategy,
    float_text,
    label_name,
    labels,
    metric_name,
    scope_labels,
    target_labels,
    unit_name,
)

GAUGE, COUNTER, UP_DOWN, HISTOGRAM = (
    Kind.GAUGE,
    Kind.COUNTER,
    Kind.UP_DOWN_COUNTER,
    Kind.HISTOGRAM,
)
WITH_SUFFIXES = Strategy.UNDERSCORE_ESCAPING_WITH_SUFFIXES
WITHOUT_SUFFIXES = Strategy.UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES
UTF8_WITH_SUFFIXES = Strategy.NO_UTF8_ESCAPING_WITH_SUFFIXES
NO_TRANSLATION = Strategy.NO_TRANSLATION


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        pytest.param(
            "http.server.duration", "s", HISTOGRAM, "http_server_duration_seconds", id="unit"
        ),
        pytest.param("requests", "", COUNTER, "requests_total", id="total"),
        pytest.param("requests_total", "", COUNTER, "requests_total", id="total is there"),
        pytest.param("total.requests", "", COUNTER, "requests_total", id="total moves to the end"),
        pytest.param("active", "", UP_DOWN, "active", id="no total for an up-down counter"),
        pytest.param("cpu.usage", "1", GAUGE, "cpu_usage_ratio", id="ratio"),
        pytest.param("cpu_usage_ratio", "1", GAUGE, "cpu_usage_ratio", id="ratio is there"),
        pytest.param("items", "1", COUNTER, "items_total", id="no ratio for a counter"),
        pytest.param("items", "1", UP_DOWN, "items", id="no ratio for a sum"),
        pytest.param("memory.usage", "By", GAUGE, "memory_usage_bytes", id="bytes"),
        pytest.param("disk.size", "TiBy", GAUGE, "disk_size_tebibytes", id="tebibytes"),
        pytest.param("disk.size", "kBy", GAUGE, "disk_size_kilobytes", id="kilobytes"),
        pytest.param("wait_seconds", "s", GAUGE, "wait_seconds", id="unit is there"),
        pytest.param("seconds.since", "s", GAUGE, "seconds_since", id="unit is there, not last"),
        pytest.param("requests", "1/s", GAUGE, "requests_per_second", id="per"),
        pytest.param("flow", "By/s", GAUGE, "flow_bytes_per_second", id="unit and per"),
        pytest.param("speed", "m/m", GAUGE, "speed_meters_per_minute", id="m is meter and minute"),
        pytest.param("requests", "1/s", COUNTER, "requests_per_second_total", id="per and total"),
        pytest.param("requests", "{request}", COUNTER, "requests_total", id="annotation"),
        pytest.param("flow", "By/{packet}", GAUGE, "flow_bytes", id="per annotation"),
        pytest.param("flow", "{packet}/s", GAUGE, "flow_per_second", id="annotation per"),
        pytest.param("flow", " By / s ", GAUGE, "flow_bytes_per_second", id="blanks in the unit"),
        pytest.param("m", "furlong", GAUGE, "m_furlong", id="unknown unit"),
        pytest.param("m", "a@b#c/e", GAUGE, "m_a_b_c_per_e", id="strange unit"),
        pytest.param("m", "_a__b", GAUGE, "m_a_b", id="underscores in the unit"),
        pytest.param("m", "a_", GAUGE, "m_a_", id="trailing underscore stays, as upstream"),
        pytest.param("m", "a_/s", GAUGE, "m_a_per_second", id="but not before per"),
        pytest.param("m", "@", GAUGE, "m", id="unit of nothing"),
        pytest.param("m", "By/@", GAUGE, "m_bytes", id="per nothing"),
        pytest.param("a__b..c", "", GAUGE, "a_b_c", id="runs become one underscore"),
        pytest.param("_a_", "", GAUGE, "a", id="no underscores around"),
        pytest.param("a:b", "", GAUGE, "a:b", id="colons stay"),
        pytest.param("2xx", "", COUNTER, "_2xx_total", id="leading digit"),
        pytest.param("größe.é", "", GAUGE, "gr_e", id="letters outside ASCII"),
        pytest.param("@#$", "", GAUGE, "@#$", id="nothing left"),
        pytest.param("@#$", "s", GAUGE, "seconds", id="nothing left but the unit"),
    ],
)
def test_metric_name(name: str, unit: str, kind: Kind, expected: str) -> None:
    assert metric_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("strategy", "name", "unit", "kind", "expected"),
    [
        (WITHOUT_SUFFIXES, "http.server.duration", "s", HISTOGRAM, "http_server_duration"),
        (WITHOUT_SUFFIXES, "a__b@@c", "", COUNTER, "a__b_c"),
        (WITHOUT_SUFFIXES, "2xx", "", GAUGE, "_2xx"),
        (
            UTF8_WITH_SUFFIXES,
            "requêtes.http",
            "By/s",
            COUNTER,
            "requêtes.http_bytes_per_second_total",
        ),
        (UTF8_WITH_SUFFIXES, "cpu_seconds_total", "s", COUNTER, "cpu_seconds_total"),
        (UTF8_WITH_SUFFIXES, "cpu.ratio", "1", GAUGE, "cpu_ratio"),
        (UTF8_WITH_SUFFIXES, "total", "", COUNTER, "total_total"),
        (NO_TRANSLATION, "http.server.duration", "s", HISTOGRAM, "http.server.duration"),
        (NO_TRANSLATION, "2xx", "1", GAUGE, "2xx"),
    ],
)
def test_strategies(strategy: Strategy, name: str, unit: str, kind: Kind, expected: str) -> None:
    assert metric_name(name, unit, kind, strategy) == expected


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("", ""),
        ("s", "seconds"),
        ("1", ""),
        ("%", "percent"),
        ("1/mo", "per_month"),
        ("requests/m", "requests_per_minute"),
        ("{a}/{b}", ""),
        ("/", ""),
        ("/s", "per_second"),
        ("By/", "bytes"),
        ("a_", "a"),
        ("By/_a__b_", "bytes_per_a_b"),
    ],
)
def test_unit_name(unit: str, expected: str) -> None:
    assert unit_name(unit) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("http.request.method", "http_request_method"),
        ("plain", "plain"),
        ("a:b", "a_b"),
        ("a..b", "a__b"),
        ("a__b", "a__b"),
        ("123label", "key_123label"),
        ("_private", "key_private"),
        (".hidden", "key_hidden"),
        ("__reserved__", "__reserved__"),
        ("字符", "__"),
        ("é", "key_"),
        ("", "key_"),
        ("__name__", ""),
        ("..name..", ""),
    ],
)
def test_label_name(key: str, expected: str) -> None:
    assert label_name(key) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param([("a", "1"), ("b", "2")], {"a": "1", "b": "2"}, id="no collision"),
        pytest.param([("a.b", "1"), ("a_b", "2")], {"a_b": "1;2"}, id="joined"),
        pytest.param([("a_b", "2"), ("a.b", "1")], {"a_b": "1;2"}, id="in the order of keys"),
        pytest.param([("a.b", ""), ("a_b", "2")], {"a_b": "2"}, id="empty is absent"),
        pytest.param([("__name__", "x")], {}, id="no name from attributes"),
    ],
)
def test_labels(attributes: list[tuple[str, str]], expected: dict[str, str]) -> None:
    assert labels(attributes) == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({}, {}),
        ({"service.name": "api"}, {"job": "api"}),
        ({"service.name": "api", "service.namespace": "shop"}, {"job": "shop/api"}),
        ({"service.namespace": "shop"}, {}),
        ({"service.instance.id": "7"}, {"instance": "7"}),
    ],
)
def test_target_labels(resource: dict[str, str], expected: dict[str, str]) -> None:
    assert target_labels(resource) == expected


def test_scope_labels_have_no_empty_ones_and_fields_win_over_attributes() -> None:
    assert scope_labels("lib", "", "url", [("name", "other"), ("a.b", "c")]) == {
        "otel_scope_name": "lib",
        "otel_scope_schema_url": "url",
        "otel_scope_a_b": "c",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.005, "0.005"),
        (1.0, "1"),
        (10.0, "10"),
        (-0.5, "-0.5"),
        (0.0, "0"),
        (1e-9, "0.000000001"),
        (1.5e-7, "0.00000015"),
        (1e21, "1000000000000000000000"),
        (1.5e22, "15000000000000000000000"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_float_text(value: float, expected: str) -> None:
    assert float_text(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_text_is_the_number_without_exponent(value: float) -> None:
    text = float_text(value)
    assert float(text) == value
    assert "e" not in text.lower()


@given(st.text(), st.text(), st.sampled_from(Kind))
def test_names_are_valid_in_prometheus(name: str, unit: str, kind: Kind) -> None:
    translated = metric_name(name, unit, kind)
    assert translated == name or re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", translated)


@given(st.text())
def test_label_names_are_valid_in_prometheus(key: str) -> None:
    assert re.fullmatch(r"([a-zA-Z_][a-zA-Z0-9_]*)?", label_name(key))


@pytest.mark.parametrize(
    ("name", "strategy", "expected"),
    [
        pytest.param("2xx", WITH_SUFFIXES, "my_shop_2xx_seconds_total", id="before a digit"),
        pytest.param("my.shop", WITH_SUFFIXES, "my_shop_my_shop_seconds_total", id="name kept"),
        pytest.param("a", WITHOUT_SUFFIXES, "my_shop_a", id="without suffixes"),
        pytest.param("a.b", UTF8_WITH_SUFFIXES, "my.shop_a.b_seconds_total", id="UTF-8"),
        pytest.param("a.b", NO_TRANSLATION, "my.shop_a.b", id="no translation"),
    ],
)
def test_a_namespace_comes_first(name: str, strategy: Strategy, expected: str) -> None:
    assert metric_name(name, "s", COUNTER, strategy, namespace="my.shop") == expected


def test_labels_keep_their_names_where_nothing_is_escaped() -> None:
    attributes = [("a.b", "1"), ("_c", "2"), ("__name__", "no"), ("d", "")]
    assert labels(attributes, NO_TRANSLATION) == {"a.b": "1", "_c": "2"}
    assert scope_labels("n", "", "", [("a.b", "1")], NO_TRANSLATION) == {
        "otel_scope_name": "n",
        "otel_scope_a.b": "1",
    }
