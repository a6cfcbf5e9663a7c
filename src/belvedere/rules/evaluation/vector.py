"""What rules get from queries, and what they give."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import EMPTY, Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.engine import Engine
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.result import Result
from belvedere.query.promql.signatures import ValueType
from belvedere.query.promql.source import Source


class VectorSample(NamedTuple):
    """One sample of a vector, at the time of the vector."""

    labels: Labels
    value: float | NativeHistogram


Vector: TypeAlias = list[VectorSample]
Query: TypeAlias = Callable[[str, int], Vector]
"""PromQL and a time, Unix milliseconds → its vector. Blocks. Raises `PromQLError`, `StoreError`."""


def engine_query(
    engine: Engine, source: Callable[[], Source], check: Callable[[], None] = lambda: None
) -> Query:
    """Queries that an engine answers, each with a source of its own."""

    def query(text: str, at_ms: int) -> Vector:
        return vector_of(engine.instant(text, source(), at_ms, check=check))

    return query


def vector_of(result: Result) -> Vector:
    """The vector that a result is; a scalar is a sample without labels.

    Raises:
        ExecutionError: the result is something else.
    """
    value = result.value
    if result.type is ValueType.SCALAR and isinstance(value, np.ndarray):
        return [VectorSample(EMPTY, float(value[0]))]
    if result.type is not ValueType.VECTOR or not isinstance(value, SeriesMatrix):
        raise ExecutionError("rule result is not a vector or scalar")
    return [
        VectorSample(
            labels,
            float(value.values[row, 0])
            if value.histograms is None or value.histograms[row, 0] is None
            else value.histograms[row, 0],
        )
        for row, labels in enumerate(value.labels)
    ]
