"""What instrumentors of client libraries know of an operation that a run records already.

OpenTelemetry's GenAI instrumentors (`opentelemetry.util.genai`) look in the context for an outer
operation of their kind. Inside one they make no span, metric or event of their own, and hand the
outer one what they know. A model call or a retrieval of ours is such an outer operation, so that
each call is recorded once, whoever activated the instrumentor and whoever owns the providers.

A run stands for one answer. Attempts that failed are part of it; when it has been answered, what
follows is another call, and the instrumentor records that by itself, as a child.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import content, faults

_MODULE: Final = "opentelemetry.util.genai.invocation"

_OUTER: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(
        ("chat", "text_completion", "generate_content"),
        ("CLIENT_INFERENCE_CONTEXT_KEY", "InferenceData"),
    ),
    "embeddings": ("CLIENT_EMBEDDING_CONTEXT_KEY", "EmbeddingData"),
    "retrieval": ("CLIENT_RETRIEVAL_CONTEXT_KEY", "RetrievalData"),
}
"""Operation → what instrumentors look for: a key in the context, and the class of its value."""

_ANSWER: Final[Mapping[str, str]] = {
    "response_id": names.RESPONSE_ID,
    "response_model": names.RESPONSE_MODEL,
    "response_finish_reasons": names.RESPONSE_FINISH_REASONS,
    "usage_input_tokens": names.USAGE_INPUT_TOKENS,
    "usage_output_tokens": names.USAGE_OUTPUT_TOKENS,
}
"""Their field → attribute. One of these shows that the model has answered."""

_PARTS: Final[Mapping[str, str]] = {
    "usage_cache_read_input_tokens": names.USAGE_CACHE_READ_TOKENS,
    "usage_cache_write_input_tokens": names.USAGE_CACHE_CREATION_TOKENS,
    "usage_reasoning_output_tokens": names.USAGE_REASONING_TOKENS,
    **{
        f"usage_{kind}_{what}_tokens": f"gen_ai.usage.{kind}.{attribute}_tokens"
        for kind in ("audio", "image", "text")
        for what, attribute in (
            ("input", "input"),
            ("output", "output"),
            ("cache_read_input", "cache_read.input"),
        )
    },
}

_ATTRIBUTES: Final[Mapping[str, str]] = {
    **_ANSWER,
    **_PARTS,
    "conversation_id": names.CONVERSATION_ID,
    "data_source_id": names.DATA_SOURCE_ID,
    "embeddings_dimension_count": "gen_ai.embeddings.dimension.count",
    "output_type": "gen_ai.output.type",
    "prompt_name": "gen_ai.prompt.name",
    "prompt_version": "gen_ai.prompt.version",
    "provider_name": names.PROVIDER,
    "request_choice_count": "gen_ai.request.choice.count",
    "request_encoding_formats": "gen_ai.request.encoding_formats",
    "request_frequency_penalty": "gen_ai.request.frequency_penalty",
    "request_max_tokens": "gen_ai.request.max_tokens",
    "request_model": names.REQUEST_MODEL,
    "request_presence_penalty": "gen_ai.request.presence_penalty",
    "request_previous_response_id": "gen_ai.request.previous_response.id",
    "request_reasoning_level": "gen_ai.request.reasoning.level",
    "request_seed": "gen_ai.request.seed",
    "request_stop_sequences": "gen_ai.request.stop_sequences",
    "request_stream": names.REQUEST_STREAM,
    "request_temperature": "gen_ai.request.temperature",
    "request_top_k": names.REQUEST_TOP_K,
    "request_top_p": "gen_ai.request.top_p",
    "response_time_to_first_chunk": names.RESPONSE_TIME_TO_FIRST_CHUNK,
    "retrieval_top_k": "gen_ai.retrieval.top_k",
    "server_address": names.SERVER_ADDRESS,
    "server_port": names.SERVER_PORT,
}

_CONTENTS: Final[Mapping[str, str]] = {
    "system_instructions": names.SYSTEM_INSTRUCTIONS,
    "input_messages": names.INPUT_MESSAGES,
    "output_messages": names.OUTPUT_MESSAGES,
    "tool_definitions": names.TOOL_DEFINITIONS,
}


class Inner:
    """What is known from within one run.

    It lies in the context where instrumentors look for an outer operation. They know it by
    `isinstance`, and use `capture_content`, `upload_completion` and `merge` of it.

    Args:
        outer: The class that they look for.
        settled: Called when all calls that had begun inside have ended.

    Attributes:
        attributes: What they said of the call.
        contents: Attribute → messages and definitions; only if content is captured.
        error: Of a call that was not answered, while none is.
        running: Calls that have begun inside and not ended, such as a stream.
    """

    __slots__ = ("_answers", "_outer", "_settled", "attributes", "contents", "error", "running")

    upload_completion: Final = True
    """An upload of prompts and answers that the application has set up goes on."""

    def __init__(self, outer: type, settled: Callable[[], None]) -> None:
        self._outer = outer
        self._settled = settled
        self._answers: set[object] = set()
        self.attributes: dict[str, AttributeValue] = {}
        self.contents: dict[str, object] = {}
        self.error: BaseException | None = None
        self.running = 0

    @property  # type: ignore[misc] # read-only, where object's may be set
    def __class__(self) -> type:
        """To `isinstance`, the outer operation, as long as what begins inside is part of it."""
        return Inner if self._answers and not self.running else self._outer

    @property
    def capture_content(self) -> bool:
        """Asked by each call that begins inside a model call."""
        self.running += 1
        return content.captured()

    def merge(self, other: object, *, overwrite: bool = True) -> None:
        """A call inside has ended; `other` is the data that it has. Never raises."""
        del overwrite  # what the application said precedes, at the end of the run
        try:
            self.running = max(self.running - 1, 0)
            self._take(vars(other))
            if not self.running:
                self._settled()
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report("what an instrumentor knows of a call")

    def __del__(self) -> None:
        """A call that began inside was dropped without an end: the run ends with it."""
        if self.running and not sys.is_finalizing():
            self.running = 0
            self._settled()

    def _take(self, data: Mapping[str, Any]) -> None:
        said = {**data.get("attributes", {}), **_named(data, _ATTRIBUTES)}
        for field, attribute in _PARTS.items():
            if not data.get(field):  # of parts of the tokens, 0 says nothing
                said.pop(attribute, None)
        # A call that failed ends while its exception is handled, and knows no answer.
        error = sys.exc_info()[1]
        if error is not None and not _named(data, _ANSWER):
            if not self._answers:
                self.error = error
                self.attributes.update(said)
            return
        answer = data.get("response_id")
        if not self._answers:
            self.attributes.update(said)
        elif answer in self._answers or answer is None:
            # The same answer, seen by the library above: langchain's, of a call of openai's.
            self.attributes = {**said, **self.attributes}
        else:  # Calls that ran side by side: their tokens add up, for all else the last speaks.
            for attribute, value in said.items():
                before = self.attributes.get(attribute)
                adds = isinstance(value, int) and isinstance(before, int)
                adds = adds and attribute.startswith("gen_ai.usage.")
                self.attributes[attribute] = before + value if adds else value
        self.contents.update(_named(data, _CONTENTS))
        self._answers.add(answer)
        self.error = None


def _named(data: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Any]:
    return {
        attribute: data[field]
        for field, attribute in table.items()
        if data.get(field) not in (None, [], ())
    }


def surround(
    context: Context, operation: str | None, settled: Callable[[], None]
) -> tuple[Context, Inner | None]:
    """The context for what a run calls, and what becomes known there.

    Outer operations end here: a tool or an agent inside a model call makes calls of its own.

    Args:
        context: Around the run.
        operation: The run's, if calls of client libraries inside are the run itself.
        settled: As of `Inner`.
    """
    module = sys.modules.get(_MODULE)
    if module is None:  # no instrumentor is there that looks
        return context, None
    for key_name, _ in _KINDS:
        key = getattr(module, key_name, None)
        if key is not None and context.get(key) is not None:
            context = otel_context.set_value(key, None, context)
    key_name, class_name = _OUTER.get(operation or "", ("", ""))
    key, outer = getattr(module, key_name, None), getattr(module, class_name, None)
    if key is None or outer is None:  # an operation, or a release, that has no such thing
        return context, None
    inner = Inner(outer, settled)
    return otel_context.set_value(key, inner, context), inner


_KINDS: Final = frozenset(_OUTER.values())
