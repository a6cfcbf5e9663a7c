"""One model call, one model span, however many instrumentors see the call.

A framework, the instrumentor of a client and the client itself (`com.anthropic.sdk.python`) may
each make a span of the same call, one inside the other. `DuplicateCallProcessor` exports the
outermost one only:

1. A model span directly inside a model span of the same kind belongs to the same call. When it
   ends, attributes that the outer span lacks are copied to it. It is held until the outer span
   ends, and then dropped. Its children get the outer span as their parent when they start.
2. Several answers inside one outer span (parallel calls, a fallback after an answer) are separate
   calls. If the outer span reports no usage of its own, it gets their sum. If it reports the usage
   of one of them, the others are exported, as its children.
3. A span inside that failed is an attempt; nothing is copied from it.
4. If the outer span ended first (a stream that is read later), it is exported already. A span
   inside is dropped if the outer one had usage, else exported.
5. Two spans of different instrumentors with one `gen_ai.response.id`, at the same time, are the
   same call wherever they are. The one that ends second is exported without its usage.

Tools, agents and other spans between two model spans separate them; only rule 5 applies then.
`DuplicateMeasurements` (`sdk/metrics/duplicate_measurements.py`) reads the same records, so that
the metrics agree with the spans.
"""

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanContext, StatusCode
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import faults

_OPERATION: Final = names.OPERATION
_OPENINFERENCE_KIND: Final = "openinference.span.kind"
_INFERENCE: Final = "inference"
_EMBEDDING: Final = "embedding"

_KIND_OF_OPERATION: Final[Mapping[object, str]] = {
    "chat": _INFERENCE,
    "text_completion": _INFERENCE,
    "generate_content": _INFERENCE,
    "embeddings": _EMBEDDING,
}
_KIND_OF_OPENINFERENCE: Final[Mapping[object, str]] = {"LLM": _INFERENCE, "EMBEDDING": _EMBEDDING}

_USAGE_PREFIX: Final = "gen_ai.usage."
_OPENINFERENCE_PREFIXES: Final = ("llm.token_count.", "llm.cost.")
_TOKENS: Final = (
    (names.USAGE_INPUT_TOKENS, "llm.token_count.prompt"),
    (names.USAGE_OUTPUT_TOKENS, "llm.token_count.completion"),
)
"""Input and output tokens, in the GenAI conventions and in OpenInference's."""

_ANSWERS_KEPT: Final = 1024
"""Response ids that are remembered for rule 5."""


def kind_of(attributes: Mapping[str, object] | None) -> str | None:
    """Return `inference` or `embedding` if these are the attributes of a model span, else None."""
    if not attributes:
        return None
    operation = attributes.get(names.OPERATION)
    if operation is not None:
        return _KIND_OF_OPERATION.get(operation)
    kind = attributes.get(_OPENINFERENCE_KIND)
    return _KIND_OF_OPENINFERENCE.get(kind) if kind is not None else None


@dataclass(slots=True, eq=False)
class _Answer:
    """An ended span inside an outer one, with its usage."""

    span: ReadableSpan
    depth: int
    tokens: tuple[int, int]

    def is_of(self, other: "_Answer") -> bool:
        """Return whether both report one answer: by its id, else one within the other."""
        mine, theirs = (_attributes(each.span).get(names.RESPONSE_ID) for each in (self, other))
        if mine is not None and theirs is not None:
            return mine == theirs
        inner, outer = sorted((self, other), key=lambda each: -each.depth)
        return inner.depth != outer.depth and _within(_time(inner.span), _time(outer.span))


@dataclass(slots=True, eq=False, weakref_slot=True)
class Call:
    """What is known of one model call.

    Attributes:
        outer: The outermost span.
        context: Its span context.
        kind: As `kind_of` has it.
        depths: Instrumentation scope of a span of the call → its depth.
        copied: Attributes of the outer span that come from spans inside.
        answers: Spans inside that carry usage, one per answer.
        has_usage: Whether the outer span was exported with usage.
    """

    outer: "weakref.ref[Span]"
    context: SpanContext
    kind: str
    depths: dict[str, int] = field(default_factory=dict)
    copied: dict[str, AttributeValue] = field(default_factory=dict)
    answers: list[_Answer] = field(default_factory=list)
    has_usage: bool = False


@dataclass(slots=True, eq=False, weakref_slot=True)
class Layer:
    """One span of a call.

    Attributes:
        depth: 0 is the outermost.
        scope: Its instrumentation scope.
        parent_id: The span around it, 0 for a root.
        around: The layer around it; None for the outermost.
    """

    call: Call
    depth: int
    scope: str
    parent_id: int
    around: "Layer | None"


