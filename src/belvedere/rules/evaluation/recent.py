"""What rules wrote a moment ago.

Samples can be asked for when the store has taken them from its queue, which takes a second or
two. The next rule of a group must see those of the rule before it at once.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import Labels
from belvedere.query.promql.matcher import Matcher
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.source import Source
from belvedere.query.samples import Samples

KEPT_MS: Final = 120_000
"""How long samples are kept: longer than the queue of the store takes at its worst."""


class Recent:
    """Samples of the last minutes. From any thread."""

    def __init__(self) -> None:
        self._memory = MemorySource()
        self._lock = threading.Lock()
        self._forgets_ms = 0

    def add(
        self, at_ms: int, samples: Iterable[tuple[Labels, float | NativeHistogram]], now_ms: int
    ) -> None:
        """Keep samples of one time; forget those that are old by `now_ms`."""
        with self._lock:
            for labels, value in samples:
                self._memory.add(labels, [(at_ms, value)])
            if now_ms >= self._forgets_ms:
                self._memory.forget_before(now_ms - KEPT_MS)
                self._forgets_ms = now_ms + KEPT_MS // 10

    def over(self, source: Callable[[], Source]) -> Callable[[], Source]:
        """Sources of both."""
        return lambda: _Both(self, source())

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        """See `Source.select`."""
        with self._lock:
            return self._memory.select(matchers, start_ms, end_ms)


class _Both:
    """Samples of a store, and those that it does not have yet."""

    def __init__(self, recent: Recent, store: Source) -> None:
        self._recent, self._store = recent, store

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        # In this order: what the store takes meanwhile is in one of the two.
        recent = self._recent.select(matchers, start_ms, end_ms)
        stored = self._store.select(matchers, start_ms, end_ms)
        if not len(recent.labels):
            return stored
        return merged(stored, recent)


def merged(first: Samples, second: Samples) -> Samples:
    """Samples of both, each time of a series once."""
    labels = sorted({*first.labels, *second.labels})
    row_of = {each: row for row, each in enumerate(labels)}
    parts = (first, second)
    owners = np.concatenate(
        [
            np.repeat(
                np.array([row_of[each] for each in part.labels], np.int64), np.diff(part.offsets)
            )
            for part in parts
        ]
    )
    times = np.concatenate([part.timestamps_ms for part in parts])
    order = np.lexsort((times, owners))
    owners, times = owners[order], times[order]
    once = np.ones(order.size, np.bool_)
    once[1:] = (owners[1:] != owners[:-1]) | (times[1:] != times[:-1])
    order = order[once]
    histograms = None
    if any(part.histograms is not None for part in parts):
        histograms = np.concatenate(
            [
                np.full(part.values.size, None, np.object_)
                if part.histograms is None
                else part.histograms
                for part in parts
            ]
        )[order]
    counts = np.bincount(owners[once], minlength=len(labels))
    return Samples(
        labels,
        np.append(0, np.cumsum(counts)).astype(np.int64),
        times[once],
        np.concatenate([part.values for part in parts])[order],
        histograms,
    )
