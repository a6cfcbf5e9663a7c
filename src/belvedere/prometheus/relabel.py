"""Relabelling: `relabel_configs`, `metric_relabel_configs`, after Prometheus's `model/relabel`."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import re2

from belvedere.prometheus.errors import PrometheusError

LEGACY_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TARGET_TEMPLATE: Final = re.compile(r"(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+")
_REFERENCE: Final = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))", re.ASCII)
_MEMO_SIZE: Final = 4096

DEFAULT_REGEX: Final = "(.*)"
DEFAULT_REPLACEMENT: Final = "$1"


class Action(StrEnum):
    """What a rule does."""

    REPLACE = "replace"
    KEEP = "keep"
    DROP = "drop"
    KEEP_EQUAL = "keepequal"
    DROP_EQUAL = "dropequal"
    HASH_MOD = "hashmod"
    LABEL_MAP = "labelmap"
    LABEL_DROP = "labeldrop"
    LABEL_KEEP = "labelkeep"
    LOWERCASE = "lowercase"
    UPPERCASE = "uppercase"


_NEED_TARGET: Final = frozenset(
    {
        Action.REPLACE,
        Action.HASH_MOD,
        Action.LOWERCASE,
        Action.UPPERCASE,
        Action.KEEP_EQUAL,
        Action.DROP_EQUAL,
    }
)
_REGEX_ALONE: Final = frozenset({Action.LABEL_DROP, Action.LABEL_KEEP})
_PLAIN_TARGET: Final = frozenset(
    {Action.HASH_MOD, Action.LOWERCASE, Action.UPPERCASE, Action.KEEP_EQUAL, Action.DROP_EQUAL}
)
_CHANGE_CASE: Final = frozenset({Action.LOWERCASE, Action.UPPERCASE})
_NO_REGEX: Final = frozenset({Action.KEEP_EQUAL, Action.DROP_EQUAL})


class RelabelError(PrometheusError, ValueError):
    """A rule makes no sense; the message names its key."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `relabel_configs`.

    Raises:
        RelabelError: a key is missing, or one that the action does not use is there.
    """

    action: Action = Action.REPLACE
    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = DEFAULT_REGEX
    modulus: int = 0
    target_label: str = ""
    replacement: str = DEFAULT_REPLACEMENT
    pattern: Any = field(init=False, repr=False, compare=False)
    """`regex`, compiled."""

    def __post_init__(self) -> None:
        """Check the rule, and compile its expression once."""
        object.__setattr__(self, "pattern", compiled(self.regex))
        if self.action in _NEED_TARGET and not self.target_label:
            raise RelabelError(f"target_label is required for the action {self.action}")
        if self.action is Action.HASH_MOD and self.modulus <= 0:
            raise RelabelError("modulus is required for the action hashmod, above 0")
        if self.action in _PLAIN_TARGET and not LEGACY_LABEL_NAME.fullmatch(self.target_label):
            raise RelabelError(
                f"target_label {self.target_label!r} is no label name, which {self.action} needs"
            )
        if self.action is Action.REPLACE and not _TARGET_TEMPLATE.fullmatch(self.target_label):
            raise RelabelError(f"target_label {self.target_label!r} can become no label name")
        if self.action is Action.LABEL_MAP and not _TARGET_TEMPLATE.fullmatch(self.replacement):
            raise RelabelError(f"replacement {self.replacement!r} can become no label name")
        self._refuse_unused()

    def _refuse_unused(self) -> None:
        unused: dict[str, bool] = {}
        if self.action in _REGEX_ALONE:
            unused = {
                "source_labels": bool(self.source_labels),
                "target_label": bool(self.target_label),
                "modulus": bool(self.modulus),
                "separator": self.separator != ";",
                "replacement": self.replacement != DEFAULT_REPLACEMENT,
            }
        elif self.action in _NO_REGEX:
            unused = {
                "regex": self.regex != DEFAULT_REGEX,
                "modulus": bool(self.modulus),
                "separator": self.separator != ";",
                "replacement": self.replacement != DEFAULT_REPLACEMENT,
            }
        elif self.action in _CHANGE_CASE:
            unused = {"replacement": self.replacement != DEFAULT_REPLACEMENT}
        if named := ", ".join(key for key, is_set in unused.items() if is_set):
            raise RelabelError(f"the action {self.action} does not use {named}; remove it")

    def apply(self, labels: dict[str, str]) -> bool:
        """Change labels in place. False: whatever they belong to is dropped."""
        return _APPLY[self.action](self, labels)

    def source(self, labels: Mapping[str, str]) -> str:
        """The values of `source_labels`, joined."""
        return self.separator.join([labels.get(name, "") for name in self.source_labels])


def relabel(labels: Mapping[str, str], rules: Iterable[Rule]) -> dict[str, str] | None:
    """Labels after all rules, without empty values; None: dropped by one of them."""
    result = dict(labels)
    for rule in rules:
        if not rule.apply(result):
            return None
    return {name: value for name, value in result.items() if value}


@lru_cache(_MEMO_SIZE)
def compiled(regex: str) -> Any:
    """An RE2 expression that must match a whole text, where `.` matches line ends, too.

    Raises:
        RelabelError: it is none.
    """
    return search(f"^(?:{regex})$")


def search(regex: str) -> Any:
    """An RE2 expression as it is, to be searched for.

    Raises:
        RelabelError: it is none.
    """
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        return re2.compile(regex, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise RelabelError(f"regex {regex!r} is no RE2 expression: {text}") from None


def _replace(rule: Rule, labels: dict[str, str]) -> bool:
    match = rule.pattern.fullmatch(rule.source(labels))
    if match is None:
        return True
    target = _expanded(match, rule.target_label)
    if LEGACY_LABEL_NAME.fullmatch(target):
        _set(labels, target, _expanded(match, rule.replacement))
    return True


def _set(labels: dict[str, str], name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def _expanded(match: Any, template: str) -> str:
    """A template with `$1`, `${1}`, `${name}` filled in as Go's regexp does; `$$` is `$`.

    A group that there is not, or that took no part, is empty.
    """
    if "$" not in template:
        return template

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            found = match.group(int(name) if name.isdigit() else name)
        except (IndexError, KeyError):
            return ""
        return found or ""

    return _REFERENCE.sub(group, template)


def _matches(rule: Rule, text: str) -> bool:
    return rule.pattern.fullmatch(text) is not None


def _hash_mod(rule: Rule, labels: dict[str, str]) -> bool:
    """The last eight bytes of the MD5, big-endian, as Prometheus."""
    digest = hashlib.md5(rule.source(labels).encode(), usedforsecurity=False).digest()
    labels[rule.target_label] = str(int.from_bytes(digest[8:], "big") % rule.modulus)
    return True


def _label_map(rule: Rule, labels: dict[str, str]) -> bool:
    for name, value in list(labels.items()):
        match = rule.pattern.fullmatch(name)
        if match is not None and (target := _expanded(match, rule.replacement)):
            _set(labels, target, value)
    return True


def _without(labels: dict[str, str], is_dropped: Callable[[str], bool]) -> bool:
    for name in [name for name in labels if is_dropped(name)]:
        del labels[name]
    return True


def _change_case(rule: Rule, labels: dict[str, str]) -> bool:
    text = rule.source(labels)
    _set(
        labels, rule.target_label, text.lower() if rule.action is Action.LOWERCASE else text.upper()
    )
    return True


_APPLY: Final[Mapping[Action, Callable[[Rule, dict[str, str]], bool]]] = {
    Action.REPLACE: _replace,
    Action.KEEP: lambda rule, labels: _matches(rule, rule.source(labels)),
    Action.DROP: lambda rule, labels: not _matches(rule, rule.source(labels)),
    Action.KEEP_EQUAL: lambda rule, labels: (
        rule.source(labels) == labels.get(rule.target_label, "")
    ),
    Action.DROP_EQUAL: lambda rule, labels: (
        rule.source(labels) != labels.get(rule.target_label, "")
    ),
    Action.HASH_MOD: _hash_mod,
    Action.LABEL_MAP: _label_map,
    Action.LABEL_DROP: lambda rule, labels: _without(labels, lambda name: _matches(rule, name)),
    Action.LABEL_KEEP: lambda rule, labels: _without(labels, lambda name: not _matches(rule, name)),
    Action.LOWERCASE: _change_case,
    Action.UPPERCASE: _change_case,
}
