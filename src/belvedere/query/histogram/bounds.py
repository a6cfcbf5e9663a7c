"""The bounds of a native histogram's buckets."""

from typing import Final

import numpy as np

from belvedere.query.samples import FloatArray, IntArray

# Schemas from -4 to 8 have 2^schema buckets to a power of two; this one has bounds of its own.
CUSTOM_SCHEMA: Final = -53
MIN_EXPONENTIAL_SCHEMA: Final = -4
MAX_EXPONENTIAL_SCHEMA: Final = 8

# Upstream's table of 2^(i/256 - 1) is off the nearest float by up to four units in the last
# place. Bounds are shown to users and compared, so ours are off by as much: one minus the units.
_OFF: Final = (
    "1111112111211111112311222222222211211121122211221122102211221122"
    "1111112222332132112111211112111111121011213311221222112121332222"
    "2121223322322122222222323233323311221121223321332233212232332232"
    "2243223233433343333333444455435422322333324422333243223333543344"
)


def _fractions() -> FloatArray:
    exact = 2.0 ** (np.arange(256) / 256 - 1)
    off = 1.0 - np.array([int(digit) for digit in _OFF])
    return exact + off * np.spacing(exact)


_FRACTIONS: Final = _fractions()
_MAX: Final = np.finfo(np.float64).max


def upper_bounds(
    indexes: IntArray, schema: int, custom_values: tuple[float, ...] = ()
) -> FloatArray:
    """The upper bounds of positive buckets, float64 of the shape of indexes.

    Bucket i of an exponential schema holds `(2^((i-1)/2^s), 2^(i/2^s)]`; of the custom schema
    `(custom_values[i-1], custom_values[i]]`, with -Inf before the first and +Inf after the last.
    The lower bounds are those of `indexes - 1`.
    """
    if schema == CUSTOM_SCHEMA:
        edges: FloatArray = np.array([-np.inf, *custom_values, np.inf])
        return edges[indexes + 1]
    with np.errstate(over="ignore", under="ignore"):
        if schema < 0:
            exponents = indexes << -schema
            found = np.ldexp(1.0, np.clip(exponents, -5000, 5000))
            last = exponents == 1024
        else:
            fractions = _FRACTIONS[(indexes & ((1 << schema) - 1)) << (8 - schema)]
            exponents = (indexes >> schema) + 1
            found = np.ldexp(fractions, np.clip(exponents, -5000, 5000))
            last = (fractions == 0.5) & (exponents == 1025)
    # The last bucket of finite values ends at the greatest of them, not at +Inf.
    bounds: FloatArray = np.where(last, _MAX, found)
    return bounds
