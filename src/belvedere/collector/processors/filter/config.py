"""Configuration of `filter`, and its conditions compiled."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, Self

from pydantic import Field, field_validator, model_validator

from belvedere.collector import ottl
from belvedere.collector.component import ComponentConfig
from belvedere.collector.ottl import CONTEXTS, Condition, Context, ErrorMode, OttlError
from belvedere.collector.processors.filter.functions import CONVERTERS
from belvedere.otlp.signal import Signal


class ConditionGroup(ComponentConfig):
    """Conditions of one context."""

    context: str = Field(
        "",
        description="What the conditions look at, so that paths need no prefix; empty: what their"
        " paths begin with.",
    )
    error_mode: ErrorMode | None = Field(
        None, description="As error_mode beside the conditions; goes before it."
    )
    conditions: tuple[str, ...] = Field(
        (), description="OTTL conditions; what meets one of them is dropped."
    )


class _Filters(ComponentConfig):
    @model_validator(mode="before")
    @classmethod
    def _no_matchers(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for key in ("include", "exclude", "regexp"):
                if key in value:
                    raise ValueError(
                        f"{key} is the older form, which is not supported: write what is to be"
                        ' dropped as OTTL conditions, such as IsMatch(name, "^prefix_.*")'
                    )
        return value


class TraceFilters(_Filters):
    """`processors::filter::traces`."""

    resource: tuple[str, ...] = Field((), description="Conditions that drop whole resources.")
    span: tuple[str, ...] = Field((), description="Conditions that drop spans.")
    spanevent: tuple[str, ...] = Field((), description="Conditions that drop events of spans.")


class MetricFilters(_Filters):
    """`processors::filter::metrics`."""

    resource: tuple[str, ...] = Field((), description="Conditions that drop whole resources.")
    metric: tuple[str, ...] = Field((), description="Conditions that drop metrics.")
    datapoint: tuple[str, ...] = Field((), description="Conditions that drop data points.")


class LogFilters(_Filters):
    """`processors::filter::logs`."""

    resource: tuple[str, ...] = Field((), description="Conditions that drop whole resources.")
    log_record: tuple[str, ...] = Field((), description="Conditions that drop log records.")


_RENAMED: Final = {"log_record": Context.LOG}
_KEYS: Final = {
    Signal.TRACES: ("traces", "trace_conditions"),
    Signal.METRICS: ("metrics", "metric_conditions"),
    Signal.LOGS: ("logs", "log_conditions"),
}
_GROUPED = "Conditions whose paths begin with what they look at (`span.name`), or groups of them."


class FilterConfig(ComponentConfig):
    """`processors::filter`."""

    error_mode: ErrorMode = Field(
        ErrorMode.PROPAGATE,
        description="What happens when a value does not fit a condition: ignore (log it, the"
        " condition does not hold), silent (it does not hold), propagate (refuse the batch).",
    )
    traces: TraceFilters = Field(TraceFilters(), description="Conditions by kind of record.")
    metrics: MetricFilters = Field(MetricFilters(), description="Conditions by kind of record.")
    logs: LogFilters = Field(LogFilters(), description="Conditions by kind of record.")
    trace_conditions: tuple[str | ConditionGroup, ...] = Field((), description=_GROUPED)
    metric_conditions: tuple[str | ConditionGroup, ...] = Field((), description=_GROUPED)
    log_conditions: tuple[str | ConditionGroup, ...] = Field((), description=_GROUPED)

    @field_validator("traces", "metrics", "logs", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        _ = self.drops
        return self

    @cached_property
    def drops(self) -> Mapping[Signal, Mapping[Context, Condition]]:
        """What is dropped of each signal: the contexts that have conditions.

        Raises:
            OttlError: a condition cannot be compiled.
        """
        return {signal: self._drops_of(signal) for signal in Signal}

    def _drops_of(self, signal: Signal) -> dict[Context, Condition]:
        older, newer = _KEYS[signal]
        compiled: dict[Context, list[Condition]] = {}
        filters = getattr(self, older)
        for field in type(filters).model_fields:
            for text in getattr(filters, field):
                context = _RENAMED.get(field) or Context(field)
                with_key = f"{older}::{field}"
                compiled.setdefault(context, []).append(
                    _compiled(with_key, text, context, self.error_mode, prefixed=False)
                )
        for item in getattr(self, newer):
            group = ConditionGroup(conditions=(item,)) if isinstance(item, str) else item
            mode = group.error_mode or self.error_mode
            for text in group.conditions:
                context = _context(newer, signal, group.context, text)
                prefixed = not group.context
                compiled.setdefault(context, []).append(
                    _compiled(newer, text, context, mode, prefixed=prefixed)
                )
        return {context: ottl.any_of(conditions) for context, conditions in compiled.items()}


def _compiled(
    key: str, text: str, context: Context, mode: ErrorMode, *, prefixed: bool
) -> Condition:
    try:
        return ottl.condition(
            text, context, error_mode=mode, functions=CONVERTERS, prefixed=prefixed
        )
    except OttlError as error:
        raise ValueError(f"{key}: {error}") from None


def _context(key: str, signal: Signal, name: str, text: str) -> Context:
    contexts = CONTEXTS[signal]
    if name:
        if name not in contexts:
            raise ValueError(
                f"{key}: {signal} have no context {name!r}; there are {', '.join(contexts)}"
            )
        return Context(name)
    try:
        return ottl.context_of(conditions=[text], contexts=contexts, functions=CONVERTERS)
    except OttlError as error:
        raise ValueError(f"{key}: {error}") from None
