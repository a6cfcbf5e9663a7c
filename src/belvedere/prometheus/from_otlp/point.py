"""One OTLP data point: the samples that Prometheus has for it, together."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from belvedere.prometheus.model import (
    NAME,
    Exemplar,
    Labels,
    Metadata,
    NativeHistogram,
    Series,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A sample of a point."""

    suffix: str
    """Of the name: "", `_bucket`, `_sum`, `_count`."""
    label: tuple[str, str] | None
    """`le` or `quantile`, where the sample has one."""
    value: float
    exemplars: tuple[Exemplar, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A data point. `lines` or `histogram` has its value."""

    metadata: Metadata
    labels: Labels
    """Without `__name__`, `le` and `quantile`."""
    time_ms: int
    created_ms: int
    """Start of a counter, histogram or summary; 0: not known."""
    lines: tuple[Line, ...] = ()
    """Buckets ascending, then sum, then count."""
    histogram: NativeHistogram | None = None
    exemplars: tuple[Exemplar, ...] = ()
    """Of the native histogram."""
    is_stale: bool = False
    """The stream ended: all values are stale markers."""
    is_delta: bool = False
    """The value is what came since `created_ms`, not since the beginning."""
    is_target_info: bool = False
    """It is not a data point of the request's, but tells of its resource."""
    resource: int = 0
    """Hash of its resource's attributes: tells resources apart whose points have equal labels."""

    def labels_of(self, line: Line) -> Labels:
        """The labels of one of its samples, with the name."""
        pairs = list(self.labels)
        if line.label:
            pairs.insert(bisect_left(pairs, line.label), line.label)
        named = (NAME, self.metadata.name + line.suffix)
        pairs.insert(bisect_left(pairs, named), named)
        return tuple(pairs)


def series_of(points: Iterable[Point]) -> list[Series]:
    """The series of points, in the order of their first samples; each one's samples by time.

    Of two samples of a series with one time the later point's counts.
    """
    found: dict[Labels, Series] = {}
    unordered: set[Labels] = set()
    for point in points:
        if point.histogram is not None:
            labels = point.labels_of(Line("", None, 0))
            series = _series(found, labels, point)
            series.histograms.append((point.time_ms, point.histogram))
            series.exemplars += point.exemplars
            if len(series.histograms) > 1:
                unordered.add(labels)
        for line in point.lines:
            labels = point.labels_of(line)
            series = _series(found, labels, point)
            series.samples.append((point.time_ms, line.value))
            series.exemplars += line.exemplars
            if len(series.samples) > 1:
                unordered.add(labels)
    for labels in unordered:
        series = found[labels]
        series.samples = sorted(dict(series.samples).items())
        series.histograms = sorted(dict(series.histograms).items(), key=lambda each: each[0])
        series.exemplars.sort(key=lambda exemplar: exemplar.time_ms)
    return list(found.values())


def _series(found: dict[Labels, Series], labels: Labels, point: Point) -> Series:
    series = found.get(labels)
    if series is None:
        series = found[labels] = Series(labels, point.metadata, created_ms=point.created_ms)
    return series
