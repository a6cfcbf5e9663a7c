"""The native histogram, as a value."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from belvedere.query.histogram.bounds import CUSTOM_SCHEMA, upper_bounds
from belvedere.query.histogram.buckets import NO_BUCKETS, Buckets
from belvedere.query.samples import FloatArray


class CounterReset(Enum):
    """What is known of a counter reset between the sample before and this one."""

    UNKNOWN = 0
    RESET = 1
    NOT_RESET = 2
    GAUGE = 3


class IncompatibleSchemasError(ValueError):
    """One histogram has exponential buckets and the other custom ones."""


class BucketTable(NamedTuple):
    """Buckets with their bounds, ascending; each float64[B]."""

    lower: FloatArray
    upper: FloatArray
    counts: FloatArray

    def rows(self) -> Iterator[tuple[float, float, float]]:
        """(lower, upper, count) of each bucket."""
        return zip(self.lower.tolist(), self.upper.tolist(), self.counts.tolist(), strict=True)


@dataclass(frozen=True, eq=False)
class NativeHistogram:
    """A histogram with float counts (upstream's FloatHistogram). Immutable.

    Attributes:
        schema: -4 to 8 for exponential buckets, `CUSTOM_SCHEMA` for custom ones.
        count: The number of observations; may be more than the buckets hold (NaN observations).
        sum: Of the observations.
        zero_threshold: The zero bucket holds `[-zero_threshold, zero_threshold]`. Like
            zero_count and negative it is not used with custom buckets.
        zero_count: The count of the zero bucket.
        positive: The buckets above the zero bucket; all buckets of the custom schema.
        negative: The buckets below; bucket i mirrors the positive bucket i.
        custom_values: The upper bounds of the custom schema, ascending, without +Inf.
        counter_reset: The counter reset hint.
    """

    schema: int = 0
    count: float = 0.0
    sum: float = 0.0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: Buckets = NO_BUCKETS
    negative: Buckets = NO_BUCKETS
    custom_values: tuple[float, ...] = ()
    counter_reset: CounterReset = CounterReset.UNKNOWN

    @property
    def is_custom(self) -> bool:
        """Whether the buckets have bounds of their own."""
        return self.schema == CUSTOM_SCHEMA

    def equals(self, other: "NativeHistogram") -> bool:
        """Upstream's `Equals`: the same data, bit-wise; the counter reset hint does not count."""
        return (
            self.schema == other.schema
            and _bits(self) == _bits(other)
            and self.zero_threshold == other.zero_threshold
            and self.custom_values == other.custom_values
            and self.positive.equals(other.positive)
            and self.negative.equals(other.negative)
        )

    def compact(self) -> "NativeHistogram":
        """The histogram without empty buckets."""
        positive, negative = self.positive.compact, self.negative.compact
        if positive is self.positive and negative is self.negative:
            return self
        return replace(self, positive=positive, negative=negative)

    def with_hint(self, hint: CounterReset) -> "NativeHistogram":
        """The histogram with that counter reset hint."""
        return self if hint is self.counter_reset else replace(self, counter_reset=hint)

    def times(self, factor: float) -> "NativeHistogram":
        """All counts and the sum multiplied; a gauge where the factor is negative."""
        return NativeHistogram(
            self.schema,
            self.count * factor,
            self.sum * factor,
            self.zero_threshold,
            self.zero_count * factor,
            self.positive.map_counts(lambda counts: counts * factor),
            self.negative.map_counts(lambda counts: counts * factor),
            self.custom_values,
            CounterReset.GAUGE if factor < 0 else self.counter_reset,
        )

    def over(self, divisor: float) -> "NativeHistogram":
        """All counts and the sum divided. A divisor of 0 gives infinities and no buckets."""
        with np.errstate(all="ignore"):
            scalars = np.array([self.count, self.sum, self.zero_count]) / np.float64(divisor)
        count, total, zero = scalars.tolist()
        if divisor == 0:
            return replace(
                self,
                count=count,
                sum=total,
                zero_count=zero,
                positive=NO_BUCKETS,
                negative=NO_BUCKETS,
            )
        return NativeHistogram(
            self.schema,
            count,
            total,
            self.zero_threshold,
            zero,
            self.positive.map_counts(lambda counts: counts / divisor),
            self.negative.map_counts(lambda counts: counts / divisor),
            self.custom_values,
            CounterReset.GAUGE if divisor < 0 else self.counter_reset,
        )

    def coarser(self, schema: int) -> "NativeHistogram":
        """The histogram in an exponential schema that is at most ours."""
        steps = self.schema - schema
        if steps == 0:
            return self
        if steps < 0 or self.is_custom or schema == CUSTOM_SCHEMA:
            raise IncompatibleSchemasError(f"schema {self.schema} cannot become {schema}")
        return replace(
            self,
            schema=schema,
            positive=self.positive.coarser(steps),
            negative=self.negative.coarser(steps),
        )

    def positive_table(self) -> BucketTable:
        """The positive (or custom) buckets, ascending."""
        return BucketTable(*self._bounds(self.positive), self.positive.counts)

    def negative_table(self) -> BucketTable:
        """The negative buckets from the zero bucket down: descending in value."""
        lower, upper = self._bounds(self.negative)
        return BucketTable(-upper, -lower, self.negative.counts)

    def table(self, *, cut: bool = True) -> BucketTable:
        """All buckets, ascending, the zero bucket among them unless it is empty.

        Args:
            cut: Buckets that reach into the zero bucket end at its threshold.
        """
        parts = []
        threshold = self.zero_threshold if cut else 0.0
        if len(self.negative):
            lower, upper, counts = (column[::-1] for column in self.negative_table())
            parts.append(BucketTable(lower, np.minimum(upper, -threshold), counts))
        if self.zero_count > 0:
            zero = self.zero_threshold
            parts.append(
                BucketTable(np.array([-zero]), np.array([zero]), np.array([self.zero_count]))
            )
        if len(self.positive):
            lower, upper, counts = self.positive_table()
            lower = lower if self.is_custom else np.maximum(lower, threshold)
            parts.append(BucketTable(lower, upper, counts))
        if len(parts) == 1:
            return parts[0]
        nothing = BucketTable(NO_BUCKETS.counts, NO_BUCKETS.counts, NO_BUCKETS.counts)
        columns = zip(nothing, *parts, strict=True)
        return BucketTable(*(np.concatenate(column) for column in columns))

    def _bounds(self, buckets: Buckets) -> tuple[FloatArray, FloatArray]:
        custom = self.custom_values
        return (
            upper_bounds(buckets.indexes - 1, self.schema, custom),
            upper_bounds(buckets.indexes, self.schema, custom),
        )


def _bits(histogram: NativeHistogram) -> bytes:
    return np.array([histogram.count, histogram.sum, histogram.zero_count]).tobytes()
