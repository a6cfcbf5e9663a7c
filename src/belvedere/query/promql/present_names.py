"""Which of the labels that a query names matter to some series."""

from collections.abc import Iterable, Sequence
from typing import Final

from belvedere.query.labels import Labels
from belvedere.query.stop import each

_FEW: Final = 16
"""To look at so many in each series takes less than to find out who has them."""


def present_names(names: Sequence[str], labels: Iterable[Labels]) -> tuple[str, ...]:
    """The names, in their order, less those that no series has: these tell no two apart.

    A query may name thousands, which each of 100,000 series would be asked for: a minute, 2 GB.
    """
    if len(names) <= _FEW:
        return tuple(names)
    wanted, found = frozenset(names), set[str]()
    for of_one in each(labels):
        found |= wanted.intersection(of_one.names())
    return tuple(name for name in names if name in found)
