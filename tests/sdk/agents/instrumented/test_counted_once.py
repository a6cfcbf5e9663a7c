"""Tokens, counted three times: over spans, over metrics, and as the server said. They are equal.

Each row is an application and the instrumentors that `belvedere.init` activates for it. The table
of the results is in docs/counted-once.md.
"""

from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from belvedere.sdk.agents import model_call, providers
from belvedere.sdk.agents.duplicate_calls import DuplicateCallProcessor
from belvedere.sdk.instrument import activate as activation
from belvedere.sdk.metrics.duplicate_measurements import drop_duplicates
from belvedere.sdk.providers import Providers

DOCUMENT = Path(__file__).parents[4] / "docs" / "counted-once.md"

Tokens = tuple[int, int]

DISTRIBUTIONS = {
    "OpenTelemetry": "opentelemetry-instrumentation-genai-",
    "OpenInference": "openinference-instrumentation-",
    "Traceloop": "opentelemetry-instrumentation-",
}
ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
MESSAGE: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}
MESSAGE_TOKENS = (12, 7)
"""What the Anthropic server of these tests says of each call."""


@dataclass
class World:
    """The servers, and the providers that spans and measurements come to."""

    openai_url: str
    anthropic_url: str
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(
            DuplicateCallProcessor([SimpleSpanProcessor(self.exporter)])
        )
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        drop_duplicates(self.meters, self.reader)
        self.loggers = LoggerProvider(shutdown_on_exit=False)

    @property
    def anthropic_options(self) -> dict[str, Any]:
        traces = {"tracer_provider": self.tracers}  # else it takes the global one
        return {"base_url": self.anthropic_url, "api_key": "any", "open_telemetry": traces}

    def spans(self) -> tuple[int, Tokens]:
        """Model spans with usage, and what they add up to, in both conventions."""
        found, inputs, outputs = 0, 0, 0
        for span in self.exporter.get_finished_spans():
            attributes: dict[str, Any] = dict(span.attributes or {})
            if attributes.get("gen_ai.operation.name") in ("invoke_agent", "invoke_workflow"):
                continue
            read = sum(attributes.get(key, 0) for key in INPUTS)
            found += read > 0
            inputs += read
            outputs += sum(attributes.get(key, 0) for key in OUTPUTS)
        return found, (inputs, outputs)

    def measured(self) -> Tokens | None:
        """Tokens by the metric; None if nothing was measured."""
        sums = {"input": 0, "output": 0}
        for point in self.points.get("gen_ai.client.token.usage", ()):
            sums[str(point.attributes["gen_ai.token.type"])] += point.sum
        return (sums["input"], sums["output"]) if any(sums.values()) else None

    def timed(self) -> int:
        """Calls whose duration was measured, without attempts that failed."""
        points = self.points.get("gen_ai.client.operation.duration", ())
        return sum(point.count for point in points if "error.type" not in point.attributes)

    @cached_property
    def points(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found.setdefault(metric.name, []).extend(metric.data.data_points)
        return found


INPUTS = ("gen_ai.usage.input_tokens", "llm.token_count.prompt")
OUTPUTS = ("gen_ai.usage.output_tokens", "llm.token_count.completion")


# Applications: each makes calls, and returns the tokens that the server reported.


def openai_client(world: World) -> list[Tokens]:
    from openai import OpenAI

    with OpenAI(base_url=world.openai_url, api_key="any") as client:
        whole = client.chat.completions.create(**ASK)
        stream = client.chat.completions.create(
            **ASK, stream=True, stream_options={"include_usage": True}
        )
        usages = [whole.usage, *(chunk.usage for chunk in stream)]
    return [(usage.prompt_tokens, usage.completion_tokens) for usage in usages if usage]


def anthropic_client(world: World) -> list[Tokens]:
    from anthropic import Anthropic

    with Anthropic(**world.anthropic_options) as client:
        client.messages.create(**MESSAGE)
        list(client.messages.create(**MESSAGE, stream=True))
        with client.messages.stream(**MESSAGE) as stream:
            list(stream.text_stream)
    return [MESSAGE_TOKENS] * 3


def langchain(world: World) -> list[Tokens]:
    from langchain_core.runnables import RunnableLambda
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(
        base_url=world.openai_url,
        api_key="any",  # type: ignore[arg-type] # it is made one
        model="gpt-4o-mini",
        stream_usage=True,
    )
    chain = RunnableLambda(lambda text: [("user", text)]) | model
    answers = [chain.invoke("hello"), *chain.stream("hello")]
    usages = [answer.usage_metadata for answer in answers if answer.usage_metadata]
    return [(usage["input_tokens"], usage["output_tokens"]) for usage in usages]


def pydantic_ai(world: World) -> list[Tokens]:
    import asyncio

    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI
    from pydantic_ai import Agent
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.models.instrumented import InstrumentationSettings
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    settings = InstrumentationSettings(tracer_provider=world.tracers, meter_provider=world.meters)

    async def ask() -> list[Tokens]:
        used: list[Tokens] = []
        openai_options: dict[str, Any] = {"base_url": world.openai_url, "api_key": "any"}
        async with (
            AsyncOpenAI(**openai_options) as openai,
            AsyncAnthropic(**world.anthropic_options) as anthropic,
        ):
            for model in (
                OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=openai)),
                AnthropicModel(
                    "claude-sonnet-5", provider=AnthropicProvider(anthropic_client=anthropic)
                ),
            ):
                made = Agent(model)
                made.instrument = settings
                usage = (await made.run("hello")).usage
                used.append((usage.input_tokens, usage.output_tokens))
        return used

    return asyncio.run(ask())


