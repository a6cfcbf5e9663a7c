"""Runs of ours as outer operations, of whatever is built on OpenTelemetry's `util.genai`."""

import gc
import sys
from functools import partial
from typing import Any

import pytest
from opentelemetry.util.genai.handler import TelemetryHandler
from opentelemetry.util.genai.invocation import EmbeddingData, InferenceData, RetrievalData

from belvedere.sdk.agents import inner, model_call, tool


@pytest.fixture
def handler(recorded: Any) -> TelemetryHandler:
    """What an instrumentor makes its spans with."""
    return TelemetryHandler(
        recorded.tracer_provider, recorded.meter_provider, recorded.logger_provider
    )


def test_embeddings_are_recorded_once(handler: TelemetryHandler, recorded: Any) -> None:
    outer, inside = model_call("small", operation="embeddings"), handler.embedding
    with outer, inside("openai", request_model="small") as call:
        call.input_tokens, call.dimension_count = 8, 512
    assert recorded.span.name == "embeddings small"
    assert recorded.attributes["gen_ai.usage.input_tokens"] == 8
    assert recorded.attributes["gen_ai.embeddings.dimension.count"] == 512
    assert sum(p.count for p in recorded.points("gen_ai.client.operation.duration")) == 1


@pytest.mark.parametrize(
    ("operation", "joined"),
    [
        ("chat", True),
        ("text_completion", True),
        ("generate_content", True),
        ("embeddings", False),
        ("transcribe", False),
    ],
)
def test_which_operations_stand_for_an_inference(
    operation: str, handler: TelemetryHandler, recorded: Any, *, joined: bool
) -> None:
    with model_call("m", operation=operation), handler.inference("openai", request_model="m"):
        pass
    assert len(recorded.spans) == (1 if joined else 2)


def test_a_tool_in_a_call_of_another_makes_calls_of_its_own(
    handler: TelemetryHandler, recorded: Any
) -> None:
    ask = partial(handler.inference, "openai", request_model="m")
    with ask(), tool("t"), ask():
        pass
    assert [span.name for span in recorded.spans] == ["chat m", "execute_tool t", "chat m"]


def test_a_model_call_in_the_same_of_an_instrumentor_is_recorded_once(recorded: Any) -> None:
    handler = TelemetryHandler(
        recorded.tracer_provider,
        recorded.meter_provider,
        instrumentation_scope_name="opentelemetry.instrumentation.genai.framework",
    )
    with handler.inference("openai", request_model="m"), model_call("m") as call:
        call.usage(input_tokens=3)
    assert recorded.attributes["gen_ai.usage.input_tokens"] == 3
    assert sum(p.count for p in recorded.points("gen_ai.client.operation.duration")) == 1


def test_data_of_another_make_is_a_fault_of_telemetry_alone(recorded: Any) -> None:
    with model_call("m") as call:
        assert call._inner is not None
        call._inner.merge(object())
    assert recorded.faults == 1
    assert recorded.span.name == "chat m"


def test_a_call_that_is_dropped_without_an_end_ends_the_run(
    handler: TelemetryHandler, recorded: Any
) -> None:
    with model_call("m") as call:
        handler.inference("openai", request_model="m")
    assert not recorded.spans
    del call
    gc.collect()
    assert recorded.span.name == "chat m"


def test_without_instrumentors_nothing_is_placed_in_the_context(
    monkeypatch: pytest.MonkeyPatch, recorded: Any
) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.util.genai.invocation")
    with model_call("m") as call:
        assert call._inner is None


def test_the_fields_are_those_of_the_data() -> None:
    """A field that is renamed upstream would be lost without a word."""
    known = {
        *InferenceData.__dataclass_fields__,
        *EmbeddingData.__dataclass_fields__,
        *RetrievalData.__dataclass_fields__,
    }
    assert set(inner._ATTRIBUTES) | set(inner._CONTENTS) <= known