_layers: Final["weakref.WeakKeyDictionary[trace.Span, Layer]"] = weakref.WeakKeyDictionary()
_by_id: Final["weakref.WeakValueDictionary[int, Layer]"] = weakref.WeakValueDictionary()
_lock = threading.RLock()  # a garbage collection may call `_abandoned` while it is held


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def layer_of(span: trace.Span) -> Layer | None:
    """Return the place of `span` in its model call; None if it is not a model span."""
    return _layers.get(span) if _layers else None


def is_duplicate(span: trace.Span) -> bool:
    """Return whether an outer span stands for `span`."""
    layer = layer_of(span)
    return layer is not None and layer.depth > 0


def _started(span: Span, parent_context: Context | None) -> None:
    """Record `span` if it is a model span, or move it if it is a child of a duplicate."""
    kind = kind_of(_attributes(span))
    above = span.parent
    if kind is None and (above is None or above.is_remote or not _layers):
        return
    parent = trace.get_current_span(parent_context)
    with _lock:
        around = _layers.get(parent)
        if around is None and kind is not None and isinstance(parent, Span):
            around = _register(parent, None)  # its operation may have been set after its start
        if kind is not None and span not in _layers:  # it is in where a provider has two of us
            _register(span, around)
        elif around is not None and around.depth > 0:
            span._parent = around.call.context  # noqa: SLF001 - the SDK offers no other way


def _register(span: Span, around: Layer | None) -> Layer | None:
    kind, context, above = kind_of(_attributes(span)), span.get_span_context(), span.parent
    if kind is None:
        return None
    scope = _scope(span)
    parent_id = above.span_id if above is not None else 0
    if around is None or around.call.kind != kind:
        layer = Layer(Call(weakref.ref(span), context, kind), 0, scope, parent_id, None)
    else:
        layer = Layer(around.call, around.depth + 1, scope, parent_id, around)
        span._parent = around.call.context  # noqa: SLF001 - as above
    layer.call.depths.setdefault(scope, layer.depth)
    _layers[span] = layer
    _by_id[context.span_id] = layer
    return layer


class DuplicateCallProcessor(SpanProcessor):
    """Passes ended spans to `then`, those of one model call as one.

    Add it before processors that look at `is_duplicate`.

    Args:
        then: The processors that export. They are flushed and shut down by the caller.
    """

    def __init__(self, then: Sequence[SpanProcessor]) -> None:
        self._then = tuple(then)
        self._answered: OrderedDict[object, tuple[str, int, int]] = OrderedDict()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            if _layers.data or _may_be_model_span(span):  # type: ignore[attr-defined] # its length is slow
                _started(span, parent_context)
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report("the start of a model span")
        for each in self._then:
            each.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        if not _may_be_model_span(span):
            for processor in self._then:
                processor.on_end(span)
            return
        ready: Sequence[ReadableSpan] = (span,)
        try:
            if kind_of(_attributes(span)) is not None:
                with _lock:
                    ready = [self._once(each) for each in self._ended(span)]
        except Exception:  # noqa: BLE001 - as above
            faults.report("the end of a model span")
        self._pass_on(ready)

    def _pass_on(self, spans: Sequence[ReadableSpan]) -> None:
        for span in spans:
            for each in self._then:
                each.on_end(span)

    def shutdown(self) -> None:
        """The exporting processors are the caller's."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is queued here: a span inside waits for its outer span, not for a flush."""
        del timeout_millis
        return True

    def _ended(self, span: ReadableSpan) -> Sequence[ReadableSpan]:
        """Return what is to be exported now that `span` has ended."""
        context = span.get_span_context()
        layer = _by_id.get(context.span_id) if context is not None else None
        if layer is not None and layer.depth == 0:
            return _outer_ended(layer.call, span)
        depth = layer.depth if layer is not None else 0
        if layer is None and span.parent is not None:  # its operation was set after its start
            layer = _by_id.get(span.parent.span_id)
            depth = layer.depth + 1 if layer is not None else 0
        if layer is None or layer.call.kind != kind_of(_attributes(span)):
            return [span]
        call, outer = layer.call, layer.call.outer()
        if outer is None or not outer.is_recording():
            return [] if call.has_usage or _tokens(_attributes(span)) is None else [span]
        if span.status.status_code is not StatusCode.ERROR:
            if not call.copied:
                weakref.finalize(outer, self._abandoned, call).atexit = False
            _take_over(call, outer, span, depth)
        return []

    def _abandoned(self, call: Call) -> None:
        """Export the spans inside an outer span that was dropped without an end."""
        with _lock:
            answers, call.answers = call.answers, []
        self._pass_on([each.span for each in answers])

    def _once(self, span: ReadableSpan) -> ReadableSpan:
        """Return `span`, without its usage if the answer that it reports is exported already."""
        attributes = _attributes(span)
        answer = attributes.get(names.RESPONSE_ID)
        context = span.get_span_context()
        sampled = context is not None and context.trace_flags.sampled
        if not answer or not sampled or _tokens(attributes) is None:
            return span
        (start, end), scope = _time(span), _scope(span)
        before = self._answered.get(answer)
        if before and before[0] != scope and start <= before[2] and before[1] <= end:
            return _with(span, {k: v for k, v in attributes.items() if not _is_usage(k)})
        self._answered[answer] = scope, start, end
        while len(self._answered) > _ANSWERS_KEPT:
            self._answered.popitem(last=False)
        return span


