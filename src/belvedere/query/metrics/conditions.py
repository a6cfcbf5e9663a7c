"""Matchers as SQL conditions on `metric_series`."""

from collections.abc import Sequence
from typing import Final

from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.matcher import Matcher, MatchOp

_SQL: Final = {
    MatchOp.EQUAL: "{subject} = {{{value}:String}}",
    MatchOp.NOT_EQUAL: "{subject} != {{{value}:String}}",
    MatchOp.REGEX: "match({subject}, {{{value}:String}})",
    MatchOp.NOT_REGEX: "NOT match({subject}, {{{value}:String}})",
}


def conditions(matchers: Sequence[Matcher]) -> tuple[str, dict[str, str]]:
    """What `matchers` ask of a row of `metric_series`, and the parameters of that SQL.

    A label that a series has not is '' in ClickHouse's maps as it is in Prometheus. Regular
    expressions are RE2 at both; they match the whole value, and `.` also a line break.
    """
    parts, params = [], {}
    for number, matcher in enumerate(matchers):
        value, name = f"value_{number}", f"name_{number}"
        subject = "name"
        if matcher.name != METRIC_NAME:
            subject, params[name] = f"labels[{{{name}:String}}]", matcher.name
        is_regex = matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}
        params[value] = f"^(?s:{matcher.value})$" if is_regex else matcher.value
        parts.append(_SQL[matcher.op].format(subject=subject, value=value))
    return " AND ".join(parts) or "true", params
