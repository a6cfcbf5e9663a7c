"""What connectors share: histograms, patterns, the flush."""

import asyncio
import math
from collections.abc import Iterator

import pytest
from collector_samples import Recorder, batch_of, until
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from belvedere.collector.connectors.aggregation import flusher
from belvedere.collector.connectors.aggregation.flusher import Flusher
from belvedere.collector.connectors.aggregation.globs import regex_of
from belvedere.collector.connectors.aggregation.histograms import (
    ExplicitHistogram,
    ExponentialHistogram,
)
from belvedere.collector.connectors.telemetry import LOST_POINTS
from belvedere.collector.errors import Permanent, Retryable
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

VALUES = st.lists(st.floats(1e-9, 1e9), max_size=50)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 9.0])))
def test_a_bound_belongs_to_the_bucket_below(values: list[float]) -> None:
    histogram = ExplicitHistogram((1.0, 2.0))
    for value in values:
        histogram.observe(value, 2)
    point = HistogramDataPoint()
    histogram.write(point)
    counts = [sum(2 for value in values if value <= bound) for bound in (1.0, 2.0, math.inf)]
    assert list(point.bucket_counts) == [
        counts[0],
        counts[1] - counts[0],
        counts[2] - counts[1],
    ]
    assert (point.count, point.sum) == (2 * len(values), pytest.approx(2 * sum(values)))


@settings(max_examples=200, deadline=None)
@given(VALUES, st.integers(2, 20))
def test_exponential_buckets_hold_their_values(values: list[float], size: int) -> None:
    histogram = ExponentialHistogram(size)
    for value in [*values, 0.0]:
        histogram.observe(value)
    point = ExponentialHistogramDataPoint()
    histogram.write(point)
    counts = list(point.positive.bucket_counts)
    assert len(counts) <= size
    assert sum(counts) == len(values)
    assert (point.count, point.zero_count, point.min) == (len(values) + 1, 1, 0)
    step = 2.0**-point.scale
    for at, count in enumerate(counts, point.positive.offset):
        low, high = 2.0 ** (at * step), 2.0 ** ((at + 1) * step)
        inside = sum(low * (1 + 1e-9) < value <= high * (1 - 1e-9) for value in values)
        near = sum(low * (1 - 1e-9) < value <= high * (1 + 1e-9) for value in values)
        assert inside <= count <= near


@pytest.mark.parametrize(
    ("scale_of", "offset"), [([1.0], -1), ([2.0], 2**20 - 1), ([0.5], -(2**20) - 1)]
)
def test_powers_of_two_are_upper_bounds(scale_of: list[float], offset: int) -> None:
    histogram, point = ExponentialHistogram(160), ExponentialHistogramDataPoint()
    for value in scale_of:
        histogram.observe(value)
    histogram.write(point)
    assert (point.scale, point.positive.offset) == (20, offset)


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("k8s.*.name", ["k8s.pod.name"], ["k8s.pod.label.name", "k8s.name"]),
        ("db.**.name", ["db.a.name", "db.a.b.name"], ["db.name"]),
        ("a?c", ["abc"], ["a.c", "ac"]),
        ("a[bc]d", ["abd", "acd"], ["aed"]),
        ("a[!b-d]e", ["axe"], ["ace"]),
        ("{http,url}.*", ["http.route", "url.path"], ["httpx.y"]),
        (r"a\*", ["a*"], ["ab"]),
        ("a+b", ["a+b"], ["aab"]),
    ],
)
def test_patterns(pattern: str, matches: list[str], others: list[str]) -> None:
    regex = regex_of(pattern)
    assert [name for name in matches + others if regex.fullmatch(name)] == matches


@pytest.mark.parametrize("pattern", ["{a", "a[b"])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(ValueError, match="not closed"):
        regex_of(pattern)


@given(st.text(max_size=20))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        regex_of(text)
    except ValueError as error:
        assert "not closed" in str(error)  # noqa: PT017 - either outcome is right


class Source:
    """Something to hand on: one batch each time."""

    def __init__(self) -> None:
        self.made = 0
        self.last: list[bool] = []

    def __call__(self, *, last: bool) -> Iterator[Batch]:
        self.made += 1
        self.last.append(last)
        yield batch_of(Signal.METRICS, [self.made])


async def test_what_waits_goes_first_and_nothing_new_is_asked_for() -> None:
    source, recorder = Source(), Recorder(Retryable("no"), Retryable("no"))
    each = Flusher("x", recorder, source)
    assert not await each.flush()
    assert not await each.flush()
    assert source.made == 1
    assert await each.flush()
    assert recorder.numbers == [1, 1, 1, 2]


async def test_what_is_refused_for_good_is_counted() -> None:
    source, recorder = Source(), Recorder(Permanent("no"))
    lost = LOST_POINTS.labels("x")
    before = lost._value.get()
    assert await Flusher("x", recorder, source).flush()
    assert lost._value.get() - before == 1


async def test_it_flushes_regularly_also_after_a_defect() -> None:
    source, recorder = Source(), Recorder(RuntimeError("defect"))
    each = Flusher("x", recorder, source)
    each.start(0.001)
    await until(lambda: len(recorder.batches) >= 3)
    await each.shutdown()
    await each.shutdown()
    assert source.last[-1]
    assert source.last.count(True) == 1


async def test_the_end_waits_for_the_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "_PAUSE_S", 0.001)
    source, recorder = Source(), Recorder(*[Retryable("no")] * 3)
    await Flusher("x", recorder, source).shutdown()
    assert (recorder.numbers, source.last) == ([1, 1, 1, 1], [True])


async def test_the_end_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "_STOP_S", 0.02)
    source, recorder = Source(), Recorder()
    recorder.gate.clear()
    lost = LOST_POINTS.labels("y")
    each = Flusher("y", recorder, source)
    each.start(0.001)
    await recorder.arrived.acquire()
    async with asyncio.timeout(10):
        await each.shutdown()
    assert lost._value.get() == 1
