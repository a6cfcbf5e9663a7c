"""Thresholds: the arithmetic of consistent probability sampling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.collector.processors.probabilistic_sampler.threshold import (
    MIN_PROBABILITY,
    NEVER,
    parse_randomness,
    parse_threshold,
    probability_of,
    randomness_of_trace,
    randomness_text,
    threshold_of,
    threshold_text,
)


@pytest.mark.parametrize(
    ("probability", "precision", "text"),
    [
        (1.0, 4, "0"),
        (2.0, 4, "0"),
        (0.5, 4, "8"),
        (0.25, 1, "c"),
        (0.01, 3, "fd71"),
        (0.01, 4, "fd70a"),
        (0.01, 14, "fd70a3d70a3d71"),
        (0.99, 4, "028f6"),
        (1 / 3, 14, "aaaaaaaaaaaaac"),
        (MIN_PROBABILITY, 4, "ffffffffffffff"),
    ],
)
def test_thresholds_of_probabilities(probability: float, precision: int, text: str) -> None:
    assert threshold_text(threshold_of(probability, precision)) == text


@pytest.mark.parametrize("probability", [0.0, -1.0, MIN_PROBABILITY / 2])
def test_what_is_too_small_is_never_sampled(probability: float) -> None:
    assert threshold_of(probability, 4) == NEVER


@given(st.floats(1e-6, 1), st.integers(1, 14))
def test_the_probability_of_a_threshold_is_near(probability: float, precision: int) -> None:
    kept = probability_of(threshold_of(probability, precision))
    least = min(probability, 1 - probability)
    step = max(least * 16.0 ** (1 - precision), 16 * MIN_PROBABILITY)
    assert kept == pytest.approx(probability, abs=step)


@given(st.integers(0, NEVER - 1))
def test_texts_read_back(value: int) -> None:
    assert parse_threshold(threshold_text(value)) == value
    assert parse_randomness(randomness_text(value)) == value


@pytest.mark.parametrize("text", ["", "x", "+1", "123456789abcdef", "1_0", " 1"])
def test_refuses_other_texts(text: str) -> None:
    with pytest.raises(ValueError, match="is no sampling threshold"):
        parse_threshold(text)
    with pytest.raises(ValueError, match="is no sampling randomness"):
        parse_randomness(text)


def test_randomness_of_a_trace_is_its_last_56_bits() -> None:
    assert randomness_of_trace(bytes(range(16))) == int("090a0b0c0d0e0f", 16)
