"""One model call, one span and one measurement: structures of spans that instrumentors make.

A case is a text of a line per event, in the order of time:

    start NAME SCOPE KIND [in PARENT]
    measure SCOPE TOKENS [in SPAN]          gen_ai.client.token.usage, input
    end NAME [INPUT/OUTPUT] [RESPONSE_ID] [error]
    drop NAME                               nobody ends it

and what is exported: `NAME [in PARENT] [INPUT/OUTPUT]` per span, `measured TOKENS` in the end.
"""

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Span, StatusCode

from belvedere.sdk.agents.duplicate_calls import DuplicateCallProcessor
from belvedere.sdk.metrics.duplicate_measurements import drop_duplicates
from belvedere.sdk.sampling import RecordModelCalls

INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
LLM_INPUT, LLM_OUTPUT = "llm.token_count.prompt", "llm.token_count.completion"

KINDS: dict[str, dict[str, str]] = {
    "chat": {"gen_ai.operation.name": "chat"},
    "embeddings": {"gen_ai.operation.name": "embeddings"},
    "agent": {"gen_ai.operation.name": "invoke_agent"},
    "tool": {"gen_ai.operation.name": "execute_tool"},
    "LLM": {"openinference.span.kind": "LLM"},
    "CHAIN": {"openinference.span.kind": "CHAIN"},
    "http": {"http.request.method": "POST"},
    "late": {},  # a model span whose operation is set after its start
}


