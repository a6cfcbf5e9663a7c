"""Start times of samples: upstream's feature `use-start-timestamps`."""

from collections.abc import Sequence

import pytest

from belvedere.query.histogram.text import print_histogram
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.engine import Engine, EngineOptions
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.options import EXPERIMENTAL
from belvedere.query.promql.series_notation import parse_series

ENGINES = {
    name: Engine(EngineOptions(parser=EXPERIMENTAL, start_timestamps=name == "using"))
    for name in ("using", "ignoring")
}
MINUTE_MS = 60_000

# One start time a sample, in seconds; 0 is unknown.
RESTARTED = ("m 5 10 12 20", (-60, -60, 90, 90))
DELTAS = ("m _ 5 5 5 5", (0, 10, 70, 130, 190))
CONTIGUOUS_DELTAS = ("m _ _ 5 5 5", (0, 0, 60, 120, 180))
UNKNOWN_START = ("m _ 5 6 7", (0, 0, 60, 60))
START_AT_SAMPLE = ("m _ 5 6 7", (0, 60, 120, 180))
LATE_START = ("m _ 5 6 7", (0, 0, 500, 500))
HISTOGRAM = (
    "m {{count:4 sum:4 buckets:[4]}} {{count:5 sum:6 buckets:[5]}} {{count:6 sum:7 buckets:[6]}}",
    (-30, -30, 90),
)


def source_of(series: str, starts_s: Sequence[int]) -> MemorySource:
    """A series with a sample a minute."""
    labels, points = parse_series(series)
    source = MemorySource()
    source.add(
        labels, [(n * MINUTE_MS, p.value) for n, p in enumerate(points) if p.value is not None]
    )
    source.add_starts(labels, [(n * MINUTE_MS, at * 1000) for n, at in enumerate(starts_s)])
    return source


def shown(engine: Engine, source: MemorySource, query: str, at_s: int) -> str | float | None:
    matrix = engine.instant(query, source, at_s * 1000).value
    assert isinstance(matrix, SeriesMatrix)
    if not matrix.labels:
        return None
    if matrix.histograms is not None and matrix.histograms[0, 0] is not None:
        return print_histogram(matrix.histograms[0, 0])
    return float(matrix.values[0, 0])


@pytest.mark.parametrize(
    ("data", "query", "at_s", "using", "ignoring"),
    [
        pytest.param(RESTARTED, "resets(m[4m])", 180, 1, 0, id="a reset without a fall"),
        pytest.param(RESTARTED, "increase(m[4m])", 180, 30, 20, id="what the reset lost"),
        pytest.param(RESTARTED, "irate(m[2m])", 120, 0.2, 2 / 60, id="irate from zero"),
        pytest.param(RESTARTED, "idelta(m[2m])", 120, 2, 2, id="gauges have no start"),
        pytest.param(RESTARTED, "delta(m[4m])", 180, 20, 20, id="nor has delta"),
        pytest.param(RESTARTED, "changes(m[4m])", 180, 3, 3, id="nor has changes"),
        pytest.param(RESTARTED, "increase(m[2m])", 0, 5, None, id="one sample is enough"),
        pytest.param(RESTARTED, "rate(m[2m])", 0, 5 / 120, None, id="one sample, per second"),
        pytest.param(RESTARTED, "increase(m[1m])", 0, None, None, id="a start before the range"),
        pytest.param(DELTAS, "increase(m[3m])", 240, 15, 0, id="deltas add up"),
        pytest.param(DELTAS, "resets(m[4m])", 240, 3, 0, id="each delta is a reset"),
        pytest.param(CONTIGUOUS_DELTAS, "resets(m[3m])", 240, 2, 0, id="deltas without a gap"),
        pytest.param(UNKNOWN_START, "resets(m[3m])", 180, 0, 0, id="the start is a sample's time"),
        pytest.param(START_AT_SAMPLE, "resets(m[3m])", 180, 0, 0, id="a start at its own sample"),
        pytest.param(LATE_START, "resets(m[3m])", 180, 0, 0, id="a start after its sample"),
        pytest.param(RESTARTED, "increase(m[3m] anchored)", 180, 15, 15, id="not if anchored"),
        pytest.param(RESTARTED, "increase(m[3m] smoothed)", 180, 15, 15, id="not if smoothed"),
        pytest.param(RESTARTED, "increase(m[4m:1m])", 180, 20, 20, id="not of a subquery"),
        pytest.param(RESTARTED, "start_timestamp(m)", 130, 90, None, id="start_timestamp"),
        pytest.param(UNKNOWN_START, "start_timestamp(m)", 60, 0, None, id="an unknown start is 0"),
        pytest.param(RESTARTED, "start_timestamp(m + 1)", 60, None, None, id="of an expression"),
        pytest.param(HISTOGRAM, "resets(m[3m])", 120, 1, 0, id="histograms, resets"),
        pytest.param(
            HISTOGRAM,
            "increase(m[3m])",
            120,
            "{count:11, sum:13, (0.5,1]:11}",
            "{count:3, sum:4.5, (0.5,1]:3}",
            id="histograms, what the reset lost and what came before the first",
        ),
        pytest.param(
            HISTOGRAM, "increase(m[1m])", 0, "{count:4, sum:4, (0.5,1]:4}", None, id="one histogram"
        ),
        pytest.param(
            HISTOGRAM,
            "irate(m[3m]) * 60",
            120,
            "{count:6, sum:7, (0.5,1]:6}",
            "{count:1, sum:1, (0.5,1]:1}",
            id="histograms, irate",
        ),
        pytest.param(
            HISTOGRAM, "histogram_count(increase(m[3m]))", 120, 11, 3, id="histograms, totals"
        ),
    ],
)
def test_start_times_tell_resets(
    data: tuple[str, Sequence[int]],
    query: str,
    at_s: int,
    using: str | float | None,
    ignoring: str | float | None,
) -> None:
    source = source_of(*data)
    found = {name: shown(engine, source, query, at_s) for name, engine in ENGINES.items()}
    for name, expected in (("using", using), ("ignoring", ignoring)):
        if isinstance(expected, str) or expected is None:
            assert found[name] == expected
        else:
            assert found[name] == pytest.approx(expected)
