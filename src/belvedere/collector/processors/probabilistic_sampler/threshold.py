"""Thresholds and randomness of OpenTelemetry's consistent probability sampling (OTEP 235).

Both are integers of 56 bits. An item is kept if its randomness is at least the threshold, so a
threshold is the share that is dropped: 0 keeps all, `NEVER` none.
"""

import math
import re
from typing import Final

DIGITS: Final = 14
"""Hexadecimal digits of 56 bits."""
NEVER: Final = 1 << 56
ALWAYS: Final = 0
MOST_RANDOM: Final = NEVER - 1
"""The randomness that every threshold but `NEVER` keeps."""
MIN_PROBABILITY: Final = 1 / NEVER

_HEX: Final = re.compile(r"[0-9a-fA-F]+")


def threshold_of(probability: float, precision: int) -> int:
    """The threshold that keeps a share of `probability`, in so many hexadecimal digits.

    Leading digits that are all 0 or all f do not count as precision. A probability that is too
    small to express is `NEVER`.

    >>> threshold_text(threshold_of(0.25, 4)), threshold_text(threshold_of(1 / 3, 4))
    ('c', 'aaab')
    """
    if probability >= 1:
        return ALWAYS
    if probability < MIN_PROBABILITY:
        return NEVER
    leading = max(-math.frexp(probability)[1] // 4, -math.frexp(1 - probability)[1] // 4)
    threshold = NEVER - math.floor(probability * NEVER + 0.5)
    shift = 4 * (DIGITS - min(DIGITS, precision + leading))
    if shift:
        threshold = (threshold + (1 << (shift - 1))) >> shift << shift
    return threshold


def probability_of(threshold: int) -> float:
    """The share that a threshold keeps."""
    return (NEVER - threshold) / NEVER


def threshold_text(threshold: int) -> str:
    """As `th` in a trace state: without trailing zeros."""
    return f"{threshold:014x}".rstrip("0") or "0"


def parse_threshold(text: str) -> int:
    """The threshold of a `th`.

    Raises:
        ValueError: it is none.
    """
    if len(text) > DIGITS or not _HEX.fullmatch(text):
        raise ValueError(f"{text!r} is no sampling threshold: 1 to 14 hexadecimal digits")
    return int(text.ljust(DIGITS, "0"), 16)


def randomness_text(randomness: int) -> str:
    """As `rv` in a trace state."""
    return f"{randomness:014x}"


def parse_randomness(text: str) -> int:
    """The randomness of an `rv`.

    Raises:
        ValueError: it is none.
    """
    if len(text) != DIGITS or not _HEX.fullmatch(text):
        raise ValueError(f"{text!r} is no sampling randomness: 14 hexadecimal digits")
    return int(text, 16)


def randomness_of_trace(trace_id: bytes) -> int:
    """The last 56 bits of a trace id, which W3C's trace context has random."""
    return int.from_bytes(trace_id[-7:])
