"""Labels and annotations as attributes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from belvedere.collector.processors.k8s_attributes.config import FieldRule
from belvedere.collector.regex import compile_regex

_REFERENCE: Final = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
"""As in the templates of Go's regular expressions."""
_DEFAULT_NAMES: Final = {
    ("pod", "labels"): "k8s.pod.labels.{}",
    ("pod", "annotations"): "k8s.pod.annotations.{}",
    ("node", "labels"): "k8s.node.labels.{}",
    ("node", "annotations"): "k8s.node.annotations.{}",
    ("namespace", "labels"): "k8s.namespace.labels.{}",
    ("namespace", "annotations"): "k8s.namespace.annotations.{}",
}
"""The older names; of other objects, `k8s.deployment.label.{}` and the like."""


class Fields:
    """The rules for the labels, or for the annotations, of one kind of object."""

    def __init__(self, rules: Sequence[FieldRule], of: str, what: str) -> None:
        """Rules.

        Args:
            rules: all rules, of which those for `of` are used.
            of: `pod`, `namespace`, ...
            what: `labels` or `annotations`.
        """
        default = _DEFAULT_NAMES.get((of, what), f"k8s.{of}.{what.removesuffix('s')}.{{}}")
        self._by_key = {
            rule.key: rule.tag_name or default.format(rule.key)
            for rule in rules
            if rule.from_ == of and rule.key
        }
        self._by_regex = [
            (compile_regex(rule.key_regex), rule.tag_name)
            for rule in rules
            if rule.from_ == of and rule.key_regex
        ]
        self._default = default

    def __bool__(self) -> bool:
        """Whether there is any rule."""
        return bool(self._by_key or self._by_regex)

    def extract(self, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Attributes and their values."""
        for key, name in self._by_key.items():
            if key in values:
                yield name, values[key]
        for pattern, name in self._by_regex:
            for key, value in values.items():
                match = pattern.fullmatch(key)
                if match is not None and value:
                    yield (_expand(name, match) if name else self._default.format(key)), value


def _expand(template: str, match: Any) -> str:
    """The template with the groups of a match in place of `$1`, `${1}`, `$name`."""

    def group(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        try:
            found = match.group(int(name) if name.isdigit() else name)
        except (IndexError, KeyError):
            return ""
        return str(found or "")

    return _REFERENCE.sub(group, template)
