"""The heap by which upstream chooses series, so that equal values are chosen alike."""

import math


class ExtremeHeap:
    """Keeps the k greatest of the values offered; the least of them is on top.

    A value equal to the least of a full heap is not kept. NaN is less than all others.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self._items: list[tuple[float, int]] = []

    def offer(self, value: float, series: int) -> None:
        """Offers the value of a series; series are offered in their order."""
        items = self._items
        if len(items) < self._k:
            items.append((value, series))
            self._up(len(items) - 1)
        elif items and (items[0][0] < value or (math.isnan(items[0][0]) and not math.isnan(value))):
            items[0] = (value, series)
            self._down(0)

    def greatest_first(self) -> list[int]:
        """The series kept, by descending value, NaNs last."""
        ordered = sorted(
            self._items, key=lambda item: math.inf if math.isnan(item[0]) else -item[0]
        )
        numbers = [item for item in ordered if not math.isnan(item[0])]
        return [series for _, series in numbers] + [
            series for value, series in ordered if math.isnan(value)
        ]

    def _less(self, i: int, j: int) -> bool:
        value = self._items[i][0]
        return math.isnan(value) or value < self._items[j][0]

    def _up(self, at: int) -> None:
        items = self._items
        while at > 0:
            parent = (at - 1) // 2
            if not self._less(at, parent):
                break
            items[parent], items[at] = items[at], items[parent]
            at = parent

    def _down(self, at: int) -> None:
        items = self._items
        while True:
            child = 2 * at + 1
            if child >= len(items):
                break
            if child + 1 < len(items) and self._less(child + 1, child):
                child += 1
            if not self._less(child, at):
                break
            items[at], items[child] = items[child], items[at]
            at = child
