"""What one service leaves to the one that takes its place when the configuration is reloaded."""

from collections.abc import Collection, Sequence

import structlog

from belvedere.otlp.batch import Batch, items_by_signal

log = structlog.get_logger(__name__)


class Handover:
    """Acknowledged batches in memory, by the place of the component that held them.

    The place is `Host.place`: an exporter's id, or a processor's with its pipeline. Shared by the
    services of one process, as `Host.services[Handover]`. Without a successor in the same place, a
    component that stops sends what it holds, or drops it.
    """

    def __init__(self) -> None:
        self._successors: frozenset[str] = frozenset()
        self._left: dict[str, list[Batch]] = {}

    def expect(self, places: Collection[str]) -> None:
        """The places in which the next service takes over; none: no service follows."""
        self._successors = frozenset(places)

    def has_successor(self, place: str) -> bool:
        """Whether what is left in a place is taken over."""
        return place in self._successors

    def leave(self, place: str, batches: Sequence[Batch]) -> None:
        """Leave batches to the successor in the same place."""
        self._left.setdefault(place, []).extend(batches)

    def take(self, place: str) -> list[Batch]:
        """What the predecessor left, in its order."""
        return self._left.pop(place, [])

    def drop(self) -> None:
        """Report what no successor took: the process stops before one could start."""
        for place, batches in self._left.items():
            if items := items_by_signal(batches):
                log.error("dropped", component=place, error="no successor started", items=items)
        self._left.clear()
