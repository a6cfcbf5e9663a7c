"""The GenAI convention's client metrics, with its buckets and attributes."""

from collections.abc import Iterator
from typing import Any

import pytest

from belvedere.sdk.agents import model_call
from belvedere.sdk.agents.metrics import SECOND_BUCKETS, TOKEN_BUCKETS

RESPONSE = {
    "model": "gpt-5-2026",
    "choices": [],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20},
}
LABELS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.response.model": "gpt-5-2026",
    "server.address": "localhost",
    "server.port": 80,
}


def test_metrics_of_a_call(recorded: Any) -> None:
    call = model_call("gpt-5", provider="openai", server_address="localhost", server_port=80)
    call(lambda: RESPONSE)()
    (duration,) = recorded.points("gen_ai.client.operation.duration")
    assert dict(duration.attributes) == LABELS
    assert duration.explicit_bounds == SECOND_BUCKETS
    tokens = {
        point.attributes["gen_ai.token.type"]: (point.sum, point.explicit_bounds)
        for point in recorded.points("gen_ai.client.token.usage")
    }
    assert tokens == {"input": (100, TOKEN_BUCKETS), "output": (20, TOKEN_BUCKETS)}
    assert not recorded.points("gen_ai.client.operation.time_to_first_chunk")


def test_metrics_of_a_stream(recorded: Any) -> None:
    @model_call("gpt-5")
    def stream() -> Iterator[Any]:
        yield {
            "type": "message_start",
            "message": {"type": "message", "model": "gpt-5-x", "usage": {"input_tokens": 100}},
        }
        yield {"type": "content_block_delta", "delta": {"text": "a"}}
        yield {"type": "content_block_delta", "delta": {"text": "b"}}
        yield {"type": "message_delta", "usage": {"output_tokens": 20}}
        yield {"type": "message_stop"}

    list(stream())
    (first,) = recorded.points("gen_ai.client.operation.time_to_first_chunk")
    (later,) = recorded.points("gen_ai.client.operation.time_per_output_chunk")
    assert (first.count, later.count) == (1, 4)
    assert first.explicit_bounds == later.explicit_bounds == SECOND_BUCKETS
    assert later.attributes["gen_ai.response.model"] == "gpt-5-x"
    assert dict(first.attributes) == dict(later.attributes)
    tokens = recorded.points("gen_ai.client.token.usage")
    assert sorted(point.sum for point in tokens) == [20, 100]


def test_metrics_of_a_failed_call(recorded: Any) -> None:
    with pytest.raises(TimeoutError), model_call("gpt-5"):
        raise TimeoutError
    (duration,) = recorded.points("gen_ai.client.operation.duration")
    assert duration.attributes["error.type"] == "TimeoutError"
    assert not recorded.points("gen_ai.client.token.usage")


def test_metrics_carry_exemplars_of_the_span(recorded: Any) -> None:
    with model_call("gpt-5") as call:
        call.usage(input_tokens=3)
    (point,) = recorded.points("gen_ai.client.operation.duration")
    assert [exemplar.span_id for exemplar in point.exemplars] == [int(call.span_id, 16)]


def test_the_convention_s_buckets() -> None:
    assert SECOND_BUCKETS == (
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    )  # fmt: skip
    assert TOKEN_BUCKETS == (
        1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
    )  # fmt: skip
