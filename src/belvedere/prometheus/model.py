"""Series, and what they are made of: what all of Prometheus's formats carry."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, sorted by name (by code point, as UTF-8 sorts), none twice, no empty value."""

Buckets: TypeAlias = tuple[tuple[int, float], ...]
"""Index and count of the buckets of one sign that are not empty, indexes ascending."""

NAME: Final = "__name__"


class MetricType(StrEnum):
    """`# TYPE` of a family, as OpenMetrics names it; the older text has `untyped` for `unknown`."""

    UNKNOWN = "unknown"
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"
    SUMMARY = "summary"
    INFO = "info"
    STATESET = "stateset"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known about all series of a family."""

    name: str
    """The family's; of a counter with `_total`."""
    type: MetricType = MetricType.UNKNOWN
    help: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One of the observations behind a sample."""

    labels: Labels
    value: float
    time_ms: int
    """0: not known."""


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    """A sparse histogram at one time.

    Bucket i of schema s (-4 to 8) holds the observations in (2^((i-1)/2^s), 2^(i/2^s)]. Schema -53
    has custom bounds: bucket i ends at `custom_values[i]`, the last one at infinity.
    """

    schema: int
    count: float
    sum: float
    zero_threshold: float = 0.0
    zero_count: float = 0
    positive: Buckets = ()
    negative: Buckets = ()
    custom_values: tuple[float, ...] = ()
    reset_hint: int = 0
    """0 unknown, 1 the counter was reset, 2 it was not, 3 a gauge."""

    @property
    def is_stale(self) -> bool:
        """Whether it marks the end of its series."""
        return is_stale(self.sum)


@dataclass(slots=True)
class Series:
    """One series, with samples of ascending times."""

    labels: Labels
    """With `__name__`."""
    metadata: Metadata | None = None
    samples: list[tuple[int, float]] = field(default_factory=list)
    """Time in ms, and value."""
    histograms: list[tuple[int, NativeHistogram]] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    created_ms: int = 0
    """When the counter or histogram began; 0: not known."""

    @property
    def name(self) -> str:
        """The value of `__name__`; empty where there is none."""
        return next((value for name, value in self.labels if name == NAME), "")


_STALE_BITS: Final = 0x7FF0000000000002

STALE: Final[float] = struct.unpack("<d", struct.pack("<Q", _STALE_BITS))[0]
"""The value that marks the end of a series: a NaN with bits of its own."""


def is_stale(value: float) -> bool:
    """Whether a value is the stale marker, which is one NaN among many."""
    return value != value and struct.pack("<d", value) == _STALE_BYTES  # noqa: PLR0124 - the test for NaN that costs least, for each sample


_STALE_BYTES: Final = struct.pack("<Q", _STALE_BITS)


def labels_of(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """Labels in their order, without empty values; of a name that is there twice the last counts.

    >>> labels_of({"b": "1", "a": "2", "c": ""})
    (('a', '2'), ('b', '1'))
    """
    return tuple(sorted([pair for pair in dict(pairs).items() if pair[1]]))
