"""Remote write 1.0 and 2.0: the bytes, and back."""

import contextlib
import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.otlp.varint import write_varint
from belvedere.prometheus.errors import MalformedError, TooLargeError
from belvedere.prometheus.model import (
    STALE,
    Exemplar,
    Labels,
    Metadata,
    MetricType,
    NativeHistogram,
    Series,
    is_stale,
    labels_of,
)
from belvedere.prometheus.remote_write import snappy, v1, v2
from belvedere.prometheus.remote_write.messages import Request, WriteRequest

COUNTER = Metadata("hits_total", MetricType.COUNTER, "Hits.", "")
SERIES = Series(
    (("__name__", "hits_total"), ("job", "a")),
    COUNTER,
    samples=[(1000, 1.5)],
    exemplars=[Exemplar((("trace_id", "ab"),), 0.5, 999)],
    created_ms=500,
)
GOLDEN_V1 = (
    "0a4e"  # a series
    "0a160a085f5f6e616d655f5f120a686974735f746f74616c0a080a036a6f62120161"  # labels
    "120c09000000000000f83f10e807"  # a sample
    "1a1c0a0e0a0874726163655f69641202616211000000000000e03f18e707"  # an exemplar
    "1a150801120a686974735f746f74616c2205486974732e"  # metadata
)
GOLDEN_V2 = (
    "220022085f5f6e616d655f5f220a686974735f746f74616c22036a6f62220161"  # symbols
    "220874726163655f6964220261622205486974732e"
    "2a2f0a0401020304"  # a series, its labels
    "120c09000000000000f83f10e807"  # a sample
    "22100a02050611000000000000e03f18e707"  # an exemplar
    "2a040801180730f403"  # metadata, created
)


def test_golden_bytes_of_1_0() -> None:
    assert v1.encode([SERIES], [COUNTER]).hex() == GOLDEN_V1


def test_golden_bytes_of_2_0() -> None:
    assert v2.encode([SERIES]).hex() == GOLDEN_V2


def test_a_histogram_is_spans_and_deltas() -> None:
    histogram = NativeHistogram(
        schema=1,
        count=17,
        sum=1.0,
        zero_count=2,
        zero_threshold=1e-128,
        positive=((-3, 1), (-2, 3), (0, 2), (9, 5)),
        negative=((4, 4),),
    )
    series = Series((("__name__", "h"),), histograms=[(5, histogram)])
    (message,) = WriteRequest.FromString(v1.encode([series])).timeseries[0].histograms
    assert [(span.offset, span.length) for span in message.positive_spans] == [(-3, 4), (8, 1)]
    assert list(message.positive_deltas) == [1, 2, -3, 2, 3]
    assert [(span.offset, span.length) for span in message.negative_spans] == [(4, 1)]
    assert (message.count_int, message.zero_count_int, message.timestamp) == (17, 2, 5)
    assert v1.decode(v1.encode([series]))[0] == [series]
    floats = dataclasses.replace(histogram, count=17.5)
    series.histograms = [(5, floats)]
    (message,) = WriteRequest.FromString(v1.encode([series])).timeseries[0].histograms
    assert list(message.positive_counts) == [1, 3, 0, 2, 5]
    assert v1.decode(v1.encode([series]))[0] == [series]


def test_a_stale_marker_keeps_its_bits() -> None:
    series = Series((("__name__", "m"),), samples=[(1, STALE), (2, math.nan)])
    for decoded in (v1.decode(v1.encode([series]))[0][0], v2.decode(v2.encode([series]))[0]):
        assert [is_stale(value) for _, value in decoded.samples] == [True, False]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(allow_nan=False)
