"""`include` and `exclude`, the older form of `filter`: what is not included, or excluded, goes."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, ValidationError

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
    """INFO and info are 9, INFO2 is 10."""
    if isinstance(value, str) and value:
        value = value.upper()
        name, number = (value[:-1], value[-1]) if value[-1] in "234" else (value, "1")
        if name in _SEVERITIES:
            return 4 * _SEVERITIES.index(name) + int(number)
    return value


_MatchType = Annotated[Literal["strict", "regexp"] | None, BeforeValidator(_no_expr)]
_MATCH_TYPE: Final = (
    "strict: equal; regexp: a part of it matches. Required if there is text to match."
)


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

    match_type: _MatchType = Field(None, description=_MATCH_TYPE)
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

    def properties(self) -> MatchProperties | None:
        """The same, as processors with include and exclude have it; None: nothing is written.

        Raises:
            ValueError: if match_type is missing, or an expression is not valid.
        """
        written = [key for key in _LOG_PROPERTIES if getattr(self, key)]
        if not written:
            return None
        severity = self.severity_number
        return _properties(
            match_type=self.match_type or ("strict" if written == ["severity_number"] else None),
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

    match_type: _MatchType = Field(None, description=_MATCH_TYPE)
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
        return _properties(match_type=self.match_type, regexp=self.regexp, **{key: wanted})


_LOG_PROPERTIES: Final = (
    "resource_attributes",
    "record_attributes",
    "severity_texts",
    "severity_number",
    "bodies",
)


def _properties(**written: Any) -> MatchProperties:
    """The properties.

    Raises:
        ValueError: if they are not valid: with the first reason alone, for a validator's message.
    """
    if written["match_type"] is None:
        raise ValueError("missing match_type: expected strict or regexp, as there is text to match")
    try:
        return MatchProperties.model_validate(written)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(reason) from None


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