class Player:
    """Plays a case through a real SDK."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        sampler = None if sampled else RecordModelCalls(ALWAYS_OFF)
        self.tracers = TracerProvider(sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(
            DuplicateCallProcessor([SimpleSpanProcessor(self.exporter)])
        )
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        drop_duplicates(self.meters, self.reader)
        self.spans: dict[str, Span] = {}
        self.kinds: dict[str, str] = {}

    def play(self, text: str) -> None:
        for line in text.strip().splitlines():
            word, *rest = line.split()
            getattr(self, word)(*rest)

    def start(self, name: str, scope: str, kind: str, _: str = "", parent: str = "") -> None:
        context = trace.set_span_in_context(self.spans[parent]) if parent else None
        tracer = self.tracers.get_tracer(scope)
        self.spans[name] = tracer.start_span(name, context, attributes=KINDS[kind])
        self.kinds[name] = kind
        if kind == "late":
            self.spans[name].set_attributes(KINDS["chat"])

    def measure(self, scope: str, tokens: str, _: str = "", span: str = "") -> None:
        histogram = self.meters.get_meter(scope).create_histogram("gen_ai.client.token.usage")
        context = trace.set_span_in_context(self.spans[span]) if span else None
        histogram.record(int(tokens), {"gen_ai.token.type": "input"}, context)

    def end(self, name: str, *facts: str) -> None:
        span = self.spans[name]
        for fact in facts:
            if fact == "error":
                span.set_status(StatusCode.ERROR)
            elif "/" in fact:
                keys = (LLM_INPUT, LLM_OUTPUT) if self.kinds[name] == "LLM" else (INPUT, OUTPUT)
                values = map(int, fact.split("/"))
                span.set_attributes(dict(zip(keys, values, strict=True)))
            else:
                span.set_attribute("gen_ai.response.id", fact)
        span.end()

    def drop(self, name: str) -> None:
        del self.spans[name]
        gc.collect()

    @property
    def exported(self) -> list[str]:
        spans = self.exporter.get_finished_spans()
        names = {span.context.span_id: span.name for span in spans if span.context}
        return [" ".join(told(span, names)) for span in spans]

    @property
    def measured(self) -> int:
        data = self.reader.get_metrics_data()
        return sum(
            point.sum
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        )


def told(span: ReadableSpan, names: dict[int, str]) -> list[str]:
    found: list[str] = [span.name]
    if span.parent is not None:
        found += ["in", names.get(span.parent.span_id, "?")]
    both = tokens(span)
    return found if both is None else [*found, f"{both[0]}/{both[1]}"]


def tokens(span: ReadableSpan) -> tuple[int, int] | None:
    """Of both conventions together: no span may say it in two."""
    attributes: dict[str, Any] = dict(span.attributes or {})
    if not attributes.keys() & {INPUT, OUTPUT, LLM_INPUT, LLM_OUTPUT}:
        return None
    return (
        attributes.get(INPUT, 0) + attributes.get(LLM_INPUT, 0),
        attributes.get(OUTPUT, 0) + attributes.get(LLM_OUTPUT, 0),
    )


CASES = {
    "the client's own span inside the instrumentor's": (
        """
        start chat genai chat
        start client anthropic chat in chat
        end client 23/7 msg_1
        measure genai 23 in chat
        end chat 23/7 msg_1
        """,
        ["chat 23/7", "measured 23"],
    ),
    "pydantic-ai, instrumentor, client: three layers, and pydantic-ai measures after its span": (
        """
        start run pydantic-ai agent
        start chat pydantic-ai chat in run
        start inner genai chat in chat
        start client anthropic chat in inner
        start post httpx http in client
        end post
        end client 23/7 msg_1
        measure genai 23 in inner
        end inner 23/7 msg_1
        end chat 23/7 msg_1
        measure pydantic-ai 23 in run
        end run
        """,
        ["post in chat", "chat in run 23/7", "run", "measured 23"],
    ),
    "openai-agents with OpenInference's two: LLM in LLM": (
        """
        start agent oi-agents CHAIN
        start response oi-agents LLM in agent
        start call oi-openai LLM in response
        end call 21/7
        end response 21/7
        end agent
        """,
        ["response in agent 21/7", "agent", "measured 0"],
    ),
    "openai-agents with Traceloop's two: the outer one of a stream knows no usage": (
        """
        start agent tl-agents agent
        start response tl-agents chat in agent
        start call tl-openai chat in response
        end call 22/7 chatcmpl_1
        measure tl-openai 22 in response
        end response
        end agent
        """,
        ["response in agent 22/7", "agent", "measured 22"],
    ),
    "OpenInference around the client: usage by one convention": (
        """
        start chat oi LLM
        start client anthropic chat in chat
        end client 23/7 msg_1
        end chat 23/7
        """,
        ["chat 23/7", "measured 0"],
    ),
    "the client around OpenInference: usage by one convention": (
        """
        start chat genai chat
        start inner oi LLM in chat
        end inner 23/7
        end chat 23/7 msg_1
        """,
        ["chat 23/7", "measured 0"],
    ),
    "copies side by side in other traces: one response id": (
        """
        start copy traceloop chat
        start client anthropic chat
        end client 23/7 msg_1
        end copy 23/8 msg_1
        """,
        ["client 23/7", "copy", "measured 0"],
    ),
    "two calls of one instrumentor are two, whatever id a fake server gives": (
        """
        start one genai chat
        start two genai chat
        end one 23/7 msg_1
        end two 23/7 msg_1
        start three genai chat
        end three 23/7 msg_1
        """,
        ["one 23/7", "two 23/7", "three 23/7", "measured 0"],
    ),
    "an attempt that fails before the answer": (
        """
        start chat pydantic-ai chat
        start first openai chat in chat
        end first error
        start second openai chat in chat
        end second 21/7 r1
        end chat 21/7 r1
        """,
        ["chat 21/7", "measured 0"],
    ),
    "parallel calls inside a span that reports nothing: the sum": (
        """
        start chat own chat
        start one genai chat in chat
        start two genai chat in chat
        measure genai 10 in one
        measure genai 20 in two
        end one 10/1 r1
        end two 20/2 r2
        measure own 30 in chat
        end chat
        """,
        ["chat 30/3", "measured 30"],
    ),
    "parallel calls inside a span that reports the sum": (
        """
        start chat own chat
        start one genai chat in chat
        start two genai chat in chat
        end one 10/1 r1
        end two 20/2 r2
        end chat 30/3
        """,
        ["chat 30/3", "measured 0"],
    ),
    "a fallback after an answer: the outer span reports the last": (
        """
        start chat own chat
        start one genai chat in chat
        end one 10/1 r1
        start two genai chat in chat
        end two 20/2 r2
        end chat 20/2 r2
        """,
        ["one in chat 10/1", "chat 20/2", "measured 0"],
    ),
    "the same by OpenInference, which has no response id": (
        """
        start chat oi LLM
        start one genai chat in chat
        end one 10/1 r1
        start two genai chat in chat
        end two 20/2 r2
        end chat 10/1
        """,
        ["two in chat 20/2", "chat 10/1", "measured 0"],
    ),
    "a tool inside a model call makes calls of its own": (
        """
        start chat own chat
        start tool own tool in chat
        start call genai chat in tool
        measure genai 5 in call
        end call 5/1 r1
        end tool
        measure own 9 in chat
        end chat 9/2 r2
        """,
        ["call in tool 5/1", "tool in chat", "chat 9/2", "measured 14"],
    ),
    "a sub-agent inside a duplicate moves to the outer span": (
        """
        start chat own chat
        start inner genai chat in chat
        start agent own agent in inner
        start call genai chat in agent
        end call 5/1 r1
        end agent
        end inner 9/2 r2
        end chat 9/2 r2
        """,
        ["call in agent 5/1", "agent in chat", "chat 9/2", "measured 0"],
    ),
    "another kind of call inside is another call": (
        """
        start chat own chat
        start vectors genai embeddings in chat
        end vectors 4/0
        end chat 9/2 r2
        """,
        ["vectors in chat 4/0", "chat 9/2", "measured 0"],
    ),
    "a span between, and one response id": (
        """
        start chat own chat
        start step oi CHAIN in chat
        start call genai chat in step
        end call 9/2 r1
        end step
        end chat 9/2 r1
        """,
        ["call in step 9/2", "step in chat", "chat", "measured 0"],
    ),
    "a stream that is read after the outer span: its usage counts": (
        """
        start chat own chat
        start stream client chat in chat
        end chat
        end stream 21/7 r1
        """,
        ["chat", "stream in chat 21/7", "measured 0"],
    ),
    "the same, where the outer span had usage": (
        """
        start chat own chat
        start stream client chat in chat
        end chat 21/7
        end stream 21/7 r1
        """,
        ["chat 21/7", "measured 0"],
    ),
    "an outer span that nobody ends does not keep what it holds": (
        """
        start chat own chat
        start call genai chat in chat
        end call 21/7 r1
        drop chat
        """,
        ["call in ? 21/7", "measured 0"],
    ),
    "the operation of the outer span is set after its start": (
        """
        start chat own late
        start call genai chat in chat
        end call 21/7 r1
        end chat 21/7 r1
        """,
        ["chat 21/7", "measured 0"],
    ),
    "the operation of the inner span is set after its start": (
        """
        start chat own chat
        start call genai late in chat
        end call 21/7 r1
        end chat 21/7 r1
        """,
        ["chat 21/7", "measured 0"],
    ),
    "a library that measures beside its span while that goes on": (
        """
        start run app agent
        start chat traceloop chat in run
        start call genai chat in chat
        measure genai 21 in call
        end call 21/7 r1
        measure traceloop 21 in run
        end chat 21/7 r1
        end run
        """,
        ["chat in run 21/7", "run", "measured 21"],
    ),
    "each call of an agent is measured once": (
        """
        start run pydantic-ai agent
        start a pydantic-ai chat in run
        start b genai chat in a
        measure genai 21 in b
        end b 21/7 r1
        end a 21/7 r1
        measure pydantic-ai 21 in run
        start c pydantic-ai chat in run
        end c 30/7 r2
        measure pydantic-ai 30 in run
        end run
        """,
        ["a in run 21/7", "c in run 30/7", "run", "measured 51"],
    ),
    "one instrumentor alone": (
        """
        start chat genai chat
        measure genai 21 in chat
        end chat 21/7 r1
        """,
        ["chat 21/7", "measured 21"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_what_is_exported(text: str, expected: list[str]) -> None:
    player = Player()
    player.play(text)
    assert [*player.exported, f"measured {player.measured}"] == expected


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_calls_that_are_not_sampled_are_measured_once(text: str, expected: list[str]) -> None:
    player = Player(sampled=False)
    player.play(text)
    assert [*player.exported, f"measured {player.measured}"] == expected[-1:]


def test_the_outer_span_takes_over_what_it_lacks() -> None:
    player = Player()
    player.play("start chat own chat\nstart call genai chat in chat")
    player.spans["chat"].set_attribute("gen_ai.request.model", "asked")
    player.spans["call"].set_attributes({"gen_ai.request.model": "x", "server.port": 8080})
    player.play("end call 21/7 r1\nend chat")
    (span,) = player.exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "asked",
        "gen_ai.response.id": "r1",
        "server.port": 8080,
        INPUT: 21,
        OUTPUT: 7,
    }


calls = st.lists(
    st.tuples(
        st.integers(1, 4),  # layers
        st.integers(0, 1000),  # input tokens
        st.sampled_from(["all", "outer", "inner"]),  # which of the layers report usage
        st.booleans(),  # one of OpenInference's among them
    ),
    max_size=6,
)


@given(calls)
def test_the_sum_over_spans_is_what_was_used(
    made: list[tuple[int, int, str, bool]],
) -> None:
    player = Player()
    player.play("start run app agent")
    for number, (depth, used, reported_by, openinference) in enumerate(made):
        layers = [f"{number}-{index}" for index in range(depth)]
        parent = "run"
        for index, layer in enumerate(layers):
            kind = "LLM" if openinference and index == depth // 2 else "chat"
            player.start(layer, f"scope-{index}", kind, "in", parent)
            parent = layer
        for index in reversed(range(depth)):
            tells = {"all": True, "outer": index == 0, "inner": index == depth - 1}[reported_by]
            if tells:
                player.measure(f"scope-{index}", str(used), "in", layers[index])
            response_id = [] if player.kinds[layers[index]] == "LLM" else [f"r{number}"]
            player.end(layers[index], *([f"{used}/1"] if tells else []), *response_id)
    player.end("run")
    spans = player.exporter.get_finished_spans()
    found = [both for both in map(tokens, spans) if both is not None]
    assert sum(both[0] for both in found) == sum(used for _, used, _, _ in made) == player.measured
    assert len(found) == len(made) == len(spans) - 1