times = st.integers(-(1 << 62), 1 << 62)
label_sets: st.SearchStrategy[Labels] = st.dictionaries(texts.filter(bool), texts).map(labels_of)
buckets = st.dictionaries(st.integers(-1000, 1000), st.integers(1, 1 << 40), max_size=8).map(
    lambda counts: tuple(sorted(counts.items()))
)
histograms = st.builds(
    NativeHistogram,
    schema=st.integers(-4, 8),
    count=st.integers(0, 1 << 50),
    sum=numbers,
    zero_threshold=st.floats(0, 1),
    zero_count=st.integers(0, 100),
    positive=buckets,
    negative=buckets,
    reset_hint=st.integers(0, 3),
)
exemplars = st.lists(st.builds(Exemplar, label_sets, numbers, times), max_size=2)
series_of_samples = st.builds(
    Series, label_sets, samples=st.lists(st.tuples(times, numbers), max_size=4), exemplars=exemplars
)
series_of_histograms = st.builds(
    Series, label_sets, histograms=st.lists(st.tuples(times, histograms), max_size=3)
)
metadata = st.builds(Metadata, texts, st.sampled_from(MetricType), texts, texts)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(series_of_samples | series_of_histograms, max_size=4), st.lists(metadata, max_size=2)
)
def test_1_0_comes_back(series: list[Series], families: list[Metadata]) -> None:
    assert v1.decode(v1.encode(series, families)) == (series, families)


@settings(max_examples=60, deadline=None)
@given(st.lists(series_of_samples | series_of_histograms, max_size=4), metadata, times)
def test_2_0_comes_back(series: list[Series], family: Metadata, created_ms: int) -> None:
    for each in series:
        each.metadata, each.created_ms = dataclasses.replace(family, name=each.name), created_ms
    assert v2.decode(v2.encode(series)) == series


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    for read in (v1.decode, v2.decode, snappy.decompress):
        with contextlib.suppress(MalformedError, TooLargeError):
            read(data)


@pytest.mark.parametrize(
    ("of", "complaint"),
    [
        pytest.param({"labels_refs": [1]}, "without a value", id="odd labels"),
        pytest.param({"labels_refs": [1, 9]}, "no symbol 9", id="no such symbol"),
        pytest.param({"labels_refs": [1, 2, 1, 2]}, "label twice", id="label twice"),
        pytest.param({"labels_refs": [0, 2]}, "without a name", id="no name"),
        pytest.param(
            {"samples": [{"value": 1}], "histograms": [{"count_int": 1}]}, "both", id="both"
        ),
        pytest.param(
            {"histograms": [{"positive_spans": [{"length": 1 << 30}], "count_int": 1}]},
            "spans have 1073741824 buckets",
            id="spans claim too much",
        ),
        pytest.param(
            {"histograms": [{"positive_spans": [{"length": 1}], "positive_deltas": [-1]}]},
            "less than nothing",
            id="negative count",
        ),
    ],
)
def test_2_0_that_makes_no_sense_is_refused(of: dict[str, object], complaint: str) -> None:
    request = Request(symbols=["", "a", "b"], timeseries=[of])
    with pytest.raises(MalformedError, match=complaint):
        v2.decode(request.SerializeToString())


def test_the_symbols_begin_with_the_empty_text() -> None:
    with pytest.raises(MalformedError, match="begin with the empty text"):
        v2.decode(Request(symbols=["a"]).SerializeToString())


def test_newer_senders_say_the_start_with_each_sample() -> None:
    request = Request(symbols=[""], timeseries=[{"samples": [{"value": 1, "start_timestamp": 7}]}])
    assert v2.decode(request.SerializeToString())[0].created_ms == 7


def test_snappy_is_bounded_by_the_length_that_it_states() -> None:
    data = b"x" * 100_000
    block = snappy.compress(data)
    assert snappy.decompress(block) == data
    with pytest.raises(TooLargeError, match="100000 bytes"):
        snappy.decompress(block, limit_bytes=99_999)
    with pytest.raises(TooLargeError):
        snappy.decompress(write_varint(1 << 40) + b"\0")
    for bad in (b"", b"\xff", block[:-1], write_varint(5) + b"\0a"):
        with pytest.raises(MalformedError):
            snappy.decompress(bad)
