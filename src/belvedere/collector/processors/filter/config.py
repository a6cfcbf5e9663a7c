"""Configuration of `filter`, and its conditions compiled."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from belvedere.collector import ottl
from belvedere.collector.component import ComponentConfig
from belvedere.collector.ottl import CONTEXTS, Condition, Context, ErrorMode, OttlError
from belvedere.collector.ottl.parse import parse_condition
from belvedere.collector.processors.filter.functions import CONVERTERS
from belvedere.collector.processors.filter.matching import (
    LogMatch,
    MetricMatch,
    drops_of_logs,
    drops_of_metrics,
    drops_of_spans,
)
from belvedere.collector.processors.matching.properties import MatchConfig
from belvedere.otlp.signal import Signal


def _parses(text: str) -> str:
    parse_condition(text)
    return text


def _compiles_for(context: Context) -> Callable[[str], str]:
    def compiles(text: str) -> str:
        _compiled(text, context, ErrorMode.PROPAGATE, prefixed=False)
        return text

    return compiles


_Condition = Annotated[str, AfterValidator(_parses)]
_OnResource = Annotated[str, AfterValidator(_compiles_for(Context.RESOURCE))]
_OnSpan = Annotated[str, AfterValidator(_compiles_for(Context.SPAN))]
_OnSpanEvent = Annotated[str, AfterValidator(_compiles_for(Context.SPANEVENT))]
_OnMetric = Annotated[str, AfterValidator(_compiles_for(Context.METRIC))]
_OnDataPoint = Annotated[str, AfterValidator(_compiles_for(Context.DATAPOINT))]
_OnLog = Annotated[str, AfterValidator(_compiles_for(Context.LOG))]


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
    conditions: tuple[_Condition, ...] = Field(
        (), description="OTTL conditions; what meets one of them is dropped."
    )


class _Filters(ComponentConfig):
    """Conditions, or the older form with `include` and `exclude`."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        older = [key for key in ("include", "exclude") if getattr(self, key, None) is not None]
        conditions = [key for key in type(self).model_fields if getattr(self, key)]
        conditions = [key for key in conditions if key not in ("include", "exclude")]
        if older and conditions:
            raise ValueError(
                f"{older[0]} and the OTTL conditions of {conditions[0]} exclude each other: write"
                " conditions for all"
            )
        return self


class TraceFilters(_Filters):
    """`processors::filter::traces`."""

    resource: tuple[_OnResource, ...] = Field(
        (), description="Conditions that drop whole resources."
    )
    span: tuple[_OnSpan, ...] = Field((), description="Conditions that drop spans.")
    spanevent: tuple[_OnSpanEvent, ...] = Field(
        (), description="Conditions that drop events of spans."
    )


class MetricFilters(_Filters):
    """`processors::filter::metrics`."""

    resource: tuple[_OnResource, ...] = Field(
        (), description="Conditions that drop whole resources."
    )
    metric: tuple[_OnMetric, ...] = Field((), description="Conditions that drop metrics.")
    datapoint: tuple[_OnDataPoint, ...] = Field((), description="Conditions that drop data points.")
    include: MetricMatch | None = Field(None, description="Older form: all others are dropped.")
    exclude: MetricMatch | None = Field(None, description="Older form: these are dropped.")

    @field_validator("include", "exclude")
    @classmethod
    def _valid_match(cls, match: MetricMatch | None) -> MetricMatch | None:
        if match:
            match.of_names()
            match.of_resources()
        return match


class LogFilters(_Filters):
    """`processors::filter::logs`."""

    resource: tuple[_OnResource, ...] = Field(
        (), description="Conditions that drop whole resources."
    )
    log_record: tuple[_OnLog, ...] = Field((), description="Conditions that drop log records.")
    include: LogMatch | None = Field(None, description="Older form: all others are dropped.")
    exclude: LogMatch | None = Field(None, description="Older form: these are dropped.")

    @field_validator("include", "exclude")
    @classmethod
    def _valid_match(cls, match: LogMatch | None) -> LogMatch | None:
        if match:
            match.properties()
        return match


_CONTEXTS: Final = {
    "resource": Context.RESOURCE,
    "span": Context.SPAN,
    "spanevent": Context.SPANEVENT,
    "metric": Context.METRIC,
    "datapoint": Context.DATAPOINT,
    "log_record": Context.LOG,
}
"""Key of conditions → what they look at."""
_KEYS: Final = {
    Signal.TRACES: ("traces", "trace_conditions"),
    Signal.METRICS: ("metrics", "metric_conditions"),
    Signal.LOGS: ("logs", "log_conditions"),
}
_GROUPED = "Conditions whose paths begin with what they look at (`span.name`), or groups of them."


