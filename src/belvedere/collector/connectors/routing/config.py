"""Keys of the connector `routing`."""

from collections.abc import Mapping
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from belvedere.collector import ottl
from belvedere.collector.component import ComponentConfig
from belvedere.collector.connectors.routing.request import request_condition
from belvedere.collector.ottl import Context, ErrorMode, Function, OttlError
from belvedere.collector.ottl.function import editor
from belvedere.collector.ottl.parse import parse_statement
from belvedere.otlp.signal import Signal

REQUEST: Final = "request"
SIGNALS: Final[Mapping[Context, frozenset[Signal]]] = {
    Context.RESOURCE: frozenset(Signal),
    Context.SPAN: frozenset({Signal.TRACES}),
    Context.METRIC: frozenset({Signal.METRICS}),
    Context.DATAPOINT: frozenset({Signal.METRICS}),
    Context.LOG: frozenset({Signal.LOGS}),
}
"""What a route may look at, and the signals that have it."""
_EDITORS: Final = ("route", "delete_key", "delete_matching_keys")
_ROUTE: Final[Mapping[str, Function]] = {"route": editor(lambda: lambda _record: False)}


class RouteConfig(ComponentConfig):
    """One row of the table."""

    context: Literal["", "request", "resource", "span", "metric", "datapoint", "log"] = Field(
        "",
        description="What the condition looks at; empty: what its paths begin with, or else the"
        " resource.",
    )
    condition: str = Field(
        "",
        description='OTTL condition of what takes this route; of requests, request["X-Header"] =='
        ' "value" (or !=).',
    )
    statement: str = Field(
        "",
        description="The same as a statement: route() where ..., or delete_key or"
        " delete_matching_keys instead of route, which also change what takes the route.",
    )
    pipelines: tuple[str, ...] = Field(min_length=1, description="Where it goes: pipelines' ids.")
    action: Literal["move", "copy"] = Field(
        "move",
        description="Whether what takes this route is done (move), or also looked at by the rows"
        " below (copy).",
    )

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        if bool(self.condition) == bool(self.statement):
            raise ValueError("a route needs either a condition or a statement")
        if self.is_request:
            if self.statement:
                raise ValueError("the context request needs a condition, not a statement")
            request_condition(self.condition)
            return self
        self.compiled(ErrorMode.PROPAGATE)
        return self

    @property
    def is_request(self) -> bool:
        """Whether it looks at the request's headers."""
        return self.context == REQUEST

    @property
    def looks_at(self) -> Context:
        """What the condition looks at, where that is not the request."""
        if self.context:
            return Context(self.context)
        where, edit = self._parts()
        try:
            return ottl.context_of(
                conditions=[where] if where else [],
                statements=[edit] if edit else [],
                contexts=tuple(SIGNALS),
                functions=_ROUTE,
            )
        except OttlError:
            return Context.RESOURCE

    def compiled(self, mode: ErrorMode) -> tuple[ottl.Condition, ottl.Edit | None]:
        """The condition, and the change to what meets it, if there is one.

        Raises:
            OttlError: a text is none of these.
        """
        where, edit = self._parts()
        context = self.looks_at
        holds = ottl.condition(where or "true", context, error_mode=mode)
        if not edit:
            return holds, None
        return holds, ottl.statement(edit, context, error_mode=mode)

    def _parts(self) -> tuple[str, str]:
        """The condition's text, and the editor's; empty where there is none."""
        if self.condition:
            return self.condition, ""
        statement = parse_statement(self.statement)
        name = statement.editor.name
        if name not in _EDITORS:
            raise OttlError(f"a route cannot {name}; it can {', '.join(_EDITORS)}")
        where = str(statement.where) if statement.where else ""
        return where, "" if name == "route" else str(statement.editor)


class RoutingConfig(ComponentConfig):
    """`connectors::routing`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "match_once": "the Collector has removed it: the first route that matches wins; for more,"
        " set action: copy"
    }

    table: tuple[RouteConfig, ...] = Field(
        min_length=1, description="Routes; the first one that something meets takes it."
    )
    default_pipelines: tuple[str, ...] = Field(
        (), description="Where goes what takes no route; none: it is dropped, and counted."
    )
    error_mode: ErrorMode = Field(
        ErrorMode.IGNORE,
        description="What happens when a value does not fit a condition: ignore (log it, the route"
        " is not taken), silent (it is not taken), propagate (refuse the batch).",
    )
