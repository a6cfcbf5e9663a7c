"""What reads of the metric tables are bounded by: times, and sets of series."""

from collections.abc import Sequence
from typing import Final

_MAX_LISTED: Final = 20_000
"""Fingerprints that a query lists; of more, it reads their whole range."""


def one_of(fingerprints: Sequence[int], *, dense: bool) -> str:
    """The condition that a row belongs to one of these series.

    Rows of others must be dropped by the caller: where these are dense, or very many, the condition
    is that of their range.

    Args:
        fingerprints: ascending, at least one.
        dense: few others lie between them.
    """
    series = f"fingerprint BETWEEN {fingerprints[0]} AND {fingerprints[-1]}"
    if not dense and len(fingerprints) <= _MAX_LISTED:
        series += f" AND fingerprint IN ({','.join(map(str, fingerprints))})"
    return series


def in_bounds(time_ms: int) -> int:
    """The time, or the nearest one that DateTime64(3) holds (years 1900 to 2299)."""
    return max(-2_208_988_800_000, min(time_ms, 10_413_791_999_999))
