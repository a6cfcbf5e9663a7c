"""Policies that look at one attribute of spans and resources."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.processors.attribute_actions.steps import find
from belvedere.collector.processors.tail_sampling.decision import Vote
from belvedere.collector.processors.tail_sampling.sections import (
    BooleanAttribute,
    NumericAttribute,
    StringAttribute,
)
from belvedere.collector.processors.tail_sampling.trace import Trace
from belvedere.collector.regex import search

_CACHE_SIZE: Final = 128


class AttributePolicy:
    """Whether any resource or span has the attribute with a value that matches."""

    def __init__(
        self, key: str, matches: Callable[[AnyValue], bool], *, invert_match: bool
    ) -> None:
        self._key, self._matches = key, matches
        self._found, self._not_found = (
            (Vote.INVERT_NOT_SAMPLED, Vote.INVERT_SAMPLED)
            if invert_match
            else (Vote.SAMPLED, Vote.NOT_SAMPLED)
        )

    def vote(self, trace: Trace) -> Vote:
        found = any(map(self._has, trace.resources)) or any(map(self._has, trace.spans))
        return self._found if found else self._not_found

    def _has(self, item: Any) -> bool:
        attribute = find(item.attributes, self._key)
        return attribute is not None and self._matches(attribute.value)


def string_attribute(section: StringAttribute) -> AttributePolicy:
    """Texts, of which the empty one never matches a value."""
    if section.enabled_regex_matching:
        searches = [search(pattern) for pattern in section.values]
        matches: Callable[[str], bool] = lru_cache(section.cache_max_size or _CACHE_SIZE)(
            lambda text: any(each(text) for each in searches)
        )
    else:
        matches = frozenset(filter(None, section.values)).__contains__
    return AttributePolicy(
        section.key,
        lambda value: value.string_value != "" and matches(value.string_value),
        invert_match=section.invert_match,
    )


def numeric_attribute(section: NumericAttribute) -> AttributePolicy:
    """Integers and doubles, bounds included."""
    least = section.min_value or -float("inf")
    most = section.max_value or float("inf")

    def matches(value: AnyValue) -> bool:
        kind = value.WhichOneof("value")
        if kind not in ("int_value", "double_value"):
            return False
        number: float = getattr(value, kind)
        return least <= number <= most

    return AttributePolicy(section.key, matches, invert_match=section.invert_match)


def boolean_attribute(section: BooleanAttribute) -> AttributePolicy:
    return AttributePolicy(
        section.key,
        lambda value: value.HasField("bool_value") and value.bool_value == section.value,
        invert_match=section.invert_match,
    )
