"""`belvedere.testing`'s embeddings through OpenAI's client."""

import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI

from belvedere.testing import Fault, ModelServer, Scenario, Usage
from belvedere.testing.embeddings import vector
from belvedere.testing.tokens import tokens

SCRIPT = [
    Scenario("busy", fault=Fault(429, "Slow down.")),
    Scenario("exact", usage=Usage(37)),
    Scenario("", answer="An answer is not embedded."),
]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(SCRIPT, speed=math.inf) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ModelServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


def embed(client: OpenAI, texts: Any, **options: Any) -> Any:
    return client.embeddings.create(**{"model": "text-embedding-3-small", **options}, input=texts)


@pytest.mark.parametrize(
    ("options", "dimensions"),
    [
        ({}, 1536),
        ({"model": "text-embedding-3-large"}, 3072),
        ({"dimensions": 8}, 8),
        ({"encoding_format": "float"}, 1536),
    ],
    ids=str,
)
def test_vectors(client: OpenAI, options: dict[str, Any], dimensions: int) -> None:
    data = embed(client, ["a cat", "dogs bark"], **options).data
    assert [one.index for one in data] == [0, 1]
    for one, text in zip(data, ["a cat", "dogs bark"], strict=True):
        assert one.embedding == pytest.approx(vector(text, dimensions), abs=1e-6)


def test_usage(client: OpenAI, server: ModelServer) -> None:
    usage = embed(client, ["a cat", "two dogs bark"]).usage
    spent = len(tokens("a cat")) + len(tokens("two dogs bark"))
    assert usage.prompt_tokens == usage.total_tokens == spent
    assert server.usages[-1] == Usage(spent)
    assert embed(client, "exact").usage.prompt_tokens == 37


def test_lists_of_token_ids(client: OpenAI) -> None:
    one, two = embed(client, [[1, 2, 3], [4]]).data
    assert one.embedding == embed(client, [1, 2, 3]).data[0].embedding != two.embedding


def test_faults(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError, match=r"Slow down\."):
        embed(client, "busy")


@pytest.mark.parametrize("texts", [[], [{}], None, 3], ids=str)
def test_bad_input(client: OpenAI, texts: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="'input' must be a text"):
        embed(client, texts)


@given(st.text(), st.integers(1, 64))
def test_a_vector_has_length_1(text: str, dimensions: int) -> None:
    values = vector(text, dimensions)
    assert len(values) == dimensions
    assert math.hypot(*values) == pytest.approx(1.0)


def test_texts_that_share_words_are_near() -> None:
    def nearness(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(vector(one, 1536), vector(other, 1536), strict=True))

    text = "the cat sat on the mat"
    assert nearness(text, "the cat sat there") > nearness(text, "stocks fell sharply today")
