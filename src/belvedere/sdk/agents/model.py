"""A call of a model: its request, its response, its tokens; and the metrics of it."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns
from typing import ClassVar, TypedDict, Unpack

from opentelemetry import context as otel_context
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import content, metrics
from belvedere.sdk.agents.inner import Inner
from belvedere.sdk.agents.kinds import Conversing
from belvedere.sdk.agents.response import Response, Usage, read
from belvedere.sdk.agents.run import guarded
from belvedere.sdk.agents.streamed import StreamedResponse


class RequestParameters(TypedDict, total=False):
    """What a request may say; names as OpenAI's and Anthropic's clients have them."""

    model: str | None
    provider: str | None
    temperature: float | None
    top_p: float | None
    top_k: float | None
    max_tokens: int | None
    seed: int | None
    stop_sequences: Sequence[str] | None
    frequency_penalty: float | None
    presence_penalty: float | None
    choice_count: int | None
    encoding_formats: Sequence[str] | None
    stream: bool | None
    output_type: str | None
    server_address: str | None
    server_port: int | None


_CHUNK_TIMES_HELD = 4096


def request_attributes(parameters: Mapping[str, object]) -> dict[str, AttributeValue]:
    """The span attributes of these parameters; `None` is left out.

    Raises:
        TypeError: A parameter that is none of `RequestParameters`.
    """
    found: dict[str, AttributeValue] = {}
    for name, value in parameters.items():
        attribute = names.REQUEST_PARAMETERS.get(name)
        if attribute is None:
            raise TypeError(
                f"model_call has no parameter {name!r}; "
                f"it has {', '.join(names.REQUEST_PARAMETERS)}"
            )
        if isinstance(value, bool | int | float | str):
            found[attribute] = value
        elif isinstance(value, list | tuple):
            found[attribute] = [str(each) for each in value]
        # Others are None or a client's marker for "not given": left out.
    return found


class ModelCall(Conversing):
    """A call of a model (`chat`, `embeddings`, ...).

    A decorated function that returns a response of OpenAI's or Anthropic's client, or a generator
    that yields their chunks, needs none of these methods: id, model, tokens and finish reasons are
    read from what it returns or yields. A function that returns a client's stream ends before the
    stream does: make it a generator, or use `stream` or `astream` inside `with model_call(...)`.

    Where an OpenTelemetry instrumentor of the client is active, it tells what it knows, and the run
    of a stream that is returned ends with the stream (`inner.py`).
    """

    __slots__ = ("_answered", "_chunk_times_s", "_known", "_streamed", "_usage")
    _key: ClassVar[str] = otel_context.create_key("belvedere-model-call")

    def __init__(
        self, span: Span, static: Mapping[str, AttributeValue], *, borrowed: bool = False
    ) -> None:
        super().__init__(span, static, borrowed=borrowed)
        self._known = dict(static)
        self._usage = Usage()
        self._streamed: StreamedResponse | None = None
        self._answered = False
        self._chunk_times_s: list[float] = []

    @guarded
    def request(self, **parameters: Unpack[RequestParameters]) -> None:
        """Records parameters of the request; with a model, the span is named after it."""
        self._ask(request_attributes(parameters))

    @guarded
    def response(
        self,
        response: object = None,
        *,
        id: str | None = None,  # noqa: A002 - the convention's name of it
        model: str | None = None,
        finish_reasons: Sequence[str] | None = None,
    ) -> None:
        """Records the response: an object of a known client, or single values, which win."""
        found = read(response) if response is not None else None
        if found is None:
            found = Response()
            if isinstance(response, str):
                found.answer = lambda: [{"role": "assistant", "content": response}]
        found.id = id or found.id
        found.model = model or found.model
        if finish_reasons is not None:
            found.finish_reasons = list(finish_reasons)
        self._take(found)

    @guarded
    def usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_creation_tokens: int | None = None,
        reasoning_tokens: int | None = None,
    ) -> None:
        """Records tokens.

        `input_tokens` includes the cached ones, `output_tokens` those of reasoning.
        """
        self._use(
            Usage(
                input_tokens,
                output_tokens,
                cache_read_tokens,
                cache_creation_tokens,
                reasoning_tokens,
            )
        )

    @guarded
    def output(self, answer: object) -> None:
        """Records what comes out, if content is captured: a text, or messages."""
        self._answered = True
        super().output(answer)

    def _set(self, attributes: Mapping[str, AttributeValue]) -> None:
        if attributes and not self._ended:
            self._known.update(attributes)
            self._span.set_attributes(attributes)

    def _ask(self, attributes: Mapping[str, AttributeValue]) -> None:
        self._set(attributes)
        model = attributes.get(names.REQUEST_MODEL)
        if model is not None and not self._ended:
            self._span.update_name(f"{self._operation()} {model}")

    def _operation(self) -> str:
        return str(self._known.get(names.OPERATION, "chat"))

    def _instrumented_as(self) -> str | None:
        return self._operation()

    def _learn(self, inner: Inner) -> None:
        present = {**(getattr(self._span, "attributes", None) or {}), **self._known}
        found = {key: value for key, value in inner.attributes.items() if key not in present}
        self._ask(found)
        usage = Usage.of(inner.attributes)
        usage.update(self._usage)
        self._use(usage)
        if self._first_chunk_s is None:
            first_chunk_s = found.get(names.RESPONSE_TIME_TO_FIRST_CHUNK)
            self._first_chunk_s = first_chunk_s if isinstance(first_chunk_s, float) else None
        for attribute, value in inner.contents.items():
            if attribute not in present:
                self._record(attribute, value)
        if inner.error is not None and self._error_type is None and not self._is_answered():
            self.record_error(inner.error)  # caught by the application, and nothing came instead

    def _is_answered(self) -> bool:
        return self._answered or self._streamed is not None or names.RESPONSE_ID in self._known

    def _use(self, usage: Usage) -> None:
        self._usage.update(usage)
        self._set(usage.attributes())

    def _take(self, response: Response) -> None:
        found: dict[str, AttributeValue] = {}
        if response.id is not None:
            found[names.RESPONSE_ID] = response.id
        if response.model is not None:
            found[names.RESPONSE_MODEL] = response.model
        if response.finish_reasons:
            found[names.RESPONSE_FINISH_REASONS] = response.finish_reasons
        if response.provider is not None and names.PROVIDER not in self._known:
            found[names.PROVIDER] = response.provider
        self._set(found)
        self._use(response.usage)
        if response.answer is not None and not self._answered and self._captures():
            self._answer(response.answer)

    @guarded
    def _answer(self, answer: Callable[[], list[object]]) -> None:
        self.output(answer())

    def _returned(self, result: object) -> None:
        if result is not None:
            self.response(result)

    def _received(self, item: object, since_last_s: float | None) -> None:
        if self._streamed is None:
            self._streamed = StreamedResponse(content.max_characters())
            self._set({names.REQUEST_STREAM: True})
        if since_last_s is not None:
            self._chunk_times_s.append(since_last_s)
            if len(self._chunk_times_s) >= _CHUNK_TIMES_HELD:
                self._record_chunk_times()
        self._streamed.add(item)

    def _record_chunk_times(self) -> None:
        """Held until the end as a rule: the response's model is part of the attributes."""
        instrument, labels = metrics.instruments().time_per_output_chunk, self._labels()
        times_s, self._chunk_times_s = self._chunk_times_s, []
        for each_s in times_s:
            instrument.record(each_s, labels, context=self._state)

    def _labels(self) -> dict[str, AttributeValue]:
        known = self._known
        return {label: known[label] for label in metrics.LABELS if label in known}

    def _read_span(self) -> None:
        """Learns what was copied to the span from a span inside (`duplicate_calls.py`)."""
        present: dict[str, AttributeValue] = dict(getattr(self._span, "attributes", None) or {})
        usage = Usage.of(present)
        usage.update(self._usage)
        self._usage = usage
        for label in metrics.LABELS:
            if label in present:
                self._known.setdefault(label, present[label])

    def _finish(self) -> None:
        elapsed_s = (perf_counter_ns() - self._started_ns) * 1e-9
        if self._streamed is not None:
            response = self._streamed.response()
            if response is not None:
                self._take(response)
        self._read_span()
        if self._borrowed:  # the instrumentor whose span it is reports them
            return
        self._record_chunk_times()
        instruments = metrics.instruments()
        labels = self._labels()
        for kind, tokens in (
            ("input", self._usage.input_tokens),
            ("output", self._usage.output_tokens),
        ):
            if tokens is not None and tokens >= 0:
                instruments.tokens.record(
                    tokens, {**labels, names.TOKEN_TYPE: kind}, context=self._state
                )
        if self._first_chunk_s is not None:
            instruments.time_to_first_chunk.record(self._first_chunk_s, labels, context=self._state)
        if self._error_type is not None:
            labels[names.ERROR_TYPE] = self._error_type
        instruments.duration.record(elapsed_s, labels, context=self._state)
