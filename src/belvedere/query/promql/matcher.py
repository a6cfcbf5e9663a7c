"""A condition on one label, as selectors have them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from belvedere.query.go_format import quote
from belvedere.query.promql.regex import compile_anchored

_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


class MatchOp(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name op value`. Regular expressions are anchored; `.` matches newlines, as upstream.

    A label that a series does not have is the empty string.

    Raises:
        BadRegexError: on construction, `value` is no regular expression of RE2.
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
        pattern = compile_anchored(value)
        if self.op is MatchOp.REGEX:
            return lambda text: pattern.search(text) is not None
        return lambda text: pattern.search(text) is None

    def __str__(self) -> str:
        name = self.name if _PLAIN_NAME.match(self.name) else quote(self.name)
        return f"{name}{self.op}{quote(self.value)}"
