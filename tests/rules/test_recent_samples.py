"""What rules wrote a moment ago, over what the store has: together as if all were in one place."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.parse import parse_selector
from belvedere.rules.evaluation.recent import KEPT_MS, Recent, merged

_ALL = parse_selector('{__name__=~".+"}')
_Points = dict[tuple[str, int], float]
_POINTS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.integers(1, 30)), st.integers(0, 9), max_size=30
)


def _source(points: _Points) -> MemorySource:
    source = MemorySource()
    for (name, time_ms), value in points.items():
        # Some are histograms.
        sample = NativeHistogram(count=value, sum=value) if value > 7 else float(value)
        source.add(Labels({METRIC_NAME: name}), [(time_ms, sample)])
    return source


@given(_POINTS, _POINTS)
@settings(max_examples=60, deadline=None)
def test_two_sources_are_as_one(stored: _Points, recent: _Points) -> None:
    whole = _source({**recent, **stored}).select(_ALL, 0, 100)
    parts = merged(_source(stored).select(_ALL, 0, 100), _source(recent).select(_ALL, 0, 100))
    assert parts.labels == list(whole.labels)
    assert parts.offsets.tolist() == whole.offsets.tolist()
    assert parts.timestamps_ms.tolist() == whole.timestamps_ms.tolist()
    for at in range(whole.values.size):
        histograms = [
            None if each.histograms is None else each.histograms[at] for each in (parts, whole)
        ]
        if histograms[1] is None:
            assert histograms[0] is None
            assert parts.values[at] == whole.values[at]
        else:
            assert histograms[0].sum == histograms[1].sum


def test_samples_are_forgotten_in_time() -> None:
    recent = Recent()
    labels = Labels({METRIC_NAME: "a"})
    for time_ms in range(0, 3 * KEPT_MS, 10_000):
        recent.add(time_ms, [(labels, 1.0)], time_ms)
    kept = recent.select(_ALL, -1, 3 * KEPT_MS).timestamps_ms
    assert kept[0] >= np.int64(3 * KEPT_MS - KEPT_MS * 5 // 4)
    assert kept[-1] == 3 * KEPT_MS - 10_000
