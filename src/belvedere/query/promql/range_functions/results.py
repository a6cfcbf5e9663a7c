"""From what kernels give to the matrix of a range function."""

from collections.abc import Callable

import numpy as np

from belvedere.query.histogram.notice import Notice
from belvedere.query.kernels.native import NativeResult
from belvedere.query.kernels.walk import Result
from belvedere.query.kernels.windows import Windows
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.annotations import Annotations
from belvedere.query.promql.call import CallContext
from belvedere.query.promql.notices import annotate
from belvedere.query.promql.position import Position
from belvedere.query.samples import BoolArray


def of_floats(windows: Windows, result: Result, context: CallContext) -> SeriesMatrix:
    """The matrix of results that are floats, names removed."""
    values, present = result
    matrix = SeriesMatrix.of(windows.samples.labels, values, present)
    return matrix.without_names(delayed=context.delayed_name_removal)


def of_floats_or_histograms(
    windows: Windows,
    of_float: Callable[[Windows], Result],
    of_native: Callable[[Windows], NativeResult],
    context: CallContext,
    position: Position,
) -> SeriesMatrix:
    """The matrix of kernels for floats and for histograms, names removed, notices annotated.

    A window that holds both floats and histograms is told and has no result.
    """
    matrix = with_names(windows, of_float, of_native, context.annotations, position)
    return matrix.without_names(delayed=context.delayed_name_removal)


def with_names(
    windows: Windows,
    of_float: Callable[[Windows], Result],
    of_native: Callable[[Windows], NativeResult],
    annotations: Annotations,
    position: Position,
) -> SeriesMatrix:
    """As `of_floats_or_histograms`, metric names kept: what an instant selector gives."""
    if windows.samples.histograms is None:
        # Telling kinds apart takes longer than the kernel: objects are compared one by one.
        values, present = of_float(windows)
        return SeriesMatrix.of(windows.samples.labels, values, present)
    floats, native = _apart(windows, annotations, position)
    values, present = of_float(floats)
    result = of_native(native)
    names = [labels.name for labels in windows.samples.labels]
    annotate(annotations, ((names[s], notice) for s, notice in result.notices), position)
    found = result.histograms.astype(np.bool_)
    return SeriesMatrix.of(
        windows.samples.labels, values, present | found, result.histograms if found.any() else None
    )


def _apart(
    windows: Windows, annotations: Annotations, position: Position
) -> tuple[Windows, Windows]:
    """The windows of floats and those of histograms; those with both are told and emptied."""
    floats, native = windows.floats(), windows.native()
    both = (floats.counts > 0) & (native.counts > 0)
    if both.any():
        for name in _names(windows, both):
            annotate(annotations, [(name, Notice.MIXED_FLOATS)], position)
        floats, native = floats.emptied(both), native.emptied(both)
    return floats, native


def floats_alone(windows: Windows, context: CallContext) -> Windows:
    """The windows without the histograms; it is told where both are in one."""
    if windows.samples.histograms is None:
        return windows
    floats = windows.floats()
    both = (floats.counts > 0) & (windows.counts > floats.counts)
    for name in _names(windows, both):
        context.annotations.info(texts.histogram_ignored_in_mixed_range(name), context.positions[0])
    return floats


def _names(windows: Windows, where: BoolArray) -> list[str]:
    labels = windows.samples.labels
    return sorted({labels[s].name for s in np.flatnonzero(where.any(axis=1)).tolist()})
