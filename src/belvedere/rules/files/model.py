"""What is in a rule file: the keys are Prometheus's."""

from typing import Any

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.rules.duration import DurationMs


class Keys(ComponentConfig):
    """A mapping in which a key with nothing after it is as good as no key, as upstream."""

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: each for key, each in value.items() if each is not None}
        return value


class Rule(Keys):
    """A recording rule (`record`) or an alerting rule (`alert`)."""

    record: str = ""
    """The name of the series that the expression's value becomes."""
    alert: str = ""
    """The name of the alert that each series of the expression's value is."""
    expr: str = ""
    """PromQL."""
    for_: DurationMs = Field(0, alias="for")
    """How long an alert is pending before it fires."""
    keep_firing_for: DurationMs = 0
    """How long an alert goes on firing after its condition has ended."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Of an alerting rule, templates."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Templates."""

    @property
    def name(self) -> str:
        """Of the alert or the series."""
        return self.alert or self.record


class RuleGroup(Keys):
    """Rules that are evaluated one after another, at the same times."""

    name: str = ""
    interval: DurationMs = 0
    """0: that of the server."""
    query_offset: DurationMs | None = None
    """How far in the past queries look, for data that comes late; None: that of the server."""
    limit: int = 0
    """Of series or alerts that each of the rules may give; 0: none."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Of all rules; those of a rule go before."""
    rules: list[Rule] = Field(default_factory=list)


class RuleFile(Keys):
    """A rule file."""

    groups: list[RuleGroup] = Field(default_factory=list)
