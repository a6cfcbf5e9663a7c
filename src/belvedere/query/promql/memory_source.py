"""Series in memory: what test files load, and rule tests."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from belvedere.query.histogram.native import CounterReset, NativeHistogram
from belvedere.query.histogram.reset import detect_reset
from belvedere.query.labels import Labels
from belvedere.query.promql.matcher import Matcher
from belvedere.query.samples import Samples


class MemorySource:
    """A `Source` of samples that were added to it."""

    def __init__(self) -> None:
        self._points: dict[Labels, dict[int, float | NativeHistogram]] = {}
        self._starts_ms: dict[Labels, dict[int, int]] = {}
        self._series: dict[Labels, Samples] = {}

    def add(self, labels: Labels, points: Iterable[tuple[int, float | NativeHistogram]]) -> None:
        """Add samples, (Unix milliseconds, value), to a series; of one time the last counts."""
        self._points.setdefault(labels, {}).update(points)
        self._series.pop(labels, None)

    def add_starts(self, labels: Labels, starts_ms: Iterable[tuple[int, int]]) -> None:
        """Add start times, (time of the sample, start time), Unix milliseconds, to a series."""
        self._starts_ms.setdefault(labels, {}).update(starts_ms)
        self._series.pop(labels, None)

    def forget_before(self, time_ms: int) -> None:
        """Forget samples before a time, and series that have none left."""
        for labels, points in list(self._points.items()):
            kept = {time: value for time, value in points.items() if time >= time_ms}
            if len(kept) == len(points):
                continue
            self._series.pop(labels, None)
            if kept:
                self._points[labels] = kept
            else:
                del self._points[labels]
                self._starts_ms.pop(labels, None)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        """See `Source.select`."""
        found = [
            labels
            for labels in self._points
            if all(matcher.matches(labels.get(matcher.name)) for matcher in matchers)
        ]
        found.sort(key=lambda labels: tuple(labels.items()))
        parts = [_between(self._samples(labels), start_ms, end_ms) for labels in found]
        return _joined(parts)

    def _samples(self, labels: Labels) -> Samples:
        samples = self._series.get(labels)
        if samples is None:
            samples = self._series[labels] = _stored(
                labels, self._points[labels], self._starts_ms.get(labels)
            )
        return samples


def _stored(
    labels: Labels, points: dict[int, float | NativeHistogram], starts_ms: dict[int, int] | None
) -> Samples:
    times = sorted(points)
    histograms = np.full(len(times), None, np.object_)
    values = np.zeros(len(times))
    read = zip(times, hints_as_read(points[time] for time in times), strict=True)
    for index, (_, value) in enumerate(read):
        if isinstance(value, NativeHistogram):
            histograms[index] = value
        else:
            values[index] = value
    return Samples(
        [labels],
        np.array([0, len(times)], np.int64),
        np.array(times, np.int64),
        values,
        histograms if histograms.astype(np.bool_).any() else None,
        None
        if starts_ms is None
        else np.array([starts_ms.get(time, 0) for time in times], np.int64),
    )


def hints_as_read(
    values: Iterable[float | NativeHistogram],
) -> Iterator[float | NativeHistogram]:
    """The samples of a series with the counter reset hints that Prometheus's storage gives back.

    It keeps histograms in chunks without a reset. Of the first in a chunk nothing is known (not
    even that a reset began it), and all others are known to be no reset.
    """
    before: NativeHistogram | None = None
    for value in values:
        if not isinstance(value, NativeHistogram) or value.counter_reset is CounterReset.GAUGE:
            before = None
            yield value
        else:
            yield value.with_hint(_hint(value, before))
            before = value


def _hint(value: NativeHistogram, before: NativeHistogram | None) -> CounterReset:
    if before is None or value.counter_reset is CounterReset.RESET:
        return CounterReset.UNKNOWN
    if (value.schema, value.zero_threshold, value.custom_values) != (
        before.schema,
        before.zero_threshold,
        before.custom_values,
    ):
        return CounterReset.UNKNOWN
    unknown = CounterReset.UNKNOWN
    fell = detect_reset(value.with_hint(unknown), before.with_hint(unknown))
    return CounterReset.UNKNOWN if fell else CounterReset.NOT_RESET


def _between(samples: Samples, start_ms: int, end_ms: int) -> Samples:
    first, last = samples.timestamps_ms.searchsorted([start_ms, end_ms], side="right").tolist()
    histograms = None if samples.histograms is None else samples.histograms[first:last]
    if histograms is not None and not histograms.astype(np.bool_).any():
        histograms = None
    return Samples(
        samples.labels,
        np.array([0, last - first], np.int64),
        samples.timestamps_ms[first:last],
        samples.values[first:last],
        histograms,
        None if samples.starts_ms is None else samples.starts_ms[first:last],
    )


def _joined(parts: list[Samples]) -> Samples:
    parts = [part for part in parts if part.values.size]
    if not parts:
        return Samples.empty()
    histograms = None
    if any(part.histograms is not None for part in parts):
        histograms = np.concatenate(
            [
                np.full(part.values.size, None, np.object_)
                if part.histograms is None
                else part.histograms
                for part in parts
            ]
        )
    starts_ms = None
    if any(part.starts_ms is not None for part in parts):
        starts_ms = np.concatenate(
            [
                np.zeros(part.values.size, np.int64) if part.starts_ms is None else part.starts_ms
                for part in parts
            ]
        )
    return Samples(
        [part.labels[0] for part in parts],
        np.concatenate(([0], np.cumsum([part.values.size for part in parts]))).astype(np.int64),
        np.concatenate([part.timestamps_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
        histograms,
        starts_ms,
    )
