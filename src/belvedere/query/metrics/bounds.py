"""What reads of the metric tables are bounded by: times, and sets of series."""

import base64
from typing import Final

import numpy as np
import numpy.typing as npt

_MAX_LISTED: Final = 20_000
"""Fingerprints that a query lists; of more, it reads their whole range."""


def one_of(fingerprints: npt.NDArray[np.uint64], *, dense: bool) -> tuple[str, dict[str, str]]:
    """The condition that a row belongs to one of these series, and the parameters of that SQL.

    Rows of others must be dropped by the caller: where these are dense, or very many, the condition
    is that of their range.

    Args:
        fingerprints: ascending, at least one.
        dense: few others lie between them.
    """
    if dense or fingerprints.size > _MAX_LISTED:
        return f"fingerprint BETWEEN {fingerprints[0]} AND {fingerprints[-1]}", {}
    # As numbers in SQL, each would take 2 µs to parse and plan; so, 0.3.
    series = "fingerprint IN reinterpret(base64Decode({listed:String}), 'Array(UInt64)')"
    return series, {"listed": base64.b64encode(fingerprints.astype("<u8").tobytes()).decode()}


def in_bounds(time_ms: int) -> int:
    """The time, or the nearest one that DateTime64(3) holds (years 1900 to 2299)."""
    return max(-2_208_988_800_000, min(time_ms, 10_413_791_999_999))
