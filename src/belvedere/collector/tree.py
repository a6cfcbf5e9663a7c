"""Configuration values that know where each one was written."""

import copy
import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from belvedere.collector.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The way to a value: mapping keys and list positions. Printed with `::`, as the Collector does."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a value was written: the first line is 1."""

    file: str
    line: int


@dataclass(slots=True)
class Tree:
    """The values of one or several sources, with their positions."""

    values: dict[str, Any] = field(default_factory=dict)
    positions: dict[KeyPath, Position] = field(default_factory=dict)
    """Of each mapping key and list element; what came out of a variable has its reference's."""
    from_environment: dict[KeyPath, str] = field(default_factory=dict)
    """The text of scalars that are one reference, or, where there are no references, of those
    that look like something else: what a field that wants text gets."""

    def get(self, path: KeyPath) -> Any:
        """The value at `path`; None where there is none."""
        value: Any = self.values
        for key in path:
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return value

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        """The mapping at `path`; empty where nothing is written.

        Raises:
            ConfigError: something else is written there.
        """
        value = self.get(path)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(path, f"a mapping is expected, not {value!r}")
        return value

    def known_keys_only(self, path: KeyPath, known: Collection[str]) -> None:
        """Check the keys of the mapping at `path`.

        Raises:
            ConfigError: one of them is not `known`.
        """
        for key in self.mapping(path):
            if key not in known:
                raise self.error((*path, key), "there is no such key", nearest(key, known))

    def merge(self, later: Self) -> None:
        """Take over what `later` says: mappings merge deeply, everything else is replaced."""
        if () in later.positions:
            self.positions.setdefault((), later.positions[()])
        self._merge(self.values, later.values, (), later)

    def error(self, path: KeyPath, message: str, hint: str = "") -> ConfigError:
        """An error about the value at `path`, with the position of it or of what should hold it."""
        position = None
        for end in range(len(path), -1, -1):
            if position := self.positions.get(path[:end]):
                break
        return ConfigError(
            message,
            key="::".join(str(key) for key in path),
            file=position.file if position else None,
            line=position.line if position else None,
            hint=hint,
        )

    def _merge(self, into: dict[str, Any], new: dict[str, Any], at: KeyPath, later: Self) -> None:
        for key, value in new.items():
            path = (*at, key)
            old = into.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                self._merge(old, value, path, later)
            else:
                for stale in _paths(path, old):
                    self.positions.pop(stale, None)
                    self.from_environment.pop(stale, None)
                into[key] = copy.deepcopy(value)
                for fresh in _paths(path, value):
                    if fresh in later.positions:
                        self.positions[fresh] = later.positions[fresh]
                    if fresh in later.from_environment:
                        self.from_environment[fresh] = later.from_environment[fresh]


def _paths(path: KeyPath, value: Any) -> Iterator[KeyPath]:
    """The path of a value, and those of all that is in it."""
    yield path
    inside: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, inner in inside:
        yield from _paths((*path, key), inner)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known: the nearest one, or all of them."""
    names = sorted(str(name) for name in known)
    if close := difflib.get_close_matches(name, names, n=1, cutoff=0.7):
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(names)}" if names else ""