class FilterConfig(ComponentConfig):
    """`processors::filter`."""

    error_mode: ErrorMode = Field(
        ErrorMode.IGNORE,
        description="What happens when a value does not fit a condition: ignore (log it, the"
        " condition does not hold), silent (it does not hold), propagate (refuse the batch).",
    )
    traces: TraceFilters = Field(TraceFilters(), description="Conditions by kind of record.")
    metrics: MetricFilters = Field(MetricFilters(), description="Conditions by kind of record.")
    logs: LogFilters = Field(LogFilters(), description="Conditions by kind of record.")
    spans: MatchConfig | None = Field(
        None, description="Older form: spans that are not included, or are excluded, are dropped."
    )
    trace_conditions: tuple[_Condition | ConditionGroup, ...] = Field((), description=_GROUPED)
    metric_conditions: tuple[_Condition | ConditionGroup, ...] = Field((), description=_GROUPED)
    log_conditions: tuple[_Condition | ConditionGroup, ...] = Field((), description=_GROUPED)

    @field_validator("trace_conditions", "metric_conditions", "log_conditions")
    @classmethod
    def _compiles(
        cls, items: tuple[str | ConditionGroup, ...], info: ValidationInfo
    ) -> tuple[str | ConditionGroup, ...]:
        for signal, (_, name) in _KEYS.items():
            if name == info.field_name:
                list(_grouped(signal, items, ErrorMode.PROPAGATE))
        return items

    @cached_property
    def drops(self) -> Mapping[Signal, Mapping[Context, Condition]]:
        """What is dropped of each signal: the contexts that have conditions."""
        return {signal: self._drops_of(signal) for signal in Signal}

    def _drops_of(self, signal: Signal) -> dict[Context, Condition]:
        older, newer = _KEYS[signal]
        found: dict[Context, list[Condition]] = {}
        filters = getattr(self, older)
        for context, condition in self._matched(signal).items():
            found.setdefault(context, []).append(condition)
        for field, context in _CONTEXTS.items():
            for text in getattr(filters, field, ()):
                condition = _compiled(text, context, self.error_mode, prefixed=False)
                found.setdefault(context, []).append(condition)
        for context, condition in _grouped(signal, getattr(self, newer), self.error_mode):
            found.setdefault(context, []).append(condition)
        return {context: ottl.any_of(conditions) for context, conditions in found.items()}

    def _matched(self, signal: Signal) -> Mapping[Context, Condition]:
        """What the older form drops."""
        metrics, logs = self.metrics, self.logs
        if signal is Signal.TRACES and self.spans:
            return drops_of_spans(self.spans)
        if signal is Signal.METRICS and (metrics.include or metrics.exclude):
            return drops_of_metrics(metrics.include, metrics.exclude)
        if signal is Signal.LOGS and (logs.include or logs.exclude):
            return drops_of_logs(logs.include, logs.exclude)
        return {}

    @model_validator(mode="after")
    def _spans_in_one_form(self) -> Self:
        if self.spans is None:
            return self
        if any(getattr(self.traces, field) for field in TraceFilters.model_fields):
            raise ValueError("spans is the older form of traces: write conditions for all")
        if Signal.TRACES not in self.spans.signals:
            raise ValueError("spans: include and exclude name properties that spans do not have")
        return self


def _grouped(
    signal: Signal, items: tuple[str | ConditionGroup, ...], error_mode: ErrorMode
) -> Iterator[tuple[Context, Condition]]:
    """The compiled conditions of groups and plain texts, with what each looks at."""
    for item in items:
        group = ConditionGroup(conditions=(item,)) if isinstance(item, str) else item
        mode, prefixed = group.error_mode or error_mode, not group.context
        for text in group.conditions:
            context = _context(signal, group.context, text)
            yield context, _compiled(text, context, mode, prefixed=prefixed)


def _compiled(text: str, context: Context, mode: ErrorMode, *, prefixed: bool) -> Condition:
    return ottl.condition(text, context, error_mode=mode, functions=CONVERTERS, prefixed=prefixed)


def _context(signal: Signal, name: str, text: str) -> Context:
    contexts = CONTEXTS[signal]
    if not name:
        return ottl.context_of(conditions=[text], contexts=contexts, functions=CONVERTERS)
    if name not in contexts:
        raise OttlError(f"{signal} have no context {name!r}; there are {', '.join(contexts)}")
    return Context(name)
