"""How a kernel goes over the samples of many windows at once."""

from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from belvedere.query.kernels.windows import Windows
from belvedere.query.samples import BoolArray, FloatArray, IntArray
from belvedere.query.stop import go_on

Element = TypeVar("Element", bound=np.generic)

# Results float64[S, T], of meaning only where present: bool[S, T].
Result: TypeAlias = tuple[FloatArray, BoolArray]

# Called with W windows: their first samples and those past their last (int64[W], never empty
# windows), and their steps (int64[W]). Gives float64[W].
Compute: TypeAlias = Callable[[IntArray, IntArray, IntArray], FloatArray]

# So many windows at a time that what is computed with them stays in the processor's cache.
_CHUNK_WINDOWS = 16_384
# And with at most so many samples in all (or one window): what bounds the memory of a kernel.
_CHUNK_SAMPLES = 1 << 22


def evaluate(windows: Windows, compute: Compute, *, at_least: int = 1) -> Result:
    """The results of all windows that hold enough samples.

    Args:
        windows: Of floats.
        compute: Is never given a window with fewer samples.
        at_least: The number of samples without which there is no result.
    """
    series, steps = windows.lo.shape
    values = np.zeros((series, steps))
    present = windows.counts >= at_least
    rows = max(1, _CHUNK_WINDOWS // max(1, steps))
    columns = np.arange(steps)
    with np.errstate(all="ignore"):
        for start in range(0, series, rows):
            go_on()
            part = slice(start, start + rows)
            lo, hi, chosen = windows.lo[part], windows.hi[part], present[part]
            at = np.broadcast_to(columns, lo.shape)
            if chosen.all():
                found = _bounded(compute, lo.ravel(), hi.ravel(), at.ravel())
                values[part] = found.reshape(lo.shape)
            elif chosen.any():
                values[part][chosen] = _bounded(compute, lo[chosen], hi[chosen], at[chosen])
    return values, present


def _bounded(compute: Compute, lo: IntArray, hi: IntArray, step: IntArray) -> FloatArray:
    samples = np.cumsum(hi - lo)
    if samples[-1] <= _CHUNK_SAMPLES:
        return compute(lo, hi, step)
    found = np.empty(lo.size)
    start = 0
    while start < lo.size:
        go_on()
        before = samples[start - 1] if start else 0
        end = max(start + 1, int(samples.searchsorted(before + _CHUNK_SAMPLES, side="right")))
        part = slice(start, end)
        found[part] = compute(lo[part], hi[part], step[part])
        start = end
    return found


class Walk:
    """Goes through windows sample by sample, all windows in step, the longest first.

    `for index, active in walk` gives, for the first samples, the second and so on, the
    indexes of the samples and the slice of the windows that have so many. Arrays of state are
    in the order of the walk: make them by `zeros` or `state`, give results back by `in_order`.
    """

    def __init__(self, lo: IntArray, hi: IntArray) -> None:
        counts = hi - lo
        self._order: IntArray | None = None
        if counts.size and counts.min() != counts.max():
            self._order = np.argsort(-counts, kind="stable")
            counts, lo = counts[self._order], lo[self._order]
        self._lo = lo
        self._descending = -counts

    def __iter__(self) -> Iterator[tuple[IntArray, slice]]:
        for k in range(int(-self._descending[0]) if self._descending.size else 0):
            active = int(self._descending.searchsorted(-k, side="left"))
            yield self._lo[:active] + k, slice(active)

    def zeros(self) -> FloatArray:
        """float64[W], a new state."""
        return np.zeros(self._lo.shape)

    def state(self, values: npt.NDArray[Element]) -> npt.NDArray[Element]:
        """A new state of values by window, [W]."""
        return values.copy() if self._order is None else values[self._order]

    def in_order(self, state: npt.NDArray[Element]) -> npt.NDArray[Element]:
        """The state in the order of the windows, [W]."""
        if self._order is None:
            return state
        ordered = np.empty_like(state)
        ordered[self._order] = state
        return ordered


class Spread:
    """All samples of all windows, one after another.

    Attributes:
        index: int64[N], the samples.
        window: int64[N], the window that each is in.
        lo: int64[W], where each window starts in these.
        hi: int64[W], where each window ends in these.
    """

    def __init__(self, lo: IntArray, hi: IntArray) -> None:
        counts = hi - lo
        self.hi = np.cumsum(counts)
        self.lo = self.hi - counts
        self.window = np.repeat(np.arange(lo.size), counts)
        self.index = np.arange(self.window.size) + (lo - self.lo)[self.window]
