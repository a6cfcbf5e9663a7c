"""Binary operators on native histograms, and what is read of them."""

import pytest

from belvedere.query.histogram.text import print_histogram
from belvedere.query.labels import Labels
from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.promql.engine import Engine, EngineOptions
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.options import EXPERIMENTAL
from belvedere.query.promql.series_notation import parse_series

ENGINE = Engine(EngineOptions(parser=EXPERIMENTAL))
MINUTE_MS = 60_000


@pytest.fixture
def source() -> MemorySource:
    found = MemorySource()
    for line in (
        "h {{count:4 sum:4 buckets:[1 2 1]}} {{count:8 sum:8 buckets:[2 4 2]}}",
        "custom {{schema:-53 count:3 sum:9 custom_values:[2 4] buckets:[1 1 1]}}x1",
        "other {{schema:-53 count:3 sum:9 custom_values:[4] buckets:[2 1]}}x1",
        "f 2 2",
        "fell {{count:9 sum:9 buckets:[9]}} {{count:2 sum:2 buckets:[2]}}",
    ):
        labels, points = parse_series(line)
        found.add(
            labels,
            [(n * MINUTE_MS, point.value) for n, point in enumerate(points) if point.value],
        )
    return found


def shown(source: MemorySource, query: str) -> tuple[str, list[str]]:
    """The one result as text, and what was annotated."""
    result = ENGINE.instant(query, source, MINUTE_MS)
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
        ("h </ 1", "{count:2, sum:0, (0.5,1]:2}"),
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
