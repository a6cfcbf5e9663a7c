"""Rows in any order of blocks become series by label, samples by time, each once."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.labels import Labels
from belvedere.query.metrics.series import Found
from belvedere.query.metrics.stored import StoredRows

FINGERPRINTS = (3, 5, 1 << 63, (1 << 63) + 7)
FOUND = Found(
    np.array(FINGERPRINTS, np.uint64),
    np.array([2, 0, 3, 1]),
    [Labels({"pod": pod}) for pod in "abcd"],
    dense=True,
    histograms=False,
)

# A series that was found or one that was not, and times: what one part has of it, by time.
_block = st.tuples(st.sampled_from((*FINGERPRINTS, 4)), st.sets(st.integers(0, 20)).map(sorted))


def _value(fingerprint: int, time_ms: int) -> float:
    return float(fingerprint % 1000) + time_ms / 64


def _table(rows: list[tuple[int, int]], *, chunk: int) -> pa.Table:
    owners, times = [owner for owner, _ in rows], [time for _, time in rows]
    whole = pa.table(
        {
            "fingerprint": pa.array(owners, pa.uint64()),
            "time": pa.array(times, pa.int64()),
            "value": pa.array([_value(*row) for row in rows], pa.float64()),
        }
    )
    return pa.concat_tables(
        [whole.slice(at, chunk) for at in range(0, len(rows), chunk)] or [whole]
    )


@settings(deadline=None, max_examples=200)
@given(st.lists(_block, max_size=12), st.integers(1, 8))
def test_series_are_those_of_a_plain_reference(
    blocks: list[tuple[int, list[int]]], chunk: int
) -> None:
    rows = [(owner, time) for owner, times in blocks for time in times]
    samples = StoredRows(_table(rows, chunk=chunk), "value").series(FOUND)
    expected = {}
    for owner, place in zip(FINGERPRINTS, FOUND.places.tolist(), strict=True):
        if times := sorted({time for each, time in rows if each == owner}):
            expected[place] = [(time, _value(owner, time)) for time in times]
    assert list(samples.labels) == [FOUND.labels[place] for place in sorted(expected)]
    found = list(zip(samples.timestamps_ms.tolist(), samples.values.tolist(), strict=True))
    offsets = samples.offsets.tolist()
    assert [found[a:b] for a, b in pairwise(offsets)] == [
        expected[place] for place in sorted(expected)
    ]
    assert samples.timestamps_ms.dtype == np.int64
