"""Regular expressions of configurations: RE2, as in the Collector, in time linear to the text."""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Final

import re2
from pydantic import AfterValidator

_CACHED: Final = 4096
"""Texts whose outcome `cached_search` remembers: attribute keys, not values."""


def compile_regex(pattern: str) -> Any:
    """A compiled expression, with the methods of `re.Pattern`.

    Raises:
        ValueError: it is none in RE2's syntax; the message shows the expression and says why.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{pattern!r} is no regular expression of RE2's syntax: {text}") from None


def search(pattern: str) -> Callable[[str], bool]:
    """Whether the expression matches a part of a text."""
    find = compile_regex(pattern).search
    return lambda text: find(text) is not None


def cached_search(pattern: str) -> Callable[[str], bool]:
    """The same, remembering outcomes: for keys, of which there are few."""
    return lru_cache(_CACHED)(search(pattern))


def _checked(pattern: str) -> str:
    compile_regex(pattern)
    return pattern


RegexText = Annotated[str, AfterValidator(_checked)]
"""A configuration field with a regular expression, which is valid."""
