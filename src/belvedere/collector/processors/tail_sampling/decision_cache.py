"""Decisions about traces that are no longer held: what comes late follows them."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a trace."""

    sampled: bool
    at_s: float
    """By the processor's clock."""


class DecisionCache:
    """The last decisions, and for longer those of either kind that were last asked for."""

    def __init__(self, recent: int, sampled: int, non_sampled: int) -> None:
        """A cache of so many decisions of each sort."""
        self._recent = _Bounded(recent)
        self._kept = {True: _Bounded(sampled), False: _Bounded(non_sampled)}

    def note(self, trace: Hashable, decision: Decision) -> None:
        """Remember a decision."""
        for cache in (self._recent, self._kept[decision.sampled]):
            cache.put(trace, decision)

    def get(self, trace: Hashable) -> Decision | None:
        """What was decided about that trace; None: nothing that is remembered."""
        for cache in self._kept.values():
            if decision := cache.use(trace):
                return decision
        return self._recent.get(trace)


class _Bounded:
    def __init__(self, size: int) -> None:
        self._size = size
        self._decisions: OrderedDict[Hashable, Decision] = OrderedDict()

    def put(self, trace: Hashable, decision: Decision) -> None:
        self._decisions[trace] = decision
        while len(self._decisions) > self._size:
            self._decisions.popitem(last=False)

    def get(self, trace: Hashable) -> Decision | None:
        return self._decisions.get(trace)

    def use(self, trace: Hashable) -> Decision | None:
        decision = self._decisions.get(trace)
        if decision:
            self._decisions.move_to_end(trace)
        return decision
