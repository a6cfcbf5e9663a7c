"""The label set that names a series."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Self

from belvedere.query.go_format import quote

METRIC_NAME: Final = "__name__"
# What upstream calls metadata labels: they go wherever the metric name goes.
METADATA_LABELS: Final = frozenset({METRIC_NAME, "__type__", "__unit__"})

_LEGACY_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


class Labels:
    """An immutable set of labels, sorted by name.

    A label with an empty value is the same as no label, as in Prometheus: it is never kept.
    Two sets are equal, and hash alike, when they hold the same labels. They are ordered as
    upstream's `labels.Compare` orders them: by the first pair that differs, then by length.
    """

    __slots__ = ("_bare", "_hash", "_map")

    _map: dict[str, str]
    _hash: int | None
    _bare: Self | None

    def __init__(self, labels: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        """Makes a set of labels in any order; of a name given twice the last value counts."""
        pairs = dict(labels)
        self._map = {name: pairs[name] for name in sorted(pairs) if pairs[name]}
        self._hash = None
        self._bare = None

    @classmethod
    def _of_sorted(cls, pairs: dict[str, str]) -> Self:
        made = cls.__new__(cls)
        made._map = pairs  # noqa: SLF001 - the class's own attributes, without sorting anew
        made._hash = None  # noqa: SLF001 - as above
        made._bare = None  # noqa: SLF001 - as above
        return made

    @property
    def name(self) -> str:
        """The metric name, `""` where there is none."""
        return self._map.get(METRIC_NAME, "")

    def get(self, name: str) -> str:
        """The value of a label, `""` where the set has no such label."""
        return self._map.get(name, "")

    def items(self) -> Iterable[tuple[str, str]]:
        """The labels as pairs, sorted by name."""
        return self._map.items()

    def names(self) -> Iterable[str]:
        """The names of the labels, sorted."""
        return self._map.keys()

    def to_dict(self) -> dict[str, str]:
        """A new dictionary of the labels, sorted by name."""
        return dict(self._map)

    def without(self, *names: str) -> Self:
        """The set less the labels of these names; the same object where it has none of them."""
        if self._map.keys().isdisjoint(names):
            return self
        pairs = self._map.copy()
        for name in names:
            pairs.pop(name, None)
        return self._of_sorted(pairs)

    def without_metadata(self) -> Self:
        """The set less the metric name, `__type__` and `__unit__`: what most functions give."""
        if self._bare is None:
            # Remembered, because the labels of a series outlive the queries that ask for this.
            self._bare = self.without(*METADATA_LABELS)
        return self._bare

    def keep(self, *names: str) -> Self:
        """The set of those labels alone that are named."""
        return self._of_sorted({n: v for n, v in self._map.items() if n in names})

    def with_(self, name: str, value: str) -> Self:
        """The set with one label set anew; an empty value takes the label away."""
        if not value:
            return self.without(name)
        if name in self._map:
            return self._of_sorted({**self._map, name: value})
        return type(self)({**self._map, name: value})

    def metric(self) -> str:
        """The form of the text format, the name first: `up{job="a"}`, `{"a.b", job="a"}`."""
        name = self.name
        pairs = [f"{_name(n)}={quote(v)}" for n, v in self._map.items() if n != METRIC_NAME]
        if name and not _LEGACY_NAME.match(name.replace(":", "_")):
            return "{" + ", ".join([quote(name), *pairs]) + "}"
        return name + ("{" + ", ".join(pairs) + "}" if pairs or not name else "")

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._map.items())

    def __contains__(self, name: str) -> bool:
        return name in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Labels):
            return NotImplemented
        return self is other or self._map == other._map

    def __lt__(self, other: Self) -> bool:
        return tuple(self._map.items()) < tuple(other._map.items())

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(self._map.items()))
        return self._hash

    def __str__(self) -> str:
        """The form of upstream's `Labels.String`: `{__name__="up", job="a"}`."""
        return "{" + ", ".join(f"{_name(n)}={quote(v)}" for n, v in self._map.items()) + "}"

    def __repr__(self) -> str:
        return f"Labels({self})"


def _name(name: str) -> str:
    return name if _LEGACY_NAME.match(name) else quote(name)


EMPTY: Final = Labels()
