"""Regular expressions of PromQL: RE2, anchored, `.` matches newlines, errors in Go's words."""

from typing import Any, Final

import re2

from belvedere.query.promql.errors import PromQLError
from belvedere.query.promql.unquote import is_utf8

# RE2's word for what is wrong with a regular expression → Go's.
_REASONS: Final = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
_MAX_DEPTH: Final = 1000
"""Go's bound of how deep expressions stand in each other. RE2 has none, and takes memory by the
square of the depth."""
_MAX_GROUPS: Final = 1000
_SHOWN: Final = 100


class BadRegexError(PromQLError):
    """A regular expression that Go and RE2 do not take; the message is Go's."""


def compile_anchored(expression: str, *, groups: bool = False) -> Any:
    """The pattern whose `search` finds texts that the expression matches as a whole.

    Args:
        expression: in RE2's syntax.
        groups: what its groups match is of interest.

    Raises:
        BadRegexError: it is none, or takes too much.
    """
    if not is_utf8(expression):
        raise _bad("invalid UTF-8", expression)
    if _depth(expression) > _MAX_DEPTH:
        raise _bad("expression nests too deeply", expression)
    options = re2.Options()
    options.log_errors = False
    options.never_capture = not groups
    try:
        pattern = re2.compile(f"^(?s:{expression})$", options)
    except re2.error as failure:
        raise BadRegexError(_message(failure)) from None
    if groups and pattern.groups > _MAX_GROUPS:
        raise _bad("expression too large", expression)
    return pattern


def _depth(expression: str) -> int:
    """How deep parentheses stand in each other, or more: those in classes count as well."""
    if expression.count("(") <= _MAX_DEPTH:
        return 0
    depth = deepest = 0
    escaped = False
    for character in expression:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")":
            depth -= 1
    return deepest


def _bad(reason: str, expression: str) -> BadRegexError:
    shown = expression if len(expression) <= _SHOWN else f"{expression[:_SHOWN]}…"
    return BadRegexError(f"error parsing regexp: {reason}: `{shown}`")


def _message(failure: Exception) -> str:
    """The text of Go's regexp package."""
    text = failure.args[0] if failure.args else ""
    reason, _, fragment = (text.decode() if isinstance(text, bytes) else str(text)).partition(": ")
    return f"error parsing regexp: {_REASONS.get(reason, reason)}: `{fragment}`"
