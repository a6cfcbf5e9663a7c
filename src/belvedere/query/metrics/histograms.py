"""Native histograms from rows of `metric_histograms`."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa

from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import CounterReset, NativeHistogram
from belvedere.query.metrics.numbers import numbers
from belvedere.query.samples import HistogramArray

COLUMNS: Final = (
    "schema, count, sum, zero_threshold, zero_count,"
    " arrayMap(index -> toInt64(index), positive_indexes) AS positive_indexes, positive_counts,"
    " arrayMap(index -> toInt64(index), negative_indexes) AS negative_indexes, negative_counts,"
    " custom_values, CAST(reset_hint AS Int8) AS reset_hint"
)
"""What `read_histograms` needs of the table."""


def read_histograms(table: pa.Table) -> HistogramArray:
    """object[N], a `NativeHistogram` for each row. A stale one has the marker as its sum."""
    names = (
        "schema",
        "count",
        "sum",
        "zero_threshold",
        "zero_count",
        "custom_values",
        "reset_hint",
    )
    rows = zip(
        _buckets(table, "positive"),
        _buckets(table, "negative"),
        *(table.column(name).to_pylist() for name in names),
        strict=True,
    )
    found = np.empty(table.num_rows, object)
    for at, row in enumerate(rows):
        positive, negative, schema, count, total, threshold, zero_count, bounds, hint = row
        found[at] = NativeHistogram(
            schema,
            count,
            total,
            threshold,
            zero_count,
            positive,
            negative,
            tuple(bounds),
            CounterReset(hint),
        )
    return found


def _buckets(table: pa.Table, sign: str) -> Iterator[Buckets]:
    """The buckets of one sign, row by row, as views into two flat arrays."""
    indexes = table.column(f"{sign}_indexes").combine_chunks()
    counts = table.column(f"{sign}_counts").combine_chunks()
    offsets = indexes.offsets.to_pylist()
    flat_indexes, flat_counts = numbers(indexes.values), numbers(counts.values)
    for start, end in pairwise(offsets):
        yield Buckets(flat_indexes[start:end], flat_counts[start:end])
