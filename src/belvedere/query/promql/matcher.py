"""A condition on one label, as selectors have them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import re2

from belvedere.query.go_format import quote
from belvedere.query.promql.errors import PromQLError

_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
# RE2's word for what is wrong with a regular expression → Go's.
_REASONS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}


class MatchOp(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class BadMatcherError(PromQLError):
    """A regular expression that RE2 does not take."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name op value`. Regular expressions are anchored; `.` matches newlines, as upstream.

    A label that a series does not have is the empty string.

    Raises:
        BadMatcherError: on construction, `value` is no regular expression of RE2.
    """

    name: str
    op: MatchOp
    value: str
    matches: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", self._predicate())

    def _predicate(self) -> Callable[[str], bool]:
        value = self.value
        if self.op is MatchOp.EQUAL:
            return lambda text: text == value
        if self.op is MatchOp.NOT_EQUAL:
            return lambda text: text != value
        options = re2.Options()
        options.log_errors = False
        try:
            pattern = re2.compile(f"^(?s:{value})$", options)
        except re2.error as failure:
            raise BadMatcherError(_message(failure)) from None
        if self.op is MatchOp.REGEX:
            return lambda text: pattern.search(text) is not None
        return lambda text: pattern.search(text) is None

    def matches_labels(self, labels: Mapping[str, str]) -> bool:
        return self.matches(labels.get(self.name, ""))

    def __str__(self) -> str:
        name = self.name if _PLAIN_NAME.match(self.name) else quote(self.name)
        return f"{name}{self.op}{quote(self.value)}"


def _message(failure: Exception) -> str:
    """The text of Go's regexp package."""
    text = failure.args[0] if failure.args else ""
    reason, _, fragment = (text.decode() if isinstance(text, bytes) else str(text)).partition(": ")
    return f"error parsing regexp: {_REASONS.get(reason, reason)}: `{fragment}`"
