"""`load_with_nhcb`: classic histograms, loaded again as native ones with custom buckets."""

import math
from collections import defaultdict

from belvedere.query.histogram.bounds import CUSTOM_SCHEMA
from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.promql.series_notation import Point


class _Classic:
    """One classic histogram at one time."""

    def __init__(self) -> None:
        self.buckets: dict[float, float] = {}
        self.count: float | None = None
        self.sum = 0.0

    def native(self) -> NativeHistogram:
        buckets = dict(sorted(self.buckets.items()))
        count = self.count if self.count is not None else list(buckets.values())[-1]
        buckets.setdefault(math.inf, count)
        cumulative = list(buckets.values())
        before = [0.0, *cumulative[:-1]]
        counts = [now - then for now, then in zip(cumulative, before, strict=True)]
        return NativeHistogram(
            schema=CUSTOM_SCHEMA,
            count=count,
            sum=self.sum,
            positive=Buckets.of(0, counts).compact,
            custom_values=tuple(bound for bound in buckets if bound != math.inf),
        )


def with_custom_buckets(
    series: list[tuple[Labels, list[Point]]], step_ms: int
) -> list[tuple[Labels, list[tuple[int, NativeHistogram]]]]:
    """The native histograms of all classic histograms among the series."""
    found: dict[Labels, dict[int, _Classic]] = defaultdict(lambda: defaultdict(_Classic))
    for labels, points in series:
        base, _, suffix = labels.name.rpartition("_")
        if suffix not in {"bucket", "count", "sum"}:
            continue
        bound = _bound(labels.get("le"))
        if suffix == "bucket" and bound is None:
            continue
        target = found[labels.without("le").with_(METRIC_NAME, base)]
        for index, point in enumerate(points):
            if not isinstance(point.value, float):
                continue
            classic = target[index * step_ms]
            if suffix == "bucket" and bound is not None:
                classic.buckets.setdefault(bound, point.value)
            elif suffix == "count":
                classic.count = point.value
            else:
                classic.sum = point.value
    return [
        (labels, [(time, classic.native()) for time, classic in sorted(times.items())])
        for labels, times in found.items()
    ]


def _bound(text: str) -> float | None:
    try:
        bound = float(text)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound
