"""What is in a test file: the keys are promtool's."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from belvedere.rules.duration import DurationMs
from belvedere.rules.files.model import Keys


def _time_ms(value: Any) -> int:
    """Seconds since 1970, or RFC 3339."""
    text = str(value)
    try:
        return round(float(text) * 1000)
    except ValueError:
        return round(datetime.fromisoformat(text).timestamp() * 1000)


class InputSeries(Keys):
    """A series that rules and queries see."""

    series: str
    """`up{job="a"}`"""
    values: str
    """`1+2x3 _ stale {{sum:1 count:2}}`"""


class ExpectedAlert(Keys):
    """An alert that fires. The label `alertname` is understood."""

    exp_labels: dict[str, str] = Field(default_factory=dict)
    exp_annotations: dict[str, str] = Field(default_factory=dict)


class AlertTest(Keys):
    """All alerts of a name that fire at a time."""

    eval_time: DurationMs = 0
    alertname: str = ""
    exp_alerts: list[ExpectedAlert] = Field(default_factory=list)


class ExpectedSample(Keys):
    """A sample of a query's vector."""

    labels: str = ""
    value: float = 0.0
    histogram: str = ""


class QueryTest(Keys):
    """The vector of a query at a time."""

    expr: str
    eval_time: DurationMs = 0
    exp_samples: list[ExpectedSample] = Field(default_factory=list)


class TestGroup(Keys):
    """Series, and tests that see them."""

    __test__ = False  # pytest takes classes named Test… for its own

    name: str = ""
    interval: DurationMs = 0
    """Of the values of `input_series`; 0: the file's `evaluation_interval`."""
    input_series: list[InputSeries] = Field(default_factory=list)
    alert_rule_test: list[AlertTest] = Field(default_factory=list)
    promql_expr_test: list[QueryTest] = Field(default_factory=list)
    external_labels: dict[str, str] = Field(default_factory=dict)
    external_url: str = ""
    start_timestamp: Annotated[int, BeforeValidator(_time_ms)] = 0
    """Where time begins, in milliseconds since 1970; `eval_time` counts from there."""


class TestFile(Keys):
    """A test file."""

    __test__ = False  # see above

    rule_files: list[str] = Field(default_factory=list)
    """Names and globs, relative to the test file."""
    evaluation_interval: DurationMs = 60_000
    group_eval_order: list[str] = Field(default_factory=list)
    """Names of groups; those that are not named come first."""
    tests: list[TestGroup] = Field(default_factory=list)
    fuzzy_compare: bool = False
    """Whether the last bit of a value does not matter."""
