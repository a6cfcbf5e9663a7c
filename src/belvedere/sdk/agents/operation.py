"""An operation that can be run: a decorator, and a context manager."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import faults, providers, wrap
from belvedere.sdk.agents.around import same_operation
from belvedere.sdk.agents.run import Run

RunT = TypeVar("RunT", bound=Run)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Kind(Generic[RunT]):
    """What is common to all operations of one kind.

    Attributes:
        operation: `gen_ai.operation.name`, and the first word of the span's name.
        name_attribute: Where the operation's own name goes.
        run: The class of its runs.
        named_after: The name of a decorated function, where none is given.
    """

    operation: str | None
    name_attribute: str
    run: type[RunT]
    named_after: Callable[[str], str | None]


class Operation(Generic[RunT]):
    """One operation of an application. Decorate with it, or enter it with `with` or `async with`.

    One operation may be run concurrently and recursively, decorated or entered.
    """

    __slots__ = ("_attributes", "_entered", "_kind", "_name", "_span_kind", "_span_name")

    def __init__(
        self,
        kind: Kind[RunT],
        name: str | None,
        attributes: Mapping[str, AttributeValue | None],
        span_kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        self._kind = kind
        self._name = name
        self._span_kind = span_kind
        self._attributes = {key: value for key, value in attributes.items() if value is not None}
        if kind.operation is not None:
            self._attributes.setdefault(names.OPERATION, kind.operation)
        if name is not None:
            self._attributes.setdefault(kind.name_attribute, name)
        # Of model calls the operation is a parameter: chat, embeddings, ...
        first = self._attributes.get(names.OPERATION)
        self._span_name = " ".join(str(word) for word in (first, name) if word) or "task"
        self._entered: list[RunT] = []

    def __call__(self, func: F) -> F:
        """`func`, each call of which is a run of this operation. Nothing else about it changes.

        Raises:
            TypeError: `func` is a class or cannot be called.
        """
        operation = self
        if self._name is None:
            name = self._kind.named_after(wrap.qualified_name(func))
            if name is not None:
                operation = Operation(self._kind, name, self._attributes, self._span_kind)
        return wrap.wrap(func, operation.start)

    def start(self) -> RunT:
        """A run that has begun and is not current yet. Never raises."""
        attributes = self._attributes
        try:
            around = same_operation(attributes, self._kind.name_attribute)
            if around is not None:
                around.set_attributes(attributes)
                return self._kind.run(around, attributes, borrowed=True)
            span = providers.tracer().start_span(
                self._span_name, kind=self._span_kind, attributes=attributes
            )
        except Exception:  # noqa: BLE001 - a sampler or span processor of the application failed
            faults.report("starting a span")
            span = trace.INVALID_SPAN
        return self._kind.run(span, attributes)

    def __enter__(self) -> RunT:
        run = self.start()
        run._enter()  # noqa: SLF001 - the decorators' side of a run
        self._entered.append(run)
        return run

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run = self._last_entered()
        run._leave()  # noqa: SLF001 - the decorators' side of a run
        run._end(error)  # noqa: SLF001 - the decorators' side of a run

    def _last_entered(self) -> RunT:
        """The run that ends: the current one, as other tasks and threads may have entered after."""
        try:
            current: Any = self._kind.run.current()
            self._entered.remove(current)
        except ValueError:  # left in another context than it was entered in
            return self._entered.pop()
        return current  # type: ignore[no-any-return] # one of what was entered

    async def __aenter__(self) -> RunT:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)
