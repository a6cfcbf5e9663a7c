"""Matchers as SQL conditions on `metric_series`."""

from collections.abc import Sequence
from typing import Final

from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.promql.unquote import is_utf8

_SQL: Final = {
    MatchOp.EQUAL: "{subject} = {{{value}:String}}",
    MatchOp.NOT_EQUAL: "{subject} != {{{value}:String}}",
    MatchOp.REGEX: "match({subject}, {{{value}:String}})",
    MatchOp.NOT_REGEX: "NOT match({subject}, {{{value}:String}})",
}


def any_of(selectors: Sequence[Sequence[Matcher]]) -> tuple[str, dict[str, str]]:
    """`conditions` of which one is met; of none, every row meets them."""
    parts, params = [], {}
    for number, matchers in enumerate(selectors):
        part, values = conditions(matchers, prefix=f"selector_{number}_")
        parts.append(f"({part})")
        params.update(values)
    return " OR ".join(parts) or "true", params


def conditions(matchers: Sequence[Matcher], *, prefix: str = "") -> tuple[str, dict[str, str]]:
    """What `matchers` ask of a row of `metric_series`, and the parameters of that SQL.

    The parameters' names begin with `prefix`. A label that a series has not is '' in ClickHouse's
    maps as it is in Prometheus. Regular expressions are RE2 at both; they match the whole value,
    and `.` also a line break.
    """
    parts, params = [], {}
    for number, matcher in enumerate(matchers):
        value, name = f"{prefix}value_{number}", f"{prefix}name_{number}"
        if not is_utf8(matcher.value):
            # Bytes that are no text: no series has them, and regular expressions have none.
            parts.append(str(matcher.op is MatchOp.NOT_EQUAL).lower())
            continue
        subject = "name"
        if not is_utf8(matcher.name):
            subject = "''"
        elif matcher.name != METRIC_NAME:
            subject, params[name] = f"labels[{{{name}:String}}]", matcher.name
        is_regex = matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}
        params[value] = f"^(?s:{matcher.value})$" if is_regex else matcher.value
        parts.append(_SQL[matcher.op].format(subject=subject, value=value))
    return " AND ".join(parts) or "true", params
