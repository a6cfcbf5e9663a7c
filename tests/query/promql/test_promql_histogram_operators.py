"""Binary operators on native histograms, and what is read of them."""

import math

import pytest

from belvedere.query.histogram.text import print_histogram
from belvedere.query.labels import Labels
from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.promql.annotations import mixed_exponential_custom_histograms
from belvedere.query.promql.engine import Engine, EngineOptions
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.options import EXPERIMENTAL
from belvedere.query.promql.series_notation import parse_series

ENGINE = Engine(EngineOptions(parser=EXPERIMENTAL))
MINUTE_MS = 60_000
MIXED_SCHEMAS = mixed_exponential_custom_histograms("m")


@pytest.fixture
def source() -> MemorySource:
    return loaded(
        "h {{count:4 sum:4 buckets:[1 2 1]}} {{count:8 sum:8 buckets:[2 4 2]}}",
        "custom {{schema:-53 count:3 sum:9 custom_values:[2 4] buckets:[1 1 1]}}x1",
        "other {{schema:-53 count:3 sum:9 custom_values:[4] buckets:[2 1]}}x1",
        "f 2 2",
        "fell {{count:9 sum:9 buckets:[9]}} {{count:2 sum:2 buckets:[2]}}",
    )


def loaded(*lines: str) -> MemorySource:
    """The series, a point a minute."""
    found = MemorySource()
    for line in lines:
        labels, points = parse_series(line)
        found.add(
            labels,
            [(n * MINUTE_MS, point.value) for n, point in enumerate(points) if point.value],
        )
    return found


def shown(source: MemorySource, query: str, at_ms: int = MINUTE_MS) -> tuple[str, list[str]]:
    """The one result as text, and what was annotated."""
    result = ENGINE.instant(query, source, at_ms)
    notes = [*result.annotations.warnings(query), *result.annotations.infos(query)]
    value = result.value
    assert isinstance(value, SeriesMatrix)
    if not value.labels:
        return "", notes
    histogram = None if value.histograms is None else value.histograms[0, 0]
    if histogram is not None:
        return print_histogram(histogram), notes
    return str(float(value.values[0, 0])), notes


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("h + h", "{count:16, sum:16, (0.5,1]:4, (1,2]:8, (2,4]:4}"),
        ("h - h", "{count:0, sum:0}"),
        ("h * 2", "{count:16, sum:16, (0.5,1]:4, (1,2]:8, (2,4]:4}"),
        ("0.5 * h", "{count:4, sum:4, (0.5,1]:1, (1,2]:2, (2,4]:1}"),
        ("h * f", "{count:16, sum:16, (0.5,1]:4, (1,2]:8, (2,4]:4}"),
        ("f * h", "{count:16, sum:16, (0.5,1]:4, (1,2]:8, (2,4]:4}"),
        ("h / 4", "{count:2, sum:2, (0.5,1]:0.5, (1,2]:1, (2,4]:0.5}"),
        ("-h", "{count:-8, sum:-8, (0.5,1]:-2, (1,2]:-4, (2,4]:-2}"),
        ("h == h", "{count:8, sum:8, (0.5,1]:2, (1,2]:4, (2,4]:2}"),
        ("h != bool h", "0.0"),
        ("h </ 1", "{count:2, sum:1.4142135623730951, (0.5,1]:2}"),
        ("h >/ +Inf", "{count:0, sum:0}"),
        ("h and f", "{count:8, sum:8, (0.5,1]:2, (1,2]:4, (2,4]:2}"),
        ("f or h", "2.0"),
        ("f unless h", ""),
    ],
)
def test_operators(source: MemorySource, query: str, expected: str) -> None:
    assert shown(source, query) == (expected, [])


@pytest.mark.parametrize(
    ("query", "note"),
    [
        (
            "h + f",
            (
                'PromQL info: incompatible sample types encountered for binary operator "+": '
                "histogram + float (1:1)"
            ),
        ),
        (
            "1 - h",
            (
                'PromQL info: incompatible sample types encountered for binary operator "-": '
                "float - histogram (1:1)"
            ),
        ),
        (
            "2 > h",
            (
                'PromQL info: incompatible sample types encountered for binary operator ">": '
                "float > histogram (1:1)"
            ),
        ),
        (
            "h ^ h",
            (
                'PromQL info: incompatible sample types encountered for binary operator "^": '
                "histogram ^ histogram (1:1)"
            ),
        ),
        (
            "f </ 1",
            (
                'PromQL info: incompatible sample types encountered for binary operator "</": '
                "float </ float (1:1)"
            ),
        ),
        (
            "h + custom",
            ("PromQL warning: incompatible bucket layout encountered for binary operator + (1:1)"),
        ),
    ],
)
def test_what_does_not_fit_gives_nothing_and_is_told(
    source: MemorySource, query: str, note: str
) -> None:
    assert shown(source, query) == ("", [note])


@pytest.mark.parametrize("operator", ["</", ">/"])
def test_scalars_cannot_be_trimmed(source: MemorySource, operator: str) -> None:
    with pytest.raises(
        ExecutionError, match=f'operator "{operator}" not allowed for Scalar operations'
    ):
        ENGINE.instant(f"1 {operator} 2", source, MINUTE_MS)


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("vector(1) </ 2", "float </ float"),
        ("1 >/ h", "float >/ histogram"),
        ("h </ h", "histogram </ histogram"),
    ],
)
def test_what_cannot_be_trimmed_is_reported(source: MemorySource, query: str, types: str) -> None:
    value, notes = shown(source, query)
    assert not value
    assert len(notes) == 1
    assert types in notes[0]


