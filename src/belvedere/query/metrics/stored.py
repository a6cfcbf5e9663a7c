"""Rows of the sample tables, and the series that they make."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from belvedere.query.metrics.numbers import numbers
from belvedere.query.metrics.series import Found
from belvedere.query.samples import FloatArray, HistogramArray, IntArray, Samples

# Blocks of at least so many rows are copied one by one; for less, an index of rows is faster
# (0.3 µs a block and column, 3 ns a row and column).
_LONG_ROWS = 100


class _Chunk(NamedTuple):
    """Rows that were read at once: N, of each series by time where they are of one part."""

    owners: npt.NDArray[np.uint64]
    """uint64[N], the fingerprints."""
    times_ms: IntArray
    values: FloatArray
    histograms: HistogramArray | None


class StoredRows:
    """Samples as they are read: in no order, but that of each part of the table."""

    def __init__(
        self, table: pa.Table, value: str, histograms: HistogramArray | None = None
    ) -> None:
        """The rows of columns `fingerprint`, `time` and that of values.

        Args:
            table: in chunks, as it was read; times in milliseconds.
            value: the name of the column of values.
            histograms: the histogram of each row.
        """
        start = 0
        self._chunks = []
        for batch in table.to_batches():
            owners, values = (numbers(batch.column(name)) for name in ("fingerprint", value))
            times_ms = numbers(batch.column("time").view(pa.int64()))
            part = None if histograms is None else histograms[start : start + owners.size]
            start += owners.size
            if owners.size:
                self._chunks.append(_Chunk(owners, times_ms, values, part))

    def add(self, other: "StoredRows") -> None:
        """Other rows too: those of histograms to those of floats."""
        self._chunks += other._chunks  # noqa: SLF001 - of this class

    def series(self, found: Found) -> Samples:
        """The samples of found series by their labels, each series by time, each sample once.

        ClickHouse would take 50 ms to order 2.6 million rows; here blocks are ordered, which are
        whole already: the rows of a series come as many at once as a part has of it.
        """
        if not self._chunks:
            return Samples.empty()
        blocks = self._blocks(found)
        if not blocks.starts.size:
            return Samples.empty()
        firsts = np.flatnonzero(np.append(True, blocks.places[1:] != blocks.places[:-1]))
        lengths = np.add.reduceat(blocks.ends - blocks.starts, firsts)
        columns = self._columns(blocks)
        if blocks.overlap:
            places = np.repeat(blocks.places, blocks.ends - blocks.starts)
            once = _each_once(places, columns[0])
            counts = np.bincount(places[once])
            lengths = counts[counts > 0]
            columns = [None if column is None else column[once] for column in columns]
        places = blocks.places[firsts].tolist()
        whole = len(places) == len(found.labels)
        return Samples(
            found.labels if whole else [found.labels[place] for place in places],
            np.append(0, np.cumsum(lengths)).astype(np.int64),
            *columns,
        )

    def _blocks(self, found: Found) -> "_Blocks":
        of_chunks = [_blocks_of(number, chunk) for number, chunk in enumerate(self._chunks)]
        chunks, owners, starts, ends, first_ms, last_ms = map(
            np.concatenate, zip(*of_chunks, strict=True)
        )
        at = np.minimum(np.searchsorted(found.fingerprints, owners), found.fingerprints.size - 1)
        chosen = np.flatnonzero(found.fingerprints[at] == owners)
        places = found.places[at[chosen]]
        order = np.lexsort((first_ms[chosen], places))
        chosen, places = chosen[order], places[order]
        same = places[1:] == places[:-1]
        overlap = bool((same & (first_ms[chosen[1:]] <= last_ms[chosen[:-1]])).any())
        return _Blocks(chunks[chosen], starts[chosen], ends[chosen], places, overlap)

    def _columns(self, blocks: "_Blocks") -> list[Any]:
        """Times, values, and histograms if there are any, of the rows of blocks."""
        native = any(chunk.histograms is not None for chunk in self._chunks)
        columns: list[list[npt.NDArray[Any]]] = [
            [chunk.times_ms for chunk in self._chunks],
            [chunk.values for chunk in self._chunks],
        ]
        if native:
            columns.append(
                [
                    np.full(chunk.owners.size, None)
                    if chunk.histograms is None
                    else chunk.histograms
                    for chunk in self._chunks
                ]
            )
        lengths = blocks.ends - blocks.starts
        gathered: list[Any]
        if lengths.sum() >= _LONG_ROWS * lengths.size:
            cuts = list(
                zip(
                    blocks.chunks.tolist(),
                    blocks.starts.tolist(),
                    blocks.ends.tolist(),
                    strict=True,
                )
            )
            gathered = [
                np.concatenate([column[chunk][start:end] for chunk, start, end in cuts])
                for column in columns
            ]
        else:
            before = np.append(0, np.cumsum([chunk.owners.size for chunk in self._chunks]))
            rows = _indexes(blocks.starts + before[blocks.chunks], lengths)
            gathered = [np.concatenate(column)[rows] for column in columns]
        return gathered if native else [*gathered, None]


class _Blocks(NamedTuple):
    """Rows of one series one after another, their times ascending; by series, then by time."""

    chunks: IntArray
    starts: IntArray
    """In the chunk."""
    ends: IntArray
    places: IntArray
    """Of the series of each; see `Found.places`."""
    overlap: bool
    """Some block begins before the one before it of the same series ends."""


def _blocks_of(number: int, chunk: _Chunk) -> Sequence[npt.NDArray[Any]]:
    """The chunk's number, series, starts, ends, first and last times of its blocks."""
    same = chunk.owners[1:] == chunk.owners[:-1]
    same &= chunk.times_ms[1:] > chunk.times_ms[:-1]
    starts = np.append(0, np.flatnonzero(~same) + 1)
    ends = np.append(starts[1:], chunk.owners.size)
    return (
        np.full(starts.size, number),
        chunk.owners[starts],
        starts,
        ends,
        chunk.times_ms[starts],
        chunk.times_ms[ends - 1],
    )


def _each_once(places: IntArray, times_ms: IntArray) -> IntArray:
    """Rows by series and time, the first of those of one time."""
    order = np.lexsort((times_ms, places))
    places, times_ms = places[order], times_ms[order]
    new = np.append(True, (places[1:] != places[:-1]) | (times_ms[1:] != times_ms[:-1]))
    rows: IntArray = order[new]
    return rows


def _indexes(starts: IntArray, lengths: IntArray) -> IntArray:
    """The indexes of blocks of elements, one block after another."""
    ends = np.cumsum(lengths)
    indexes: IntArray = np.repeat(starts - (ends - lengths), lengths)
    indexes += np.arange(indexes.size)
    return indexes
