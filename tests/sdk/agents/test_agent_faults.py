"""Whatever fails in telemetry, the application goes on as if it were not there."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler

from belvedere.sdk.agents import (
    agent,
    content,
    context,
    faults,
    feedback,
    metrics,
    model_call,
    providers,
    score,
    tool,
)
from belvedere.sdk.agents.run import Run


class Fault(Exception):  # noqa: N818 - the fault injected
    pass


def fail(*args: Any, **kwargs: Any) -> Any:
    raise Fault


class FailingSampler(Sampler):
    should_sample = fail

    def get_description(self) -> str:
        return "fails"


class FailingTracer(trace.NoOpTracer):
    start_span = fail


class FailingSpan(trace.NonRecordingSpan):
    """A span whose every method fails."""

    set_attribute = set_attributes = add_event = record_exception = fail
    set_status = update_name = end = fail

    def is_recording(self) -> bool:
        return True


class TracerOfFailingSpans(trace.NoOpTracer):
    def start_span(self, *_args: Any, **_kwargs: Any) -> trace.Span:
        return FailingSpan(trace.INVALID_SPAN_CONTEXT)


class ProviderOf(trace.TracerProvider):
    def __init__(self, tracer: trace.Tracer) -> None:
        self.tracer = tracer

    def get_tracer(self, *_args: Any, **_kwargs: Any) -> trace.Tracer:
        return self.tracer


class AppError(Exception):
    pass


@tool
def works(x: int) -> dict[str, int]:
    return {"x": x}


@model_call("m", provider="p")
async def works_async(x: int) -> str:
    return str(x)


@model_call("m")
def streams() -> Iterator[str]:
    yield "a"
    yield "b"


@model_call("m")
async def streams_async() -> AsyncIterator[str]:
    yield "a"
    yield "b"


@agent
def fails_itself() -> None:
    raise AppError("the application's own")


async def application() -> None:
    """All of the API; asserts that the application's part of it works."""
    with context(user_id="u"), agent("a") as run:
        run.set_attribute("a", 1)
        run.add_event("e")
        run.input("i")
        run.output("o")
        run.record_error(ValueError("v"))
        assert works(1) == {"x": 1}
        assert await works_async(2) == "2"
        assert list(streams()) == ["a", "b"]
        assert [each async for each in streams_async()] == ["a", "b"]
        with model_call("m") as call:
            call.request(model="n", temperature=1)
            call.usage(input_tokens=1)
            call.response({"choices": [{"message": {"content": "c"}}]})
            assert list(call.stream([1, 2])) == [1, 2]
        with pytest.raises(AppError) as raised:
            fails_itself()
        assert raised.value.__context__ is None
        feedback(True)
        score("s", 1)
    assert trace.get_current_span() is trace.INVALID_SPAN


INJECTED: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a sampler": lambda patch: patch.setattr(
        providers, "tracer", lambda: TracerProvider(FailingSampler()).get_tracer("t")
    ),
    "a tracer": lambda patch: patch.setattr(providers, "tracer", FailingTracer),
    "no tracer": lambda patch: patch.setattr(providers, "tracer", fail),
    "a span": lambda patch: patch.setattr(providers, "tracer", TracerOfFailingSpans),
    "a meter": lambda patch: patch.setattr(metrics, "instruments", fail),
    "a logger": lambda patch: patch.setattr(providers, "logger", fail),
    "content": lambda patch: patch.setattr(content, "encode", fail),
    "asking for content": lambda patch: patch.setattr(content, "captured", fail),
    "making a run current": lambda patch: patch.setattr(
        "belvedere.sdk.agents.run.otel_context.attach", fail
    ),
    "a chunk": lambda patch: patch.setattr(
        "belvedere.sdk.agents.streamed.StreamedResponse.add", fail
    ),
    "arguments": lambda patch: patch.setattr("belvedere.sdk.agents.kinds.ToolCall._called", fail),
    "a result": lambda patch: patch.setattr("belvedere.sdk.agents.model.ModelCall._returned", fail),
    "the end": lambda patch: patch.setattr("belvedere.sdk.agents.model.ModelCall._finish", fail),
    "baggage": lambda patch: patch.setattr("opentelemetry.baggage.set_baggage", fail),
}


@pytest.mark.parametrize("inject", INJECTED.values(), ids=INJECTED.keys())
async def test_the_application_goes_on(
    recorded: Any, captured: None, monkeypatch: pytest.MonkeyPatch, inject: Any
) -> None:
    inject(monkeypatch)
    await application()
    assert recorded.faults > 0


async def test_without_faults_there_are_none(recorded: Any, captured: None) -> None:
    await application()
    assert not recorded.faults
    assert len(recorded.spans) == 7


def test_a_failing_span_processor(recorded: Any) -> None:
    class Fails:
        on_start = on_end = _on_ending = fail

        def shutdown(self) -> None:
            pass

    recorded.tracer_provider.add_span_processor(Fails())
    assert works(1) == {"x": 1}
    assert recorded.faults


def test_an_exception_that_cannot_be_shown(recorded: Any) -> None:
    class Mute(Exception):  # noqa: N818 - local
        def __str__(self) -> str:
            raise Fault

    with pytest.raises(Mute), agent("a"):
        raise Mute
    assert recorded.span.status.status_code is trace.StatusCode.ERROR


def test_wrong_use_of_a_run_is_reported(recorded: Any) -> None:
    with model_call("m") as call:
        call.usage(inputs=3)  # type: ignore[call-arg] # the mistake tested
        call.request(modle="x")  # type: ignore[call-arg] # the mistake tested
    assert recorded.faults == 2
    assert recorded.span.name == "chat m"


def test_the_first_fault_of_a_place_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_counts", type(faults._counts)())
    for _ in range(3):
        Run.set_attribute(None, "a", 1)  # type: ignore[arg-type] # makes it fail
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "the application is unaffected" in record.getMessage()
    assert faults.counts() == {"Run.set_attribute": 3}


def test_a_log_handler_that_fails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_counts", type(faults._counts)())
    monkeypatch.setattr(faults._logger, "warning", fail)
    Run.set_attribute(None, "a", 1)  # type: ignore[arg-type] # makes it fail
    assert faults.counts() == {"Run.set_attribute": 1}
