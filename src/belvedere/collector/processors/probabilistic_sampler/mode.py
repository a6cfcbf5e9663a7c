"""The modes: where an item's randomness comes from, and which threshold it is held against."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.processors.attribute_actions.steps import find
from belvedere.collector.processors.probabilistic_sampler.carrier import Carrier
from belvedere.collector.processors.probabilistic_sampler.config import ProbabilisticSamplerConfig
from belvedere.collector.processors.probabilistic_sampler.threshold import (
    ALWAYS,
    MOST_RANDOM,
    NEVER,
    probability_of,
    randomness_of_trace,
    threshold_of,
)
from belvedere.otlp.any_value import text_of
from belvedere.otlp.fnv import fnv1a_32
from belvedere.otlp.signal import Signal

_BUCKETS: Final = 1 << 14
_REMEMBERED_TRACES: Final = 8192


@dataclass(frozen=True, slots=True)
class Randomness:
    """An item's randomness and what it was taken from, which is counted as the policy."""

    value: int
    policy: str


MISSING: Final = Randomness(MOST_RANDOM, "missing_randomness")
"""Of items that have none."""


class Mode(Protocol):
    """How to sample."""

    def randomness(self, item: Any, carrier: Carrier | None, /) -> Randomness:
        """That of an item; its carrier is None where what it says cannot be read."""
        ...

    def can_use(self, carrier: Carrier, randomness: Randomness, /) -> bool:
        """Whether the mode can go on from what the item says about its sampling.

        It may give the randomness to the carrier, to be saved with the item.
        """
        ...

    def threshold(self, carrier: Carrier, /) -> int:
        """The threshold that the item has to reach."""
        ...


class Never:
    """Of 0 %."""

    def randomness(self, _item: Any, _carrier: Carrier | None) -> Randomness:
        return Randomness(MOST_RANDOM, "sampling_priority")

    def can_use(self, _carrier: Carrier, _randomness: Randomness) -> bool:
        return True

    def threshold(self, _carrier: Carrier) -> int:
        return NEVER


class HashSeed:
    """By the hash of the trace id, or of an attribute; it knows 2^14 thresholds."""

    def __init__(self, config: ProbabilisticSamplerConfig, signal: Signal, kept: int) -> None:
        self._threshold = (_BUCKETS - kept) << 42
        self._attribute = config.from_attribute if signal is Signal.LOGS else ""
        self._by_trace = signal is Signal.TRACES or config.attribute_source == "traceID"
        seeded = fnv1a_32(config.hash_seed.to_bytes(4, "little"))
        self._of_bytes: Callable[[bytes], int] = lru_cache(_REMEMBERED_TRACES)(
            lambda data: _hashed_randomness(fnv1a_32(data, seeded))
        )

    def randomness(self, item: Any, _carrier: Carrier | None) -> Randomness:
        if self._by_trace and any(item.trace_id):
            return Randomness(self._of_bytes(item.trace_id), "trace_id_hash")
        if self._attribute:
            attribute = find(item.attributes, self._attribute)
            if attribute is not None and (data := _bytes_of(attribute.value)):
                return Randomness(self._of_bytes(data), self._attribute)
        return MISSING

    def can_use(self, carrier: Carrier, randomness: Randomness) -> bool:
        """Items that were sampled consistently before need one of the other modes."""
        if carrier.randomness is not None or carrier.threshold is not None:
            return False
        if randomness is not MISSING:
            carrier.randomness = randomness.value
        return True

    def threshold(self, _carrier: Carrier) -> int:
        return self._threshold


class _Consistent:
    """By the randomness that the item carries, or else that of its trace id."""

    def randomness(self, item: Any, carrier: Carrier | None) -> Randomness:
        if carrier is not None and carrier.randomness is not None:
            return Randomness(carrier.randomness, "sampling_randomness")
        if any(item.trace_id):
            return Randomness(randomness_of_trace(item.trace_id), "trace_id_w3c")
        return MISSING

    def can_use(self, _carrier: Carrier, _randomness: Randomness) -> bool:
        return True


class Proportional(_Consistent):
    """The probability that the item has, times a ratio."""

    def __init__(self, ratio: float, precision: int) -> None:
        self._ratio, self._precision = ratio, precision

    def threshold(self, carrier: Carrier) -> int:
        before = ALWAYS if carrier.threshold is None else carrier.threshold
        return threshold_of(probability_of(before) * self._ratio, self._precision)


class Equalizing(_Consistent):
    """A probability that no item exceeds."""

    def __init__(self, ratio: float, precision: int) -> None:
        self._threshold = threshold_of(ratio, precision)

    def threshold(self, carrier: Carrier) -> int:
        return max(self._threshold, carrier.threshold or ALWAYS)


def mode_of(config: ProbabilisticSamplerConfig, signal: Signal) -> Mode:
    """The mode that a configuration asks for.

    The percentage is a float of 32 bits, as in the Collector, so that all decisions agree.
    """
    percentage = _float32(min(config.sampling_percentage, 100))
    ratio = percentage / 100
    kept = int(_float32(percentage * _float32(_BUCKETS / 100)))
    if percentage == 0:
        return Never()
    if config.mode == "proportional":
        return Proportional(ratio, config.sampling_precision)
    if config.mode == "equalizing":
        return Equalizing(ratio, config.sampling_precision)
    return HashSeed(config, signal, kept) if kept else Never()


def _float32(number: float) -> float:
    """The nearest float of 32 bits."""
    (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    return float(rounded)


def _hashed_randomness(hashed: int) -> int:
    """56 bits, of which the first 14 decide as the hash's last 14 do in older Collectors."""
    bucket = hashed & (_BUCKETS - 1)
    rest = hashed >> 18
    return (_BUCKETS - 1 - bucket) << 42 | (rest ^ rest << 10) << 14 | bucket


def _bytes_of(value: AnyValue) -> bytes:
    if value.WhichOneof("value") == "bytes_value":
        return value.bytes_value
    return text_of(value).encode()
