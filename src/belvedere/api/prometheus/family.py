"""`FamilyMemory`: what remote write 1.0 said of metric families, apart from their series."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from threading import Lock
from typing import Final

from belvedere.prometheus.model import Metadata, Series

_MAX_FAMILIES: Final = 100_000
_MAX_PASSED_ON: Final = 20_000
_SUFFIXES: Final = ("_bucket", "_count", "_sum")


class FamilyMemory:
    """Metadata by project and family. Prometheus repeats them each minute, so memory will do."""

    def __init__(self) -> None:
        self._families: OrderedDict[tuple[str, str], Metadata] = OrderedDict()
        self._lock = Lock()

    def learn(self, project: str, families: Iterable[Metadata]) -> None:
        """Note what was said; of too much, what was said longest ago is forgotten."""
        with self._lock:
            for metadata in families:
                self._families[project, metadata.name] = metadata
                self._families.move_to_end((project, metadata.name))
            while len(self._families) > _MAX_FAMILIES:
                self._families.popitem(last=False)

    def families(self, project: str) -> list[Metadata]:
        """What was said last of the families of a project, for another process."""
        with self._lock:
            mine = [each for (name, _), each in self._families.items() if name == project]
        return mine[-_MAX_PASSED_ON:]

    def known(self, project: str, series: Series) -> Series:
        """The series, with what is known of its family."""
        if series.metadata is not None or not (found := self.of(project, series.name)):
            return series
        return replace(series, metadata=found)

    def of(self, project: str, name: str) -> Metadata | None:
        """What is known of the family of series of this name."""
        if not self._families:
            return None
        names = [name, *(name.removesuffix(end) for end in _SUFFIXES if name.endswith(end))]
        for family in names:
            if metadata := self._families.get((project, family)):
                return metadata
        return None
