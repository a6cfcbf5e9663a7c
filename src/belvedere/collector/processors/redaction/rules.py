"""The rules: what becomes of an attribute by its key, and of a text by its content."""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final

from belvedere.collector.processors.redaction.config import RedactionConfig
from belvedere.collector.processors.redaction.mask import mask_of
from belvedere.collector.processors.redaction.summary import SUMMARY_KEYS
from belvedere.collector.regex import compile_regex

_REMEMBERED_KEYS: Final = 4096
_LOOKS_AROUND: Final = ("^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z")
"""What an expression has that depends on what is beside the text. (Also in other meanings.)"""


class Fate(Enum):
    """What becomes of an attribute, as far as its key says."""

    IGNORE = auto()
    DELETE = auto()
    MASK = auto()
    LOOK = auto()
    """Its value decides."""


class Rules:
    """A configuration made ready."""

    def __init__(self, config: RedactionConfig) -> None:
        self._ignored = frozenset(config.ignored_keys)
        self._kept = None if config.allow_all_keys else SUMMARY_KEYS.union(config.allowed_keys)
        self._is_ignored = _any_matches(config.ignored_key_patterns)
        self._is_blocked = _any_matches(config.blocked_key_patterns)
        self._blocked = [compile_regex(pattern) for pattern in config.blocked_values]
        self._any_blocked = _any_matches(config.blocked_values)
        self._may_be_in_bytes = _any_in_bytes(config)
        self._has_allowed = bool(config.allowed_values)
        self.fate: Callable[[str], Fate] = lru_cache(_REMEMBERED_KEYS)(self._fate)
        self.is_allowed = _any_matches(config.allowed_values)
        self.mask = mask_of(config)
        self.all_types = config.redact_all_types

    def may_find(self, data: bytes) -> bool:
        """Whether a value in serialized telemetry may be blocked or allowed. False is certain.

        Texts stand in it as they are, so an expression that does not look around finds in it
        what it finds in a value.
        """
        return self._has_allowed or self._may_be_in_bytes(data)

    def masked(self, text: str) -> str:
        """The text with its blocked parts masked."""
        if self._any_blocked(text):
            for pattern in self._blocked:
                text = pattern.sub(lambda match: self.mask(match.group(0)), text)
        return text

    def _fate(self, key: str) -> Fate:
        if key in self._ignored or self._is_ignored(key):
            return Fate.IGNORE
        if self._kept is not None and key not in self._kept:
            return Fate.DELETE
        return Fate.MASK if self._is_blocked(key) else Fate.LOOK


def _any_matches(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether one of the expressions matches a part of a text."""
    searches = _searches(patterns)
    if not searches:
        return lambda _: False
    if len(searches) == 1:
        (search,) = searches
        return lambda text: search(text) is not None
    return lambda text: any(search(text) is not None for search in searches)


def _any_in_bytes(config: RedactionConfig) -> Callable[[bytes], bool]:
    patterns = config.blocked_values
    if patterns and config.redact_all_types:  # texts of numbers do not stand in the bytes
        return lambda _: True
    if any(sign in pattern for pattern in patterns for sign in _LOOKS_AROUND):
        return lambda _: True
    searches = _searches(patterns)
    return lambda data: any(search(data) is not None for search in searches)


def _searches(patterns: Iterable[str]) -> list[Callable[[Any], Any]]:
    """As few searches as have the same outcome: one for all, unless names of groups clash."""
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    try:
        return [compile_regex(joined).search] if joined else []
    except ValueError:
        return [compile_regex(pattern).search for pattern in patterns]
