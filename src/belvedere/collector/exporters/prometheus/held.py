"""The newest point of each series, until it expires."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from belvedere.prometheus.exposition.family import Family
from belvedere.prometheus.from_otlp import Point
from belvedere.prometheus.from_otlp.add import added
from belvedere.prometheus.model import Labels, Metadata, MetricType

_Key: TypeAlias = tuple[str, Labels]

_MAX_BUCKETS = 160 * 2
"""Of a native histogram that deltas are added to; beyond, it begins anew."""


@dataclass(slots=True)
class _Held:
    point: Point
    updated_s: float
    replaced: int = 0
    """The resource that had the series before; 0: none."""
    replaced_s: float = -1.0
    """When that was."""


class HeldPoints:
    """Points by their name and labels, as of their last update.

    Resources whose points have equal labels share a series: the newer point counts. That is right
    for a process that was restarted, and wrong for two that run at once, so `collisions` counts
    the points that took a series back, or were the third in one update.
    """

    def __init__(self, expiration_s: float) -> None:
        """Nothing yet; what is not updated for `expiration_s` is forgotten."""
        self._expiration_s = expiration_s
        self._held: dict[_Key, _Held] = {}
        self._families: dict[str, Metadata] = {}
        self._swept_s = 0.0
        self.collisions = 0

    def update(self, points: Iterable[Point], now_s: float) -> Counter[str]:
        """Take points in. Returns how many were refused, by reason.

        - `delta`: a delta of a sum that can fall, which contrib drops as well.
        - `out_of_order`: a delta that begins before the last one ended.
        - `type`: the name is held with another type.
        """
        if now_s - self._swept_s > self._expiration_s / 2:
            self.expire(now_s)
        refused: Counter[str] = Counter()
        for point in points:
            if reason := self._update(point, now_s):
                refused[reason] += 1
        return refused

    def expire(self, now_s: float) -> None:
        """Forget what was not updated in time."""
        oldest_s = now_s - self._expiration_s
        self._held = {key: held for key, held in self._held.items() if held.updated_s >= oldest_s}
        names = {name for name, _ in self._held}
        self._families = {name: each for name, each in self._families.items() if name in names}
        self._swept_s = now_s

    def families(self) -> list[Family]:
        """All points, by name and labels, with the first help that a name had."""
        ordered = sorted(self._held.items())
        return [
            Family(self._families[name], tuple(held.point for _, held in group))
            for name, group in groupby(ordered, key=lambda item: item[0][0])
        ]

    def __len__(self) -> int:
        """How many points are held."""
        return len(self._held)

    def _update(self, point: Point, now_s: float) -> str:
        """Why the point is refused; empty: it is taken."""
        key = _key(point)
        if point.is_stale:
            self._held.pop(key, None)
            return ""
        family = self._families.setdefault(point.metadata.name, point.metadata)
        if family.type is not point.metadata.type:
            return "type"
        if point.is_delta and point.metadata.type is MetricType.GAUGE:
            return "delta"
        held = self._held.get(key)
        if held is None:
            self._held[key] = _Held(point, now_s)
            return ""
        return self._replace(held, point, now_s)

    def _replace(self, held: _Held, point: Point, now_s: float) -> str:
        before = held.point
        if point.resource != before.resource:
            self.collisions += point.resource == held.replaced or held.replaced_s == now_s
            held.replaced, held.replaced_s = before.resource, now_s
        if point.is_delta:
            if point.time_ms <= before.time_ms or 0 < point.created_ms < before.time_ms:
                return "out_of_order"
            total = added(before, point)
            point = point if _is_too_large(total) else total
        if point.time_ms >= before.time_ms:  # else what is held is newer
            held.point, held.updated_s = point, now_s
        return ""


def _key(point: Point) -> _Key:
    if point.is_target_info:
        # One a target, or joins with it find two.
        target = tuple(pair for pair in point.labels if pair[0] in ("instance", "job"))
        return point.metadata.name, target
    return point.metadata.name, point.labels


def _is_too_large(point: Point) -> bool:
    histogram = point.histogram
    return (
        histogram is not None and len(histogram.positive) + len(histogram.negative) > _MAX_BUCKETS
    )
