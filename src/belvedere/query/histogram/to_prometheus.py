"""Native histograms of queries → as Prometheus's formats carry them."""

from belvedere.prometheus import model
from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import NativeHistogram


def to_prometheus(histogram: NativeHistogram) -> model.NativeHistogram:
    """The same histogram, to be written."""
    return model.NativeHistogram(
        schema=histogram.schema,
        count=histogram.count,
        sum=histogram.sum,
        zero_threshold=histogram.zero_threshold,
        zero_count=histogram.zero_count,
        positive=_pairs(histogram.positive),
        negative=_pairs(histogram.negative),
        custom_values=histogram.custom_values,
        reset_hint=histogram.counter_reset.value,
    )


def _pairs(buckets: Buckets) -> tuple[tuple[int, float], ...]:
    return tuple(zip(buckets.indexes.tolist(), buckets.counts.tolist(), strict=True))