def model_call_around_openai(world: World) -> list[Tokens]:
    from openai import OpenAI

    with OpenAI(base_url=world.openai_url, api_key="any") as client, model_call("gpt-4o-mini"):
        usage = client.chat.completions.create(**ASK).usage
    assert usage is not None
    return [(usage.prompt_tokens, usage.completion_tokens)]


def model_call_around_anthropic(world: World) -> list[Tokens]:
    from anthropic import Anthropic

    with Anthropic(**world.anthropic_options) as client, model_call("claude-sonnet-5"):
        client.messages.create(**MESSAGE)
    return [MESSAGE_TOKENS]


ROWS: list[tuple[str, Callable[[World], list[Tokens]], dict[str, str]]] = [
    ("openai", openai_client, {"openai": "OpenTelemetry"}),
    ("openai", openai_client, {"openai": "OpenInference"}),
    ("openai", openai_client, {"openai": "Traceloop"}),
    ("anthropic", anthropic_client, {}),
    ("anthropic", anthropic_client, {"anthropic": "OpenTelemetry"}),
    ("anthropic", anthropic_client, {"anthropic": "OpenInference"}),
    ("anthropic", anthropic_client, {"anthropic": "Traceloop"}),
    ("langchain", langchain, {"langchain": "OpenTelemetry", "openai": "OpenTelemetry"}),
    ("langchain", langchain, {"langchain": "OpenTelemetry", "openai": "OpenInference"}),
    ("langchain", langchain, {"langchain": "OpenTelemetry", "openai": "Traceloop"}),
    ("langchain", langchain, {"langchain": "OpenInference", "openai": "OpenTelemetry"}),
    ("langchain", langchain, {"langchain": "Traceloop", "openai": "OpenTelemetry"}),
    ("langchain", langchain, {"langchain": "Traceloop", "openai": "Traceloop"}),
    ("pydantic-ai", pydantic_ai, {}),
    ("pydantic-ai", pydantic_ai, {"openai": "OpenTelemetry", "anthropic": "OpenTelemetry"}),
    ("pydantic-ai", pydantic_ai, {"openai": "OpenInference", "anthropic": "OpenTelemetry"}),
    ("pydantic-ai", pydantic_ai, {"openai": "Traceloop", "anthropic": "OpenTelemetry"}),
    ("model_call, openai", model_call_around_openai, {"openai": "OpenTelemetry"}),
    ("model_call, openai", model_call_around_openai, {"openai": "OpenInference"}),
    ("model_call, openai", model_call_around_openai, {"openai": "Traceloop"}),
    ("model_call, anthropic", model_call_around_anthropic, {}),
    ("model_call, anthropic", model_call_around_anthropic, {"anthropic": "OpenTelemetry"}),
]


def entry_point(library: str, family: str) -> EntryPoint:
    start = DISTRIBUTIONS[family]
    (found,) = (
        each
        for each in entry_points(group="opentelemetry_instrumentor", name=library)
        if each.dist is not None and each.dist.name == f"{start}{library}"
    )
    return found


def text(tokens: Tokens | None) -> str:
    return "not measured" if tokens is None else f"{tokens[0]} / {tokens[1]}"


@pytest.fixture
def world(model_url: str, messages_url: str) -> Iterator[World]:
    made = World(model_url, messages_url)
    undo = providers.bind(made.tracers, made.meters, made.loggers)
    yield made
    undo()
    made.tracers.shutdown()
    made.meters.shutdown()
    made.loggers.shutdown()


@pytest.mark.filterwarnings("ignore:Support for class-based `config`")  # of Traceloop's
@pytest.mark.parametrize(
    ("name", "application", "families"),
    ROWS,
    ids=[" ".join([row[0], *(f"{k}={v}" for k, v in row[2].items())]) for row in ROWS],
)
def test_spans_and_metrics_add_up_to_the_truth(
    name: str,
    application: Callable[[World], list[Tokens]],
    families: dict[str, str],
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {library: entry_point(library, family) for library, family in families.items()}
    monkeypatch.setattr(activation, "candidates", lambda: found)
    # Traceloop's `uninstrument` leaves its wrappers: take away all that is patched from here on.
    monkeypatch.setattr("wrapt.patches.apply_patch", monkeypatch.setattr)
    all_three = Providers(world.tracers, world.meters, world.loggers, frozenset())
    states, undo = activation.activate(None, all_three)
    try:
        used = copy_context().run(application, world)  # Traceloop's leave something in it
    finally:
        undo()
    truth = sum(each[0] for each in used), sum(each[1] for each in used)
    spans, sums = world.spans()
    measured = world.measured()
    left_out = [library for library, state in states.items() if state != "activated"]
    by = ", ".join(
        f"{library}: {family}{' (not activated)' if library in left_out else ''}"
        for library, family in families.items()
    )
    row = f"| {name} | {by or '-'} | {text(sums)} | {text(measured)} | {text(truth)} |"
    assert (spans, sums) == (len(used), truth), row
    assert measured in (None, truth), row
    assert world.timed() <= len(used), row
    assert row in DOCUMENT.read_text(), f"docs/counted-once.md lacks the row {row}"
