"""What is taken as it came is what decoding and encoding would make of it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.prometheus.model import Exemplar, Metadata, MetricType, NativeHistogram, Series
from belvedere.prometheus.points import MAX_TIME_MS, MIN_TIME_MS, Points, encode_points
from belvedere.prometheus.remote_write import v1
from belvedere.prometheus.remote_write.messages import WriteRequest
from belvedere.prometheus.remote_write.plain import read_plain

HITS = Metadata("hits_total", MetricType.COUNTER, "Hits.", "things")
GOOD = Series((("__name__", "hits_total"), ("job", "a")), samples=[(1000, 1.5), (2000, 2.5)])

_text = st.text(min_size=1, max_size=4)
_series = st.builds(
    lambda name, labels, samples: Series(
        tuple(sorted({**labels, "__name__": name}.items())), samples=samples
    ),
    st.sampled_from(("hits_total", "up")),
    st.dictionaries(_text, _text, max_size=3),
    st.lists(st.tuples(st.integers(MIN_TIME_MS, MAX_TIME_MS), st.floats()), max_size=3),
)


def known(name: str) -> Metadata | None:
    return HITS if name == HITS.name else None


def request(*labels: tuple[str, str], time_ms: int = 1000) -> bytes:
    message: Any = WriteRequest()
    series = message.timeseries.add()
    for name, value in labels:
        series.labels.add(name=name, value=value)
    series.samples.add(value=1.0, timestamp=time_ms)
    data: bytes = message.SerializeToString()
    return data


@settings(deadline=None, max_examples=100)
@given(st.lists(_series, max_size=4))
def test_plain_requests_are_points_as_they_are(several: list[Series]) -> None:
    found = read_plain(v1.encode(several), known)
    assert found is not None
    assert found.samples == sum(len(each.samples) for each in several)
    expected = [Series(each.labels, known(each.name), samples=each.samples) for each in several]
    assert str(Points.FromString(found.points)) == str(Points.FromString(encode_points(expected)))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x0a\xff", id="no protobuf"),
        pytest.param(v1.encode([GOOD], [HITS]), id="metadata"),
        pytest.param(
            v1.encode([Series(GOOD.labels, exemplars=[Exemplar((), 1.0, 1000)])]), id="exemplar"
        ),
        pytest.param(
            v1.encode([Series(GOOD.labels, histograms=[(1000, NativeHistogram(0, 1, 1.0))])]),
            id="histogram",
        ),
        pytest.param(request(("job", "a")), id="no name"),
        pytest.param(request(("__name__", "")), id="empty name"),
        pytest.param(request(("__name__", "up"), ("", "a")), id="label without name"),
        pytest.param(request(("__name__", "up"), ("a", "1"), ("a", "2")), id="label twice"),
        pytest.param(request(("__name__", "up"), time_ms=MIN_TIME_MS - 1), id="too early"),
        pytest.param(request(("__name__", "up"), time_ms=MAX_TIME_MS + 1), id="too late"),
    ],
)
def test_all_else_is_left_to_decoding(data: bytes) -> None:
    assert read_plain(data, known) is None


def test_fields_of_ours_are_not_the_senders_to_fill() -> None:
    series = Points.FromString(encode_points([GOOD])).series[0]
    series.type = "gauge"
    series.histograms.add(timestamp_ms=MAX_TIME_MS + 1)
    found = read_plain(Points(series=[series]).SerializeToString(), known)
    assert found is not None
    (read,) = Points.FromString(found.points).series
    assert (read.type, len(read.histograms)) == ("counter", 0)
