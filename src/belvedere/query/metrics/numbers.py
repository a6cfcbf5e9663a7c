"""Numbers out of Arrow, as they lie."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def numbers(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """A column of numbers, none of them missing; without a copy if it is in one piece.

    Arrow's own `to_numpy` imports pandas at its first call, which takes the first query a second.
    """
    if isinstance(column, pa.Array):
        return np.from_dlpack(column)
    if not column.num_chunks:
        return np.zeros(0, column.type.to_pandas_dtype())
    return np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks])
