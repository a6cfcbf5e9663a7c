"""Policies that sample a share of the traces, or as many as fit."""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from belvedere.collector.processors.tail_sampling.policies.spans import TracePolicy
from belvedere.collector.processors.tail_sampling.sections import (
    BytesLimiting,
    Probabilistic,
    RateLimiting,
)
from belvedere.otlp.fnv import fnv1a_64

_MAX_HASH: Final = (1 << 64) - 1
_DEFAULT_SALT: Final = "default-hash-seed"


class TokenBucket:
    """Fills with `per_second` tokens up to `capacity`; it is full at first."""

    def __init__(self, per_second: int, capacity: int, now_s: Callable[[], float]) -> None:
        self._per_second, self._capacity, self._now_s = per_second, capacity, now_s
        self._tokens, self._filled_s = float(capacity), now_s()

    def take(self, tokens: int) -> bool:
        """Take them, if so many are there."""
        now_s = self._now_s()
        gained = (now_s - self._filled_s) * self._per_second
        self._tokens, self._filled_s = min(self._capacity, self._tokens + gained), now_s
        if tokens > self._tokens:
            return False
        self._tokens -= tokens
        return True


def probabilistic(section: Probabilistic) -> TracePolicy:
    """By FNV-1a of salt and trace id, as in the Collector, so that all layers agree."""
    salted = fnv1a_64((section.hash_salt or _DEFAULT_SALT).encode())
    limit = min(_MAX_HASH, int(Fraction(section.sampling_percentage) / 100 * _MAX_HASH))
    return TracePolicy(lambda trace: fnv1a_64(trace.trace_id, salted) <= limit)


def rate_limiting(section: RateLimiting, now_s: Callable[[], float]) -> TracePolicy:
    rate = section.spans_per_second
    bucket = TokenBucket(rate, section.burst_capacity or 2 * rate, now_s)
    return TracePolicy(lambda trace: bucket.take(trace.span_count))


def bytes_limiting(section: BytesLimiting, now_s: Callable[[], float]) -> TracePolicy:
    rate = section.bytes_per_second
    bucket = TokenBucket(rate, section.burst_capacity or 2 * rate, now_s)
    return TracePolicy(lambda trace: bucket.take(trace.size_bytes))