def test_custom_bounds_are_reconciled(source: MemorySource) -> None:
    assert shown(source, "custom + other") == (
        "{count:6, sum:18, [-Inf,4]:4, (4,+Inf]:2}",
        ["PromQL info: mismatched custom buckets were reconciled during addition (1:1)"],
    )


def test_counts_find_resets_without_buckets(source: MemorySource) -> None:
    query = "histogram_count(increase(fell[2m]))"
    result = ENGINE.range(query, source, Grid(MINUTE_MS, MINUTE_MS, MINUTE_MS))
    value = result.value
    assert isinstance(value, SeriesMatrix)
    assert list(value.labels) == [Labels()]
    assert value.values[0, -1] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("histogram_count(h </ 1)", [1.0, 2.0]),
        ("histogram_count(h >/ 1)", [3.0, 6.0]),
        ("histogram_sum(h </ 1)", [math.sqrt(0.5), 2 * math.sqrt(0.5)]),
        ("histogram_avg(h </ 1)", [math.sqrt(0.5), math.sqrt(0.5)]),
        ("histogram_count(h </ on() f)", [3.0, 6.0]),
        ("histogram_count(sum(h) >/ 2)", [1.0, 2.0]),
        ("histogram_count(-h </ 1)", [-1.0, -2.0]),
        ("histogram_count(avg_over_time(h[2m]) </ 1)", [1.0, 1.5]),
        ("histogram_count(sum_over_time((h </ 1)[2m:1m]))", [1.0, 3.0]),
        ("histogram_count(custom </ 3)", [1.5, 1.5]),
        ("histogram_sum(custom </ 3)", [2.25, 2.25]),
        ("histogram_count(custom >/ 4)", [1.0, 1.0]),
    ],
)
def test_trims_at_each_step(source: MemorySource, query: str, expected: list[float]) -> None:
    """Below functions of totals alone the buckets must still be there for a trim."""
    result = ENGINE.range(query, source, Grid(0, MINUTE_MS, MINUTE_MS))
    assert isinstance(result.value, SeriesMatrix)
    assert result.value.values[0].tolist() == pytest.approx(expected)
    assert not result.annotations.warnings(query)


@pytest.mark.parametrize("call", ["histogram_count", "histogram_sum", "histogram_avg"])
def test_totals_still_report_mixed_schemas(call: str) -> None:
    source = loaded(
        "m {{schema:-53 count:2 sum:2 custom_values:[1] buckets:[1 1]}}x1 "
        "{{count:4 sum:4 buckets:[2 2]}}"
    )
    query = f"{call}(rate(m[5m]))"
    assert shown(source, query, 2 * MINUTE_MS) == (
        "",
        [f"PromQL warning: {MIXED_SCHEMAS} (1:{len(call) + 7})"],
    )


@pytest.mark.parametrize(
    ("series", "at_s", "expected", "note"),
    [
        pytest.param(
            "m {{count:4 sum:4 buckets:[1 3]}} {{count:8 sum:6 buckets:[3 5]}}",
            15,
            "{count:5, sum:4.5, (0.5,1]:1.5, (1,2]:3.5}",
            "",
            id="between",
        ),
        pytest.param(
            "m {{count:4 sum:4 buckets:[1 3]}} {{count:8 sum:6 buckets:[3 5]}}",
            60,
            "{count:8, sum:6, (0.5,1]:3, (1,2]:5}",
            "",
            id="at a sample",
        ),
        pytest.param(
            "m {{count:4 sum:4 buckets:[1 3]}}",
            200,
            "{count:4, sum:4, (0.5,1]:1, (1,2]:3}",
            "",
            id="after the last",
        ),
        pytest.param("m _ {{count:4 sum:4 buckets:[1 3]}}", 30, "", "", id="before the first"),
        pytest.param("m {{count:4 sum:4 buckets:[4]}}", 300, "", "", id="too long ago"),
        pytest.param(
            "m {{count:8 sum:8 buckets:[8]}} {{count:4 sum:4 buckets:[4]}}",
            30,
            "{count:2, sum:2, (0.5,1]:2}",
            "",
            id="a counter starts at zero after a reset",
        ),
        pytest.param(
            "m {{count:8 sum:8 buckets:[8] counter_reset_hint:gauge}} "
            "{{count:4 sum:4 buckets:[4] counter_reset_hint:gauge}}",
            30,
            "{count:6, sum:6, (0.5,1]:6}",
            "",
            id="a gauge falls",
        ),
        pytest.param(
            "m {{schema:1 count:2 sum:2 buckets:[1 1]}} {{count:4 sum:4 buckets:[2 2]}}",
            30,
            "{count:3, sum:3, (0.5,1]:1.5, (1,2]:1.5}",
            "",
            id="at the lower of two resolutions",
        ),
        pytest.param(
            "m {{schema:-53 count:2 sum:2 custom_values:[1] buckets:[1 1]}} "
            "{{count:4 sum:4 buckets:[2 2]}}",
            30,
            "",
            f"PromQL warning: {MIXED_SCHEMAS} (1:1)",
            id="mixed schemas",
        ),
        pytest.param(
            "m 1 {{count:4 sum:4 buckets:[2 2]}}",
            30,
            "",
            'PromQL warning: encountered a mix of histograms and floats for metric name "m" (1:1)',
            id="a float and a histogram",
        ),
    ],
)
def test_smoothed_selects_between_histograms(
    series: str, at_s: int, expected: str, note: str
) -> None:
    query = "m smoothed"
    assert shown(loaded(series), query, at_s * 1000) == (expected, [note] if note else [])
