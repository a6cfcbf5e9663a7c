"""Results look as Prometheus writes them."""

import math

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.api.prometheus.encode import (
    encode_matrix,
    encode_scalar,
    encode_string,
    encode_vector,
)
from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import Labels
from belvedere.query.matrix import Grid, SeriesMatrix

A, B = Labels({"__name__": "up", "pod": 'a"\n'}), Labels({"pod": "b"})
GRID = Grid(1_435_781_430_781, 1_435_781_460_781, 15_000)
NATIVE = NativeHistogram(schema=0, count=3.0, sum=1e-7, positive=Buckets.of(0, [1.0, 2.0]))


def matrix(values: list[list[float]], present: list[list[bool]] | None = None) -> SeriesMatrix:
    array = np.array(values, np.float64)
    return SeriesMatrix.of(
        [A, B][: len(values)], array, None if present is None else np.array(present)
    )


def test_a_series_is_its_labels_times_and_texts() -> None:
    assert b"".join(encode_matrix(matrix([[1, 0.5, -2]]), GRID)) == (
        b'[{"metric":{"__name__":"up","pod":"a\\"\\n"},"values":'
        b'[[1435781430.781,"1"],[1435781445.781,"0.5"],[1435781460.781,"-2"]]}]'
    )


def test_what_is_missing_is_left_out_series_and_samples() -> None:
    found = matrix([[1, 2, 3], [4, 5, 6]], [[False] * 3, [True, False, True]])
    assert orjson.loads(b"".join(encode_matrix(found, GRID))) == [
        {"metric": {"pod": "b"}, "values": [[1435781430.781, "4"], [1435781460.781, "6"]]}
    ]


def test_nothing_is_an_empty_list() -> None:
    assert b"".join(encode_matrix(SeriesMatrix.empty(3), GRID)) == b"[]"
    assert b"".join(encode_vector(SeriesMatrix.empty(1), 0)) == b"[]"


def test_a_vector_has_one_value_a_series() -> None:
    found = matrix([[1], [math.nan]])
    assert b"".join(encode_vector(found, 1_000)) == (
        b'[{"metric":{"__name__":"up","pod":"a\\"\\n"},"value":[1,"1"]},'
        b'{"metric":{"pod":"b"},"value":[1,"NaN"]}]'
    )


def test_histograms_stand_beside_the_floats_of_their_series() -> None:
    histograms = np.full((1, 3), None, object)
    histograms[0, 1] = NATIVE
    found = SeriesMatrix.of([B], np.array([[1.0, 0, 3]]), histograms=histograms)
    form = {"count": "3", "sum": "1e-07", "buckets": [[0, "0.5", "1", "1"], [0, "1", "2", "2"]]}
    assert orjson.loads(b"".join(encode_matrix(found, GRID))) == [
        {
            "metric": {"pod": "b"},
            "values": [[1435781430.781, "1"], [1435781460.781, "3"]],
            "histograms": [[1435781445.781, form]],
        }
    ]
    vector = SeriesMatrix.of([B], found.values[:, 1:2], histograms=histograms[:, 1:2])
    assert orjson.loads(b"".join(encode_vector(vector, 2_500))) == [
        {"metric": {"pod": "b"}, "histogram": [2.5, form]}
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-07"),
        (-0.0, "-0"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (123456789012345.6, "123456789012345.6"),
    ],
)
def test_numbers_are_written_as_go_writes_them(value: float, text: str) -> None:
    expected = f'[0,"{text}"]'.encode()
    assert encode_scalar(value, 0) == expected
    assert b"".join(encode_vector(matrix([[value]]), 0)).endswith(b'"value":' + expected + b"}]")


@given(st.lists(st.floats(), min_size=3, max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_number_reads_back_as_itself(values: list[float]) -> None:
    [series] = orjson.loads(b"".join(encode_matrix(matrix([values]), GRID)))
    for (_, text), value in zip(series["values"], values, strict=True):
        assert float(text) == value or math.isnan(value) is math.isnan(float(text)) is True


def test_a_string_is_escaped() -> None:
    assert encode_string('a"b', -1_500) == b'[-1.5,"a\\"b"]'


def test_large_answers_come_in_pieces_that_are_one_whole() -> None:
    many = SeriesMatrix.of([Labels({"i": str(i)}) for i in range(5000)], np.ones((5000, 3)))
    pieces = list(encode_matrix(many, GRID))
    assert len(pieces) > 1
    assert len(orjson.loads(b"".join(pieces))) == 5000
