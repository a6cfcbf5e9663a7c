"""What a query computes on: series on the steps of a grid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from belvedere.query.labels import Labels
from belvedere.query.samples import BoolArray, FloatArray, HistogramArray, IntArray


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps at which a query is evaluated: start, start + step, … up to end inclusive.

    Attributes:
        start_ms: The first step, Unix milliseconds.
        end_ms: The bound of the last step, inclusive; equal to start_ms for an instant query.
        step_ms: The distance of two steps, more than 0 (of no meaning for a single step).
    """

    start_ms: int
    end_ms: int
    step_ms: int

    @classmethod
    def instant(cls, at_ms: int) -> "Grid":
        """One step."""
        return cls(at_ms, at_ms, 1)

    @property
    def steps(self) -> int:
        """T, the number of steps."""
        return (self.end_ms - self.start_ms) // self.step_ms + 1

    @property
    def timestamps_ms(self) -> IntArray:
        """int64[T], the steps."""
        return self.start_ms + self.step_ms * np.arange(self.steps, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class SeriesMatrix:
    """Series on the steps of a grid. S series, T steps.

    A matrix is a value: no function changes the arrays of a matrix that it was given, and
    results may share arrays with arguments.

    Attributes:
        labels: The names of the S series. May hold a name twice only while delayed name
            removal has not yet happened.
        values: float64[S, T]. NaN is a value here, never "missing". Meaningless where missing
            and where the sample is a histogram.
        present: bool[S, T], whether there is a sample.
        histograms: object[S, T], a NativeHistogram where the sample is one (and present is
            true), else None; or None where no sample is a histogram. Never changed in place.
        drop_name: bool[S], the metric name (and `__type__`, `__unit__`) is to be taken away at
            the end of the query (delayed name removal). All false where names are removed at
            once, as by default upstream.
    """

    labels: Sequence[Labels]
    values: FloatArray
    present: BoolArray
    histograms: HistogramArray | None
    drop_name: BoolArray

    @classmethod
    def of(
        cls,
        labels: Sequence[Labels],
        values: FloatArray,
        present: BoolArray | None = None,
        histograms: HistogramArray | None = None,
        drop_name: BoolArray | None = None,
    ) -> "SeriesMatrix":
        """A matrix, by default with every sample present and no name to drop."""
        return cls(
            labels,
            values,
            np.ones(values.shape, np.bool_) if present is None else present,
            histograms,
            np.zeros(len(labels), np.bool_) if drop_name is None else drop_name,
        )

    @classmethod
    def empty(cls, steps: int) -> "SeriesMatrix":
        """No series on that many steps."""
        return cls.of((), np.zeros((0, steps), np.float64))

    @classmethod
    def joined(cls, parts: "Sequence[SeriesMatrix]", steps: int) -> "SeriesMatrix":
        """The series of all parts (none will do), which have that many steps, part after part."""
        if len(parts) == 1:
            return parts[0]
        histograms = None
        if any(part.histograms is not None for part in parts):
            histograms = np.concatenate(
                [
                    np.full(part.values.shape, None, np.object_)
                    if part.histograms is None
                    else part.histograms
                    for part in parts
                ]
            )
        none = cls.empty(steps)
        return cls(
            [labels for part in parts for labels in part.labels],
            np.concatenate([none.values, *(part.values for part in parts)]),
            np.concatenate([none.present, *(part.present for part in parts)]),
            histograms,
            np.concatenate([none.drop_name, *(part.drop_name for part in parts)]),
        )

    @property
    def is_float(self) -> BoolArray:
        """bool[S, T], whether there is a sample that is a float."""
        if self.histograms is None:
            return self.present
        return self.present & ~self.is_histogram

    @property
    def is_histogram(self) -> BoolArray:
        """bool[S, T], whether there is a sample that is a histogram."""
        if self.histograms is None:
            return np.zeros(self.values.shape, np.bool_)
        return self.present & self.histograms.astype(np.bool_)

    def take(self, series: IntArray | BoolArray) -> "SeriesMatrix":
        """The series chosen by index or mask, in that order."""
        indexes = np.flatnonzero(series) if series.dtype == np.bool_ else series
        return SeriesMatrix(
            [self.labels[i] for i in indexes],
            self.values[indexes],
            self.present[indexes],
            None if self.histograms is None else self.histograms[indexes],
            self.drop_name[indexes],
        )

    def without_missing(self) -> "SeriesMatrix":
        """The matrix less the series that have no sample at any step."""
        some = np.flatnonzero(self.present.any(axis=1))
        return self if some.size == len(self.labels) else self.take(some)

    def without_names(self, *, delayed: bool) -> "SeriesMatrix":
        """The matrix with its metric names removed; only marked as such where delayed."""
        if delayed:
            return replace(self, drop_name=np.ones(len(self.labels), np.bool_))
        return replace(self, labels=[labels.without_metadata() for labels in self.labels])
