"""`include` and `exclude`, the older form of `filter`: what is not included, or excluded, goes."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.ottl import Condition, Context, Record
from belvedere.collector.processors.matching.matcher import Matcher
from belvedere.collector.processors.matching.properties import (
    AttributeProperty,
    MatchConfig,
    MatchProperties,
    RegexpSettings,
    SeverityNumberProperty,
)

_SEVERITIES: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def _no_expr(value: Any) -> Any:
    if value == "expr":
        raise ValueError(
            "expr is not supported: write what is to be dropped as OTTL conditions, such as"
            ' metric: [name == "x"] or datapoint: [attributes["y"] == "z"]'
        )
    return value


def _severity(value: Any) -> Any:
    """INFO is 9, INFO2 is 10."""
    if isinstance(value, str) and value:
        name, number = (value[:-1], value[-1]) if value[-1] in "234" else (value, "1")
        if name in _SEVERITIES:
            return 4 * _SEVERITIES.index(name) + int(number)
    return value


_MatchType = Annotated[Literal["strict", "regexp"], BeforeValidator(_no_expr)]


class Severity(ComponentConfig):
    """`severity_number` of a match."""

    min: Annotated[int, BeforeValidator(_severity)] = Field(
        0, ge=0, le=24, description="The least severity that matches, such as INFO or 9."
    )
    match_undefined: bool = Field(
        False, description="Whether records without a severity number match."
    )


class LogMatch(ComponentConfig):
    """`logs::include` and `logs::exclude`: all that is written must match."""

    match_type: _MatchType = Field(description="strict: equal; regexp: a part of it matches.")
    resource_attributes: tuple[AttributeProperty, ...] = Field(
        (), description="All these attributes of the resource are there."
    )
    record_attributes: tuple[AttributeProperty, ...] = Field(
        (), description="All these attributes of the record are there."
    )
    severity_texts: tuple[str, ...] = Field((), description="The severity text is one of these.")
    severity_number: Severity | None = Field(
        None, description="The severity number is at least this."
    )
    bodies: tuple[str, ...] = Field((), description="The body is one of these.")

    def properties(self) -> MatchProperties:
        """The same, as processors with include and exclude have it."""
        severity = self.severity_number
        return MatchProperties(
            match_type=self.match_type,
            resources=self.resource_attributes,
            attributes=self.record_attributes,
            log_severity_texts=self.severity_texts,
            log_severity_number=SeverityNumberProperty(**severity.model_dump())
            if severity
            else None,
            log_bodies=self.bodies,
        )


class MetricMatch(ComponentConfig):
    """`metrics::include` and `metrics::exclude`: names and resources are looked at one by one."""

    match_type: _MatchType = Field(description="strict: equal; regexp: a part of it matches.")
    regexp: RegexpSettings = Field(
        default_factory=RegexpSettings, description="Settings of the match type regexp."
    )
    metric_names: tuple[str, ...] = Field((), description="The name is one of these; none: any.")
    resource_attributes: tuple[AttributeProperty, ...] = Field(
        (), description="All these attributes of the resource are there; none: any."
    )

    def of_names(self) -> MatchProperties | None:
        """The match of names; None: none is written."""
        return self._of("metric_names", self.metric_names)

    def of_resources(self) -> MatchProperties | None:
        """The match of resources; None: none is written."""
        return self._of("resources", self.resource_attributes)

    def _of(self, key: str, wanted: tuple[Any, ...]) -> MatchProperties | None:
        if not wanted:
            return None
        return MatchProperties.model_validate(
            {"match_type": self.match_type, "regexp": self.regexp, key: wanted}
        )


def drops_of_spans(config: MatchConfig) -> Mapping[Context, Condition]:
    """The condition that drops spans."""
    return {Context.SPAN: _drops(config, lambda record: record.span)}


def drops_of_logs(
    include: LogMatch | None, exclude: LogMatch | None
) -> Mapping[Context, Condition]:
    """The condition that drops log records."""
    config = MatchConfig(
        include=include and include.properties(), exclude=exclude and exclude.properties()
    )
    return {Context.LOG: _drops(config, lambda record: record.log)}


def drops_of_metrics(
    include: MetricMatch | None, exclude: MetricMatch | None
) -> Mapping[Context, Condition]:
    """The conditions that drop resources, and metrics."""
    resources = Matcher(
        MatchConfig(
            include=include and include.of_resources(), exclude=exclude and exclude.of_resources()
        )
    )
    names = MatchConfig(
        include=include and include.of_names(), exclude=exclude and exclude.of_names()
    )
    return {
        Context.RESOURCE: lambda record: resources.of_scope(record.resource.resource, None) is None,
        Context.METRIC: _drops(names, lambda record: record.metric),
    }


def _drops(config: MatchConfig, item: Callable[[Record], Any]) -> Condition:
    """Whether a record's item is not what a configuration keeps."""
    matcher, scope, keeps = Matcher(config), None, None

    def drops(record: Record) -> bool:
        nonlocal scope, keeps
        if record.scope is not scope:  # of a scope's items, what it says is the same
            scope = record.scope
            keeps = matcher.of_scope(record.resource.resource, scope.scope)
        return keeps is None or not keeps(item(record))

    return drops
