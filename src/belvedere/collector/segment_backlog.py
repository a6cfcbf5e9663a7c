"""Which segment of a durable queue is worked off next.

A failure holds nothing up that could succeed: a segment that failed pauses, and its lane with
it, but other lanes go on, and after the pause of the lane its other segments come first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from belvedere.collector.segment_files import Segment

_DRAIN_FAILURES: Final = 3
"""Failures in a row after which a drain leaves a lane alone."""


@dataclass(slots=True)
class _Entry:
    segment: Segment
    failures: int = 0
    not_before_s: float = float("-inf")


@dataclass(slots=True)
class _Lane:
    failures: int = 0
    """In a row, of any of its segments."""
    not_before_s: float = float("-inf")
    taken: int = 0
    """Number of its segments that are being worked off."""
    turn: int = 0
    """When a segment of it was taken last, counted in takes."""


@dataclass(slots=True)
class SegmentBacklog:
    """The segments that wait, and those that are taken. Times are seconds of a monotonic clock."""

    first_pause_s: float
    longest_pause_s: float
    _waiting: list[_Entry] = field(default_factory=list)
    _taken: dict[str, _Entry] = field(default_factory=dict)
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _turn: int = 0
    _failed_in_drain: set[str] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def waiting(self) -> tuple[Segment, ...]:
        """The segments that are not taken, as they came; those that failed last."""
        return tuple(entry.segment for entry in self._waiting)

    def failing(self) -> int:
        """How many segments, waiting or taken, have failed."""
        return sum(entry.failures > 0 for entry in (*self._waiting, *self._taken.values()))

    def add(self, segment: Segment) -> None:
        """A new segment, younger than those of its lane that are here."""
        self._lanes.setdefault(segment.lane, _Lane())
        self._waiting.append(_Entry(segment))

    def take(self, now_s: float, join_bytes: int = 0) -> list[Segment]:
        """Take the next segment, and with it those to join: none if all pause or none waits.

        Segments are joined with the ones that follow them in their lane, up to `join_bytes`
        together. One that may have been worked off before, in part, is not: its id must stay.
        """
        ready = [entry for entry in self._waiting if self._ready_s(entry) <= now_s]
        if not ready:
            return []
        first = min(ready, key=lambda entry: self._lanes[entry.segment.lane].turn)
        chosen = [first]
        size_bytes = first.segment.size_bytes
        of_lane = [e for e in self._waiting if e.segment.lane == first.segment.lane]
        for entry in of_lane[of_lane.index(first) + 1 :]:
            size_bytes += entry.segment.size_bytes
            if size_bytes > join_bytes or not (_is_fresh(chosen[-1]) and _is_fresh(entry)):
                break
            chosen.append(entry)
        lane = self._lanes[first.segment.lane]
        self._turn += 1
        lane.turn = self._turn
        lane.taken += len(chosen)
        for entry in chosen:
            self._waiting.remove(entry)
            self._taken[entry.segment.id] = entry
        return [entry.segment for entry in chosen]

    def pause_s(self, now_s: float) -> float | None:
        """Seconds until `take` may find something that waits now; None if never by time alone."""
        times = [self._ready_s(entry) for entry in self._waiting]
        soonest_s = min(times, default=float("inf"))
        return None if soonest_s == float("inf") else max(soonest_s - now_s, 0.0)

    def replace(self, taken: Sequence[Segment], joined: Segment) -> None:
        """The taken segments have become one."""
        for segment in taken:
            del self._taken[segment.id]
        self._lanes[joined.lane].taken -= len(taken) - 1
        self._taken[joined.id] = _Entry(joined)

    def release(self, taken: Sequence[Segment]) -> None:
        """The taken segments were not touched: they come next in their lane, as before."""
        for position, segment in enumerate(taken):
            self._lanes[segment.lane].taken -= 1
            self._waiting.insert(position, self._taken.pop(segment.id))

    def done(self, segment: Segment) -> None:
        """The taken segment is worked off: its lane works."""
        del self._taken[segment.id]
        lane = self._lanes[segment.lane]
        lane.taken -= 1
        lane.failures = 0
        lane.not_before_s = float("-inf")

    def put_back(self, segment: Segment, now_s: float) -> float:
        """The taken segment failed. Returns the seconds until it may be taken again."""
        entry = self._taken.pop(segment.id)
        lane = self._lanes[segment.lane]
        lane.taken -= 1
        lane.failures += 1
        entry.failures += 1
        lane.not_before_s = now_s + self._pause_s(lane.failures)
        entry.not_before_s = now_s + self._pause_s(entry.failures)
        self._waiting.append(entry)
        if self._failed_in_drain is not None:
            self._failed_in_drain.add(segment.id)
        return max(lane.not_before_s, entry.not_before_s) - now_s

    def drain(self) -> None:
        """Take without pauses from now on, and nothing again that fails."""
        self._failed_in_drain = set()
        for lane in self._lanes.values():
            lane.failures = 0

    def is_drained(self) -> bool:
        """Whether nothing is taken, and nothing is left to take in a drain."""
        return not self._taken and all(
            self._ready_s(entry) == float("inf") for entry in self._waiting
        )

    def _ready_s(self, entry: _Entry) -> float:
        """When an entry can be taken; infinite if not before another event."""
        lane = self._lanes[entry.segment.lane]
        if self._failed_in_drain is not None:
            left = entry.segment.id in self._failed_in_drain or lane.failures >= _DRAIN_FAILURES
            return float("inf") if left else float("-inf")
        if lane.failures and lane.taken:
            return float("inf")  # one attempt at a time shows whether the lane works again
        return max(entry.not_before_s, lane.not_before_s)

    def _pause_s(self, failures: int) -> float:
        return min(self.first_pause_s * 2.0 ** min(failures - 1, 60), self.longest_pause_s)


def _is_fresh(entry: _Entry) -> bool:
    """Whether no process can have worked a segment off before, in part or whole."""
    return entry.failures == 0 and entry.segment.items is not None
