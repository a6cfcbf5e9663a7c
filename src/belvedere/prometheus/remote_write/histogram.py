"""Native histograms in the messages of remote write, which 1.0 and 2.0 have alike."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from belvedere.prometheus.errors import MalformedError
from belvedere.prometheus.model import NativeHistogram
from belvedere.prometheus.spans import deltas, is_whole, write_spans

_MAX_BUCKETS: Final = 100_000
"""Of one sign; real ones have some hundred. Against spans that claim billions."""
_INDEXES: Final = range(-(1 << 31), 1 << 31)


def write_histogram(message: Any, time_ms: int, histogram: NativeHistogram) -> None:
    """Fill a `Histogram` message; with floats only where counts are no whole numbers."""
    message.timestamp = time_ms
    message.schema = histogram.schema
    message.sum = histogram.sum
    message.zero_threshold = histogram.zero_threshold
    message.reset_hint = histogram.reset_hint
    message.custom_values.extend(histogram.custom_values)
    signs = (("positive", histogram.positive), ("negative", histogram.negative))
    if is_whole(histogram):
        message.count_int = int(histogram.count)
        message.zero_count_int = int(histogram.zero_count)
        for sign, buckets in signs:
            counts = write_spans(getattr(message, f"{sign}_spans"), buckets)
            getattr(message, f"{sign}_deltas").extend(deltas(counts))
    else:
        message.count_float = histogram.count
        message.zero_count_float = histogram.zero_count
        for sign, buckets in signs:
            counts = write_spans(getattr(message, f"{sign}_spans"), buckets)
            getattr(message, f"{sign}_counts").extend(counts)


def read_histogram(message: Any) -> tuple[int, NativeHistogram]:
    """Time in ms, and the histogram of a `Histogram` message.

    Raises:
        MalformedError: spans and counts do not fit together.
    """
    is_float = message.WhichOneof("count") == "count_float"
    positive, negative = (
        tuple(_read_buckets(message, sign, is_float=is_float)) for sign in ("positive", "negative")
    )
    return message.timestamp, NativeHistogram(
        schema=message.schema,
        count=message.count_float if is_float else message.count_int,
        sum=message.sum,
        zero_threshold=message.zero_threshold,
        zero_count=message.zero_count_float if is_float else message.zero_count_int,
        positive=positive,
        negative=negative,
        custom_values=tuple(message.custom_values),
        reset_hint=message.reset_hint,
    )


def _read_buckets(message: Any, sign: str, *, is_float: bool) -> Iterator[tuple[int, float]]:
    """The buckets that are not empty."""
    counts: Sequence[float] = getattr(message, f"{sign}_{'counts' if is_float else 'deltas'}")
    spans = getattr(message, f"{sign}_spans")
    claimed = sum(span.length for span in spans)
    if claimed != len(counts) or claimed > _MAX_BUCKETS:
        raise MalformedError(
            f"a histogram's {sign} spans have {claimed} buckets, its counts {len(counts)}"
        )
    position = index = 0
    total: float = 0
    for number, span in enumerate(spans):
        if number and span.offset < 0:
            raise MalformedError(f"a histogram's {sign} spans overlap")
        index += span.offset
        if index not in _INDEXES:
            raise MalformedError(f"a histogram's {sign} spans are out of range")
        for _ in range(span.length):
            total = counts[position] if is_float else total + counts[position]
            if total < 0:
                raise MalformedError(f"a histogram has a {sign} bucket with less than nothing")
            if total:
                yield index, total
            position += 1
            index += 1
