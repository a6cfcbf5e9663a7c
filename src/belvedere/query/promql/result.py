"""What a query gives."""

from dataclasses import dataclass
from typing import TypeAlias

from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.promql.annotations import Annotations
from belvedere.query.promql.signatures import ValueType
from belvedere.query.samples import FloatArray, Samples

# By type: vector (one step, in the order of the result) and matrix of a range query (sorted by
# labels): SeriesMatrix on the grid. Matrix of an instant query: Samples with times of their own,
# sorted by labels. Scalar: float64[1]. String: str.
ResultValue: TypeAlias = SeriesMatrix | Samples | FloatArray | str


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query.

    Attributes:
        type: `VECTOR`, `SCALAR`, `MATRIX` or `STRING`.
        value: As its type and the kind of query say; no metric name is left to be dropped, and
            every series has a sample.
        grid: The steps.
        annotations: Warnings and infos.
    """

    type: ValueType
    value: ResultValue
    grid: Grid
    annotations: Annotations
