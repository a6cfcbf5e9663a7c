"""A run of an operation: the object that a decorated function or a `with` block records through."""

import functools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextvars import Token
from time import perf_counter_ns
from typing import ClassVar, ParamSpec, Self, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import faults
from belvedere.sdk.agents.inner import Inner, surround

P = ParamSpec("P")
Item = TypeVar("Item")

_S_PER_NS = 1e-9


def guarded(method: Callable[P, None]) -> Callable[P, None]:
    """A method of the public API that records: whatever goes wrong in it stays in it."""

    @functools.wraps(method)
    def safe(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report(method.__qualname__)

    return safe


def error_type(error: BaseException) -> str:
    """The canonical name of the exception: `error.type` of the conventions."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def detach(token: Token[Context]) -> bool:
    """Makes current again what was before the `attach` that gave `token`. Never raises.

    Returns:
        Whether the token is of the caller's context; else nothing is done.

    `opentelemetry.context.detach` logs an error when a coroutine is closed by the garbage collector
    in a context that is not its own. Nothing of ours is attached there: nothing to say.
    """
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):  # of another context; used already
        return False
    except Exception:  # noqa: BLE001 - another runtime context than the default: tokens of its own
        otel_context.detach(token)
    return True


class Run:
    """One run of an operation, and its span.

    Everything here may be called at any time, also without an SDK, in other threads, and after the
    end (when it does nothing); nothing raises.
    """

    __slots__ = (
        "_borrowed",
        "_ended",
        "_error_type",
        "_first_chunk_s",
        "_inner",
        "_last_chunk_ns",
        "_left",
        "_span",
        "_started_ns",
        "_state",
        "_token",
    )
    _key: ClassVar[str] = otel_context.create_key("belvedere-run")

    def __init__(
        self, span: Span, static: Mapping[str, AttributeValue], *, borrowed: bool = False
    ) -> None:
        del static  # what the span began with; kinds that report metrics keep it
        self._span = span
        self._borrowed = borrowed  # another's, who ends it and reports its metrics
        self._inner: Inner | None = None
        self._left = False
        self._ended = False
        self._error_type: str | None = None
        self._first_chunk_s: float | None = None
        self._last_chunk_ns: int | None = None
        self._state: Context | None = None
        self._token: Token[Context] | None = None
        self._started_ns = perf_counter_ns()

    @classmethod
    def current(cls) -> Self:
        """The innermost run of this kind around the caller; one that records nothing if none is."""
        found = otel_context.get_value(cls._key)
        return found if isinstance(found, cls) else cls(trace.INVALID_SPAN, {})

    @property
    def span(self) -> Span:
        """The OpenTelemetry span, for whatever this class has no method for."""
        return self._span

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits; zeros without an SDK."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits; zeros without an SDK."""
        return trace.format_span_id(self._span.get_span_context().span_id)

    @property
    def handle(self) -> str:
        """A text that `feedback` and `score` take later, in any process (W3C `traceparent`)."""
        flags = self._span.get_span_context().trace_flags
        return f"00-{self.trace_id}-{self.span_id}-{flags:02x}"

    @guarded
    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self._span.set_attribute(key, value)

    @guarded
    def add_event(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> None:
        self._span.add_event(name, attributes)

    @guarded
    def record_error(self, error: BaseException) -> None:
        """Marks the run as failed. Needed only for an exception that does not leave it."""
        self._error_type = error_type(error)
        self._span.set_attribute(names.ERROR_TYPE, self._error_type)
        try:
            self._span.record_exception(error)
            description = f"{type(error).__name__}: {error}"
        except Exception:  # noqa: BLE001 - __str__ of an application's exception failed
            faults.report("the text of an exception")
            description = type(error).__name__
        self._span.set_status(Status(StatusCode.ERROR, description))

    def stream(self, chunks: Iterable[Item]) -> Iterator[Item]:
        """The same chunks; their times (and usage, where they carry it) are recorded on the way.

        For use inside the run. A generator that is decorated needs no call of this.
        """
        for chunk in chunks:
            self._chunk(chunk)
            yield chunk

    async def astream(self, chunks: AsyncIterable[Item]) -> AsyncIterator[Item]:
        """Like `stream`, of an asynchronous iterable."""
        async for chunk in chunks:
            self._chunk(chunk)
            yield chunk

    # What follows is for the decorators.

    def _enter(self) -> None:
        """Makes the run current in the caller's context, until `_suspend` or `_leave`."""
        try:
            state = self._state
            if state is None:
                state, self._inner = surround(
                    otel_context.get_current(), self._instrumented_as(), self._settled
                )
                state = trace.set_span_in_context(
                    self._span, otel_context.set_value(self._key, self, state)
                )
                self._state = state
            self._token = otel_context.attach(state)
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report("entering a run")

    def _leave(self) -> None:
        """Makes current again what was before `_enter`."""
        token, self._token = self._token, None
        if token is not None:
            detach(token)

    def _suspend(self) -> None:
        """Leaves, and keeps what the generator's own frames made current for the next `_enter`."""
        if self._token is not None:
            self._state = otel_context.get_current()
        self._leave()

    def _chunk(self, item: object) -> None:
        """An item of a stream has come."""
        if self._ended:
            return
        try:
            now_ns = perf_counter_ns()
            if self._last_chunk_ns is None:
                self._first_chunk_s = (now_ns - self._started_ns) * _S_PER_NS
                self._span.set_attribute(names.RESPONSE_TIME_TO_FIRST_CHUNK, self._first_chunk_s)
                self._received(item, None)
            else:
                self._received(item, (now_ns - self._last_chunk_ns) * _S_PER_NS)
            self._last_chunk_ns = now_ns
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report("a chunk of a stream")

    def _end(self, error: BaseException | None = None) -> None:
        """Ends the span, once. Only `Exception`s are errors: closing and cancelling are not.

        A stream of a client that was begun inside and is still read goes on: it ends the span.
        """
        if self._ended:
            return
        if error is None and self._inner is not None and self._inner.running:
            self._left = True
            return
        try:
            if isinstance(error, Exception):
                self.record_error(error)
            if self._inner is not None:
                self._learn(self._inner)
            self._finish()
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report("finishing a run")
        self._ended = True
        # They hold this run: cycles that only the garbage collector would free.
        self._state = self._inner = None
        try:
            if not self._borrowed:
                self._span.end()
        except Exception:  # noqa: BLE001 - a span processor of the application failed
            faults.report("ending a span")

    def _settled(self) -> None:
        """What was called inside has ended."""
        if self._left:
            self._end()

    # What kinds of runs override. May raise: the callers above are guarded.

    def _instrumented_as(self) -> str | None:
        """The operation, if an instrumentor of the library called inside records it as well."""
        return None

    def _learn(self, inner: Inner) -> None:
        """Takes over what an instrumentor knows and the application did not say."""
        present = getattr(self._span, "attributes", None) or {}
        self._span.set_attributes(
            {key: value for key, value in inner.attributes.items() if key not in present}
        )

    def _called(
        self, func: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        """The decorated function is about to be called."""

    def _returned(self, result: object) -> None:
        """The decorated function has returned."""

    def _received(self, item: object, since_last_s: float | None) -> None:
        """A chunk has come, `None` seconds after the last if it is the first."""

    def _finish(self) -> None:
        """The run is about to end."""
