"""Whom a run is for: ids that reach each span of it, here and in the services called.

They travel as W3C baggage (with each request that is instrumented, also to services of others: use
ids, not names or addresses), and `BaggageSpanProcessor` copies them onto spans where they arrive.
"""

from contextvars import Token
from types import TracebackType
from typing import Any, Final

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import faults
from belvedere.sdk.agents.run import detach

_ENTRIES: Final = baggage._BAGGAGE_KEY  # noqa: SLF001 - get_all costs 5 % of a span

KEYS = (names.CONVERSATION_ID, names.USER_ID, names.PROJECT_ID)
"""Baggage entries, and span attributes of the same names. No other entry is copied."""

MAX_CHARACTERS = 256
"""Of one id. Baggage comes from callers too: what is longer is cut."""


def _bounded(value: object) -> str | None:
    text = str(value)[:MAX_CHARACTERS].encode("utf-8", "replace").decode()
    return text or None


class context:  # noqa: N801 - used like a function: `with context(user_id=...)`
    """Makes ids current for what runs inside: `with context(conversation_id="c-17"): ...`.

    `None` leaves what is set around it. Use with `with` or `async with`.
    """

    __slots__ = ("_ids", "_tokens")

    def __init__(
        self,
        *,
        conversation_id: str | None = None,
        user_id: str | None = None,
        project_id: str | None = None,
    ) -> None:
        self._ids = dict(zip(KEYS, (conversation_id, user_id, project_id), strict=True))
        self._tokens: list[Token[Context] | None] = []

    def __enter__(self) -> None:
        token = None
        try:
            state = otel_context.get_current()
            for key, value in self._ids.items():
                bounded = None if value is None else _bounded(value)
                if bounded is not None:
                    state = baggage.set_baggage(key, bounded, state)
            token = otel_context.attach(state)
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report("entering a context")
        self._tokens.append(token)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Other tasks and threads may have entered after: the last token of this context is ours.
        for token in reversed(self._tokens.copy()):
            if token is None or detach(token):
                self._tokens.remove(token)
                return
        self._tokens.pop()  # left in another context than it was entered in

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


class BaggageSpanProcessor(SpanProcessor):
    """Copies the ids of `KEYS` from baggage onto spans that do not have them yet."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            context = otel_context.get_current() if parent_context is None else parent_context
            entries: Any = context.get(_ENTRIES)
            if not entries:  # as of most spans, which pay for this look alone
                return
            present = span.attributes or {}
            for key in KEYS:
                value = entries.get(key)
                bounded = None if value is None or key in present else _bounded(value)
                if bounded is not None:
                    span.set_attribute(key, bounded)
        except Exception:  # noqa: BLE001 - the application is never changed by telemetry
            faults.report("baggage")

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing to do."""

    def shutdown(self) -> None:
        """Nothing is held."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held."""
        del timeout_millis
        return True
