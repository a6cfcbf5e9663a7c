"""Configuration of `transform`, and its statements compiled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from belvedere.collector import ottl
from belvedere.collector.component import ComponentConfig
from belvedere.collector.ottl import CONTEXTS, Condition, Context, Edit, ErrorMode, OttlError
from belvedere.collector.ottl.parse import parse_condition, parse_statement
from belvedere.collector.processors.transform.functions import EDITORS
from belvedere.otlp.signal import Signal

UNSUPPORTED: Final = {
    "exemplar": "statements on exemplars are not supported",
    "profile": "profiles are not supported",
}
"""Contexts that the Collector has and we do not."""


def _parses(text: str) -> str:
    parse_statement(text)
    return text


def _condition_parses(text: str) -> str:
    parse_condition(text)
    return text


_Statement = Annotated[str, AfterValidator(_parses)]
_Condition = Annotated[str, AfterValidator(_condition_parses)]


class StatementGroup(ComponentConfig):
    """Statements of one context."""

    context: str = Field(
        "",
        description="What the statements run on (resource, scope, span, spanevent, metric,"
        " datapoint, log), so that paths need no prefix; empty: what their paths begin with.",
    )
    error_mode: ErrorMode | None = Field(
        None, description="As error_mode beside the statements; goes before it."
    )
    conditions: tuple[_Condition, ...] = Field(
        (), description="Conditions of which one must hold for the statements to run."
    )
    statements: tuple[_Statement, ...] = Field(
        (), description="OTTL statements, run in this order."
    )


@dataclass(frozen=True, slots=True)
class Program:
    """A group, compiled."""

    context: Context
    where: Condition | None
    statements: tuple[Edit, ...]


_GROUPS: Final = {
    Signal.TRACES: "trace_statements",
    Signal.METRICS: "metric_statements",
    Signal.LOGS: "log_statements",
}


class TransformConfig(ComponentConfig):
    """`processors::transform`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "flatten_data": "what a statement changes of a resource, it changes for all its records"
    }

    error_mode: ErrorMode = Field(
        ErrorMode.IGNORE,
        description="What happens when a value does not fit a statement: ignore (log it, go on),"
        " silent (go on), propagate (refuse the batch for good).",
    )
    trace_statements: tuple[_Statement | StatementGroup, ...] = Field(
        (), description="Statements on spans, their events, scopes and resources; or groups."
    )
    metric_statements: tuple[_Statement | StatementGroup, ...] = Field(
        (), description="Statements on metrics, data points, scopes and resources; or groups."
    )
    log_statements: tuple[_Statement | StatementGroup, ...] = Field(
        (), description="Statements on log records, scopes and resources; or groups."
    )

    @field_validator(*_GROUPS.values())
    @classmethod
    def _compiles(
        cls, items: tuple[str | StatementGroup, ...], info: ValidationInfo
    ) -> tuple[str | StatementGroup, ...]:
        for signal, name in _GROUPS.items():
            if name == info.field_name:
                for group in _groups(signal, items):
                    _program(signal, group, ErrorMode.PROPAGATE)
        return items

    @cached_property
    def programs(self) -> Mapping[Signal, tuple[Program, ...]]:
        """What runs on each signal, in order."""
        return {
            signal: tuple(
                _program(signal, group, self.error_mode)
                for group in _groups(signal, getattr(self, name))
            )
            for signal, name in _GROUPS.items()
        }


def _program(signal: Signal, group: StatementGroup, error_mode: ErrorMode) -> Program:
    mode = group.error_mode or error_mode
    context = _context(signal, group)
    prefixed = not group.context
    conditions = group.conditions
    return Program(
        context,
        ottl.condition(conditions, context, error_mode=mode, prefixed=prefixed)
        if conditions
        else None,
        tuple(
            ottl.statement(text, context, error_mode=mode, editors=EDITORS, prefixed=prefixed)
            for text in group.statements
        ),
    )


def _groups(signal: Signal, items: Sequence[str | StatementGroup]) -> list[StatementGroup]:
    """The groups of a list: its plain statements are one, if there is a context for all."""
    texts = [item for item in items if isinstance(item, str)]
    if not texts:
        return [item for item in items if isinstance(item, StatementGroup)]
    if len(texts) < len(items):
        raise ValueError("write all statements plainly, or all in groups with `statements:`")
    try:
        ottl.context_of(statements=texts, contexts=CONTEXTS[signal], functions=EDITORS)
    except OttlError:
        return [StatementGroup(statements=(text,)) for text in texts]
    return [StatementGroup(statements=tuple(texts))]


def _context(signal: Signal, group: StatementGroup) -> Context:
    contexts = CONTEXTS[signal]
    if not group.context:
        return ottl.context_of(
            statements=group.statements,
            conditions=group.conditions,
            contexts=contexts,
            functions=EDITORS,
        )
    name = group.context.lower()
    if name not in contexts:
        reason = UNSUPPORTED.get(name, f"{signal} have no context {group.context!r}")
        raise OttlError(f"{reason}; there are {', '.join(contexts)}")
    return Context(name)