def _take_over(call: Call, outer: Span, span: ReadableSpan, depth: int) -> None:
    """Copy what the outer span lacks from `span`, which ended inside it."""
    attributes, present = _copyable(span), dict(_attributes(outer))
    is_first = True
    tokens = _tokens(attributes)
    if tokens is not None:
        answer = _Answer(span, depth, tokens)
        if not any(each.is_of(answer) for each in call.answers):
            is_first = not call.answers
            call.answers.append(answer)
    found: dict[str, AttributeValue] = {}
    for key, value in attributes.items():
        if key not in present:
            found[key] = value
        elif not is_first and key in call.copied and call.copied[key] == present[key]:
            found[key] = _sum(call, key) if _is_usage(key) else value  # the later answer speaks
    call.copied.update(found)
    outer.set_attributes(found)


def _copyable(span: ReadableSpan) -> dict[str, AttributeValue]:
    """Return the attributes of a span inside, its usage by the names of the GenAI conventions."""
    found = {
        key: value
        for key, value in _attributes(span).items()
        if not key.startswith(_OPENINFERENCE_PREFIXES)
    }
    for ours, theirs in _TOKENS:
        if theirs in _attributes(span):
            found.setdefault(ours, _attributes(span)[theirs])
    return found


def _sum(call: Call, key: str) -> float:
    values = [_copyable(each.span).get(key) for each in call.answers]
    return sum(value for value in values if isinstance(value, int | float))


def _outer_ended(call: Call, span: ReadableSpan) -> Sequence[ReadableSpan]:
    attributes, copied = _attributes(span), call.copied
    answers, call.answers = call.answers, []
    own = _tokens({key: value for key, value in attributes.items() if copied.get(key) != value})
    call.has_usage = own is not None or bool(answers)
    if own is None or not answers:
        return [span]
    covered = _covered(answers, own, attributes.get(names.RESPONSE_ID))
    apart = [each.span for each in answers if covered is not None and each is not covered]
    known = _copyable(covered.span) if covered is not None else copied
    by_other_names = any(theirs in attributes for _, theirs in _TOKENS)
    kept: dict[str, AttributeValue] = {}
    for key, value in attributes.items():
        if copied.get(key) != value:
            kept[key] = value
        elif key in known and not (by_other_names and _is_usage(key)):
            kept[key] = known[key]  # else it is of another call, or said twice
    return [*apart, _with(span, kept)]


def _covered(
    answers: Sequence[_Answer], own: tuple[int, int], response_id: object
) -> _Answer | None:
    """Return the one of several answers that the outer span reports; None if it reports all."""
    total = (sum(each.tokens[0] for each in answers), sum(each.tokens[1] for each in answers))
    if len(answers) == 1 or own == total:
        return None
    same = [each for each in answers if each.tokens == own] or [
        each for each in answers if _attributes(each.span).get(names.RESPONSE_ID) == response_id
    ]
    return same[-1] if same else None


def _scope(span: ReadableSpan) -> str:
    return span.instrumentation_scope.name if span.instrumentation_scope is not None else ""


def _time(span: ReadableSpan) -> tuple[int, int]:
    return span.start_time or 0, span.end_time or 0


def _within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _may_be_model_span(span: ReadableSpan) -> bool:
    """Whether `kind_of` is worth its time: this is asked at the start and the end of each span."""
    found: Any = span._attributes  # noqa: SLF001 - as below
    found = getattr(found, "_dict", found) or ()
    return _OPERATION in found or _OPENINFERENCE_KIND in found


def _attributes(span: ReadableSpan) -> Mapping[str, AttributeValue]:
    """Return the attributes, as a plain dictionary where the SDK has one: that is faster."""
    found: Any = span._attributes  # noqa: SLF001 - the property makes a proxy
    return getattr(found, "_dict", found) or {}


def _tokens(attributes: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return input and output tokens; None if neither is known."""
    values = [attributes.get(ours, attributes.get(theirs)) for ours, theirs in _TOKENS]
    if not any(isinstance(value, int) for value in values):
        return None
    first, second = (value if isinstance(value, int) else 0 for value in values)
    return first, second


def _is_usage(key: str) -> bool:
    return key.startswith((_USAGE_PREFIX, *_OPENINFERENCE_PREFIXES))


def _with(span: ReadableSpan, attributes: Mapping[str, AttributeValue]) -> ReadableSpan:
    if attributes == _attributes(span):
        return span
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
