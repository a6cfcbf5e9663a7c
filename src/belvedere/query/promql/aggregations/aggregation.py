"""The shape of an aggregation."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.call import CallContext
from belvedere.query.samples import FloatArray

# Called with the vector; the parameter (float64[T] for topk, bottomk, quantile, limitk and
# limit_ratio, the label's name for count_values, else None); the labels of `by` or `without`;
# whether they are those of `without`; and the context. `sum(x)` is `by` no label. Gives the
# groups, or for topk, bottomk, limitk and limit_ratio series of the vector: for an instant query
# in upstream's order of the result. Raises ExecutionError with upstream's text.
Aggregation: TypeAlias = Callable[
    [SeriesMatrix, FloatArray | str | None, Sequence[str], bool, CallContext], SeriesMatrix
]
