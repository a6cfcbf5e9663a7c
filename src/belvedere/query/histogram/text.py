"""How a native histogram is written: as Prometheus prints it, and in the HTTP API."""

from collections.abc import Iterator
from typing import NamedTuple

from belvedere.query.go_format import format_g, format_sample
from belvedere.query.histogram.native import NativeHistogram


class WrittenBucket(NamedTuple):
    """One bucket as the API has it: `[boundaries, lower, upper, count]`.

    Attributes:
        boundaries: 0 open left, 1 open right, 2 open both, 3 closed both.
        lower: The lower bound.
        upper: The upper bound.
        observations: The count.
    """

    boundaries: int
    lower: float
    upper: float
    observations: float


def written_buckets(histogram: NativeHistogram, *, cut: bool = True) -> Iterator[WrittenBucket]:
    """The populated buckets, ascending, each with the rule of its boundaries.

    Args:
        histogram: Of any schema.
        cut: Buckets that reach into the zero bucket end at its threshold.
    """
    for lower, upper, count in histogram.table(cut=cut).rows():
        if count != 0:
            yield WrittenBucket(_boundaries(histogram, lower, upper), lower, upper, count)


def _boundaries(histogram: NativeHistogram, lower: float, upper: float) -> int:
    if histogram.is_custom:
        return 3 if lower == float("-inf") else 0
    if lower < 0 < upper or lower == upper:
        return 3
    return 1 if lower < 0 else 0


def print_histogram(histogram: NativeHistogram) -> str:
    """As upstream's `String`: `{count:3, sum:5, (1,2]:3}`."""
    parts = [f"count:{format_g(histogram.count)}", f"sum:{format_g(histogram.sum)}"]
    for bucket in written_buckets(histogram, cut=False):
        left = "[" if bucket.boundaries in {1, 3} else "("
        right = "]" if bucket.boundaries in {0, 3} else ")"
        parts.append(
            f"{left}{format_g(bucket.lower)},{format_g(bucket.upper)}{right}:"
            f"{format_g(bucket.observations)}"
        )
    return "{" + ", ".join(parts) + "}"


def api_form(histogram: NativeHistogram) -> dict[str, object]:
    """The JSON of the HTTP API: counts and bounds are texts."""
    form: dict[str, object] = {
        "count": format_sample(histogram.count),
        "sum": format_sample(histogram.sum),
    }
    buckets = [
        [
            b.boundaries,
            format_sample(b.lower),
            format_sample(b.upper),
            format_sample(b.observations),
        ]
        for b in written_buckets(histogram)
    ]
    if buckets:
        form["buckets"] = buckets
    return form
