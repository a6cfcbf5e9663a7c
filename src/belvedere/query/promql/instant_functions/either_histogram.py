"""Vectors of histograms of either kind, for quantiles and fractions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from belvedere.query.labels import Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.position import Position
from belvedere.query.samples import BoolArray, FloatArray, IntArray
from belvedere.query.stop import each

_BUCKET_LABEL = "le"
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)\Z|nan\Z", re.IGNORECASE | re.ASCII
)
_HEXADECIMAL = re.compile(
    r"[+-]?0x(?:[\da-f]+\.?[\da-f]*|\.[\da-f]+)p[+-]?\d+\Z", re.IGNORECASE | re.ASCII
)


class Cells(NamedTuple):
    """Steps at which a classic histogram has the same buckets. W steps, B buckets.

    Attributes:
        steps: int64[W].
        bounds: float64[B], the upper bounds, in any order.
        counts: float64[B, W], cumulative.
    """

    steps: IntArray
    bounds: FloatArray
    counts: FloatArray


@dataclass(frozen=True, slots=True)
class ClassicHistogram:
    """The series of one classic histogram. B series, T steps.

    Attributes:
        labels: Its labels, `le` left out.
        bounds: float64[B], the upper bounds.
        values: float64[B, T], the cumulative counts.
        present: bool[B, T], whether there is a count.
        drop_name: Whether the metric name is to be dropped.
    """

    labels: Labels
    bounds: FloatArray
    values: FloatArray
    present: BoolArray
    drop_name: bool

    def cells(self) -> Iterator[Cells]:
        """The steps with samples, grouped by which buckets there are."""
        some = self.present.any(axis=0)
        if not some.any():
            return
        if self.present.all():
            yield Cells(np.arange(some.size), self.bounds, self.values)
            return
        patterns, of_step = np.unique(self.present, axis=1, return_inverse=True)
        for number in range(patterns.shape[1]):
            buckets = patterns[:, number]
            steps = np.flatnonzero(of_step.ravel() == number)
            if buckets.any():
                yield Cells(steps, self.bounds[buckets], self.values[buckets][:, steps])


@dataclass(frozen=True, slots=True)
class EitherHistogram:
    """The histograms of a vector, apart by kind.

    Attributes:
        native: The native histograms alone; missing where a classic one has the same labels.
        classic: The classic ones; missing likewise.
    """

    native: SeriesMatrix
    classic: list[ClassicHistogram]


def metric_name(labels: Labels, context: CallContext) -> str:
    """How annotations name a metric: not at all where names were already removed."""
    return labels.name if context.delayed_name_removal else ""


def split(matrix: SeriesMatrix, context: CallContext, position: Position) -> EitherHistogram:
    """Finds the histograms of a vector, as upstream's `resetHistograms`.

    A float without a sound `le`, and a native and a classic histogram of the same labels at
    the same step, are told (at `position`) and left out.
    """
    floats = matrix.is_float
    members: dict[Labels, list[tuple[float, int]]] = {}
    for s in each(np.flatnonzero(floats.any(axis=1)).tolist()):
        labels = matrix.labels[s]
        text = labels.get(_BUCKET_LABEL)
        bound = _bound(text)
        if bound is None:
            told = texts.bad_bucket_label(metric_name(labels, context), text)
            context.annotations.warn(told, position)
            continue
        members.setdefault(labels.without(_BUCKET_LABEL), []).append((bound, s))
    native_present = matrix.is_histogram
    natives = {matrix.labels[s]: s for s in np.flatnonzero(native_present.any(axis=1)).tolist()}
    classic = []
    for labels, buckets in each(members.items()):
        series = np.array([s for _, s in buckets])
        present = floats[series]
        if (native := natives.get(labels)) is not None:
            both = present.any(axis=0) & native_present[native]
            if both.any():
                told = texts.mixed_classic_native_histograms(metric_name(labels, context))
                context.annotations.warn(told, position)
                present, native_present[native] = present & ~both, native_present[native] & ~both
        classic.append(
            ClassicHistogram(
                labels,
                np.array([bound for bound, _ in buckets]),
                matrix.values[series],
                present,
                bool(matrix.drop_name[series].any()),
            )
        )
    native_matrix = SeriesMatrix(
        matrix.labels, matrix.values, native_present, matrix.histograms, matrix.drop_name
    )
    return EitherHistogram(native_matrix.without_missing(), classic)


def _bound(text: str) -> float | None:
    """The number that a text is for Go's `ParseFloat`, None if it is none."""
    if _NUMBER.match(text):
        return float(text)
    return float.fromhex(text) if _HEXADECIMAL.match(text) else None
