"""Patterns of attribute names, as the Collector's glob library has them, with `.` as separator."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    r"(?P<escaped>\\.)|(?P<any>\*\*)|(?P<some>\*)|(?P<one>\?)"
    r"|(?P<class>\[!?[^\]]+\])|(?P<open>\{)|(?P<comma>,)|(?P<close>\})|(?P<text>.)",
    re.DOTALL,
)
_PLAIN: Final = {"any": ".*", "some": r"[^.]*", "one": r"[^.]"}


def regex_of(pattern: str) -> re.Pattern[str]:
    r"""The regular expression of a pattern; whole names are to match it.

    `*` is any text without dots, `**` any text, `?` one character but a dot, `[abc]`, `[a-z]` and
    `[!abc]` one character, `{a,b}` one of several patterns; a backslash takes its meaning away.

    Raises:
        ValueError: a brace or bracket is not closed.

    >>> bool(regex_of("k8s.*.name").fullmatch("k8s.pod.name"))
    True
    >>> bool(regex_of("k8s.*.name").fullmatch("k8s.pod.label.name"))
    False
    """
    parts, depth = [], 0
    for match in _TOKEN.finditer(pattern):
        kind, text = match.lastgroup or "text", match[0]
        if kind in _PLAIN:
            parts.append(_PLAIN[kind])
        elif kind == "class":
            inner = text[1:-1]
            negated = inner.startswith("!")
            parts.append(f"[{'^' if negated else ''}{_escaped_class(inner[negated:])}]")
        elif kind == "open":
            depth += 1
            parts.append("(?:")
        elif kind == "close" and depth:
            depth -= 1
            parts.append(")")
        elif kind == "comma" and depth:
            parts.append("|")
        elif text == "[":
            raise ValueError(f"the pattern {pattern!r} has a bracket that is not closed")
        else:
            parts.append(re.escape(text[-1]))
    if depth:
        raise ValueError(f"the pattern {pattern!r} has a brace that is not closed")
    return re.compile("".join(parts), re.DOTALL)


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a name matches one of the patterns; outcomes are remembered, names are few."""
    compiled = [regex_of(pattern) for pattern in patterns]
    return lru_cache(4096)(lambda name: any(each.fullmatch(name) for each in compiled))


def _escaped_class(text: str) -> str:
    return re.sub(r"[\\\[\]^&|~]", r"\\\g<0>", text)
