"""What one service leaves to the one that takes its place when the configuration is reloaded."""

from collections.abc import Collection, Sequence

from belvedere.otlp.batch import Batch


class Handover:
    """Batches out of the exporters' queues in memory, by the exporters' ids.

    Shared by the services of one process, as `Host.services[Handover]`. Without a successor of
    the same id, an exporter that stops sends what it holds, or drops it.
    """

    def __init__(self) -> None:
        self._successors: frozenset[str] = frozenset()
        self._left: dict[str, list[Batch]] = {}

    def expect(self, exporter_ids: Collection[str]) -> None:
        """The exporters that the next service has; none: no service follows."""
        self._successors = frozenset(exporter_ids)

    def has_successor(self, exporter_id: str) -> bool:
        """Whether what an exporter leaves is taken over."""
        return exporter_id in self._successors

    def leave(self, exporter_id: str, batches: Sequence[Batch]) -> None:
        """Leave batches to the exporter's successor."""
        self._left.setdefault(exporter_id, []).extend(batches)

    def take(self, exporter_id: str) -> list[Batch]:
        """What the exporter's predecessor left, in its order."""
        return self._left.pop(exporter_id, [])
