"""What an item is matched by, as a configuration writes it."""

from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.regex import compile_regex
from belvedere.otlp.any_value import any_value
from belvedere.otlp.signal import Signal

SPAN_KINDS: Final = (
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
)
"""By their numbers in OTLP."""

_SIGNALS: Final = {
    "services": {Signal.TRACES},
    "span_names": {Signal.TRACES},
    "span_kinds": {Signal.TRACES},
    "log_bodies": {Signal.LOGS},
    "log_severity_texts": {Signal.LOGS},
    "log_severity_number": {Signal.LOGS},
    "metric_names": {Signal.METRICS},
    "attributes": {Signal.TRACES, Signal.LOGS},
    "libraries": {Signal.TRACES, Signal.LOGS},
    "resources": set(Signal),
}
"""Key → the signals whose items have it."""
_TEXTS: Final = (
    "services",
    "span_names",
    "span_kinds",
    "log_bodies",
    "log_severity_texts",
    "metric_names",
)


class RegexpSettings(ComponentConfig):
    """`regexp`: settings of `match_type: regexp`."""

    cacheenabled: bool = Field(False, description="Whether outcomes are remembered.")
    cachemaxnumentries: int = Field(
        0, ge=0, description="Outcomes remembered for each expression; 0: any number."
    )


class AttributeProperty(ComponentConfig):
    """An entry of `attributes` or `resources`."""

    key: str = Field(min_length=1, description="The attribute's key.")
    value: Any = Field(
        None, description="Its value, which for regexp is an expression; without one: any value."
    )


class LibraryProperty(ComponentConfig):
    """An entry of `libraries`."""

    name: str = Field(description="Name of the instrumentation scope.")
    version: str | None = Field(None, description="Its version; without one: any version.")


class SeverityNumberProperty(ComponentConfig):
    """`log_severity_number`."""

    min: int = Field(0, ge=0, le=24, description="The least severity that matches.")
    match_undefined: bool = Field(
        False, description="Whether records without a severity number match."
    )


class MatchProperties(ComponentConfig):
    """`include` or `exclude`: an item matches if all properties that are written match."""

    match_type: Literal["strict", "regexp"] = Field(
        description="strict: values are equal; regexp: an expression matches a part of the value."
    )
    regexp: RegexpSettings = Field(
        default_factory=RegexpSettings, description="Settings of the match type regexp."
    )
    services: tuple[str, ...] = Field((), description="Spans: service.name is one of these.")
    span_names: tuple[str, ...] = Field((), description="Spans: the name is one of these.")
    span_kinds: tuple[str, ...] = Field(
        (), description="Spans: the kind is one of these, such as SPAN_KIND_SERVER."
    )
    log_bodies: tuple[str, ...] = Field((), description="Logs: the body is one of these.")
    log_severity_texts: tuple[str, ...] = Field(
        (), description="Logs: the severity text is one of these."
    )
    log_severity_number: SeverityNumberProperty | None = Field(
        None, description="Logs: the severity number is at least this."
    )
    metric_names: tuple[str, ...] = Field((), description="Metrics: the name is one of these.")
    attributes: tuple[AttributeProperty, ...] = Field(
        (), description="Spans and logs: all these attributes are there."
    )
    libraries: tuple[LibraryProperty, ...] = Field(
        (), description="Spans and logs: the instrumentation scope is one of these."
    )
    resources: tuple[AttributeProperty, ...] = Field(
        (), description="All these attributes of the resource are there."
    )

    @property
    def signals(self) -> frozenset[Signal]:
        """The signals whose items have all that is written."""
        return frozenset(Signal).intersection(*(_SIGNALS[key] for key in self._written))

    @property
    def _written(self) -> list[str]:
        return [key for key in _SIGNALS if getattr(self, key)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self._written:
            raise ValueError(f"at least one of {', '.join(_SIGNALS)} is required")
        if not self.signals:
            raise ValueError(f"no signal has {' and '.join(self._written)}")
        if self.match_type == "regexp":
            self._check_expressions()
        elif unknown := sorted({*self.span_kinds} - {*SPAN_KINDS}):
            raise ValueError(f"{unknown[0]!r} is none of the span kinds {', '.join(SPAN_KINDS)}")
        for each in (*self.attributes, *self.resources):
            any_value(each.value)
        return self

    def _check_expressions(self) -> None:
        for key in _TEXTS:
            for pattern in getattr(self, key):
                compile_regex(pattern)
        for library in self.libraries:
            compile_regex(library.name)
            compile_regex(library.version or "")
        for each in (*self.attributes, *self.resources):
            if each.value is None:
                continue
            if not isinstance(each.value, str):
                raise ValueError(f"for regexp, the value of {each.key} must be text (quote it)")  # noqa: TRY004 - pydantic turns ValueError alone into a validation error
            compile_regex(each.value)


class MatchConfig(ComponentConfig):
    """Base of configurations with `include` and `exclude`."""

    include: MatchProperties | None = Field(
        None, description="Only items that match are acted upon; without it, all."
    )
    exclude: MatchProperties | None = Field(
        None, description="Items that match are not acted upon, also if include has them."
    )

    @property
    def signals(self) -> frozenset[Signal]:
        """The signals whose items can be matched so."""
        properties = [each for each in (self.include, self.exclude) if each]
        return frozenset(Signal).intersection(*(each.signals for each in properties))

    @model_validator(mode="after")
    def _of_one_signal(self) -> Self:
        if not self.signals:
            raise ValueError("include and exclude name properties of different signals")
        return self
