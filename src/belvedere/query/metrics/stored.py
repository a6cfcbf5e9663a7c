"""Rows of the sample tables, and the series that they make."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from belvedere.query.metrics.series import Found
from belvedere.query.samples import FloatArray, HistogramArray, IntArray, Samples


class StoredRows(NamedTuple):
    """Samples as they are read: N, in no order, but that of each part of the table."""

    owners: npt.NDArray[np.uint64]
    """uint64[N], the fingerprints."""
    times_ms: IntArray
    values: FloatArray
    histograms: HistogramArray | None

    @classmethod
    def of(cls, table: pa.Table, value: str, histograms: HistogramArray | None) -> "StoredRows":
        """The rows of columns `fingerprint`, `time` and that of values."""
        owners, times_ms, values = (_array(table, name) for name in ("fingerprint", "time", value))
        return cls(owners, times_ms, values, histograms)

    def with_natives(self, natives: "StoredRows") -> "StoredRows":
        """These, which are floats, and rows of histograms."""
        if natives.histograms is None or not natives.owners.size:
            return self
        return StoredRows(
            np.concatenate((self.owners, natives.owners)),
            np.concatenate((self.times_ms, natives.times_ms)),
            np.concatenate((self.values, natives.values)),
            np.concatenate((np.full(self.owners.size, None), natives.histograms)),
        )

    def series(self, found: Found) -> Samples:
        """The samples of found series by their labels, each series by time, each sample once.

        ClickHouse would take 50 ms to order 2.6 million rows; here blocks are ordered, which
        are whole already: the rows of a series come as many at once as a part has of it.
        """
        if not self.owners.size:
            return Samples.empty()
        blocks = self._blocks(found)
        if not blocks.starts.size:
            return Samples.empty()
        rows = _indexes(blocks.starts, blocks.ends - blocks.starts)
        firsts = np.flatnonzero(np.append(True, blocks.places[1:] != blocks.places[:-1]))
        lengths = np.add.reduceat(blocks.ends - blocks.starts, firsts)
        if blocks.overlap:
            rows, lengths = self._each_once(rows, blocks)
        places = blocks.places[firsts].tolist()
        whole = len(places) == len(found.labels)
        return Samples(
            found.labels if whole else [found.labels[place] for place in places],
            np.append(0, np.cumsum(lengths)).astype(np.int64),
            self.times_ms[rows],
            self.values[rows],
            None if self.histograms is None else self.histograms[rows],
        )

    def _blocks(self, found: Found) -> "_Blocks":
        same = self.owners[1:] == self.owners[:-1]
        same &= self.times_ms[1:] > self.times_ms[:-1]
        starts = np.append(0, np.flatnonzero(~same) + 1)
        owners = self.owners[starts]
        ends = np.append(starts[1:], self.owners.size)
        at = np.minimum(np.searchsorted(found.fingerprints, owners), found.fingerprints.size - 1)
        chosen = np.flatnonzero(found.fingerprints[at] == owners)
        starts, ends, places = starts[chosen], ends[chosen], found.places[at[chosen]]
        order = np.lexsort((self.times_ms[starts], places))
        starts, ends, places = starts[order], ends[order], places[order]
        overlap = (places[1:] == places[:-1]) & (
            self.times_ms[starts[1:]] <= self.times_ms[ends[:-1] - 1]
        )
        return _Blocks(starts, ends, places, bool(overlap.any()))

    def _each_once(self, rows: IntArray, blocks: "_Blocks") -> tuple[IntArray, IntArray]:
        """Rows by series and time, the first of those of one time, and how many each series has."""
        places = np.repeat(blocks.places, blocks.ends - blocks.starts)
        times_ms = self.times_ms[rows]
        order = np.lexsort((times_ms, places))
        places, times_ms = places[order], times_ms[order]
        new = np.append(True, (places[1:] != places[:-1]) | (times_ms[1:] != times_ms[:-1]))
        counts = np.bincount(places[new])
        return rows[order[new]], counts[counts > 0]


class _Blocks(NamedTuple):
    """Rows of one series one after another, their times ascending; by series, then by time."""

    starts: IntArray
    ends: IntArray
    places: IntArray
    """Of the series of each; see `Found.places`."""
    overlap: bool
    """Some block begins before the one before it of the same series ends."""


def _array(table: pa.Table, name: str) -> npt.NDArray[Any]:
    column = table.column(name)
    # Concatenating no chunk at all is an error, and would have no type.
    none = np.zeros(0, column.type.to_pandas_dtype())
    return np.concatenate((none, *(chunk.to_numpy() for chunk in column.chunks)))


def _indexes(starts: IntArray, lengths: IntArray) -> IntArray:
    """The indexes of blocks of elements, one block after another."""
    ends = np.cumsum(lengths)
    indexes: IntArray = np.repeat(starts - (ends - lengths), lengths)
    indexes += np.arange(indexes.size)
    return indexes
