"""Which series belong together."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from belvedere.query.labels import EMPTY, METRIC_NAME, Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.present_names import present_names
from belvedere.query.samples import BoolArray, IntArray
from belvedere.query.stop import each


@dataclass(frozen=True)
class Groups:
    """The groups of S series, G in all, in the order of their first series.

    Attributes:
        labels: The labels of each group, [G].
        of_series: int64[S], the group of each series.
    """

    labels: Sequence[Labels]
    of_series: IntArray

    @cached_property
    def order(self) -> IntArray:
        """int64[S]: the series, group by group, in their order within a group."""
        return np.argsort(self.of_series, kind="stable")

    @cached_property
    def sizes(self) -> IntArray:
        """int64[G], the number of series in each group, at least 1."""
        return np.bincount(self.of_series, minlength=len(self.labels)).astype(np.int64)

    @cached_property
    def starts(self) -> IntArray:
        """int64[G], where each group starts in `order`."""
        return np.cumsum(self.sizes) - self.sizes

    def members(self, number: int) -> IntArray:
        """The series of one group, in their order."""
        start = int(self.starts[number])
        return self.order[start : start + int(self.sizes[number])]

    def drop_names(self, matrix: SeriesMatrix) -> BoolArray:
        """bool[G]: whether the name of a series in the group is to be dropped."""
        dropped = np.zeros(len(self.labels), np.bool_)
        dropped[self.of_series[matrix.drop_name]] = True
        return dropped


def group(labels: Sequence[Labels], grouping: Sequence[str], *, without: bool) -> Groups:
    """Groups by labels, or by all others (then the metric name is never one of them)."""
    if not without and not grouping:
        found = [EMPTY] if labels else []
        return Groups(found, np.zeros(len(labels), np.int64))
    grouping = present_names(grouping, labels)
    dropped = (*grouping, METRIC_NAME)
    keys: list[Hashable]
    if without:
        keys = [of_one.without(*dropped) for of_one in each(labels)]
    elif len(grouping) == 1:
        keys = [of_one.get(grouping[0]) for of_one in labels]
    else:
        keys = [tuple(map(of_one.get, grouping)) for of_one in each(labels)]
    # Comprehensions and maps rather than one loop: a third of its time.
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    of_series = np.fromiter(map(numbers.__getitem__, keys), np.int64, len(keys))
    first = dict(zip(reversed(keys), reversed(labels), strict=True))
    names = [
        first[key].without(*dropped) if without else first[key].keep(*grouping) for key in numbers
    ]
    return Groups(names, of_series)
