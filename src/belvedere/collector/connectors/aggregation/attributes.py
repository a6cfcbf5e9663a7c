"""Attributes of resources and spans as connectors look at them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from belvedere.otlp.any_value import text_of

SERVICE_NAME: Final = "service.name"


def by_key(attributes: Iterable[KeyValue]) -> dict[str, AnyValue]:
    """Attributes by their keys; of one that is there twice, the first."""
    found: dict[str, AnyValue] = {}
    for pair in attributes:
        found.setdefault(pair.key, pair.value)
    return found


def service_name(resource: Any) -> str | None:
    """The service of a resource; None: it has none, or one that is no text."""
    for pair in resource.attributes:
        if pair.key == SERVICE_NAME:
            return text_of(pair.value)
    return None


def first_text(names: Iterable[str], *attributes: Mapping[str, AnyValue]) -> str | None:
    """The text of the first of `names` that any of `attributes` has, looked up in their order."""
    for name in names:
        for each in attributes:
            if name in each:
                return text_of(each[name])
    return None


def text_pair(key: str, value: str) -> KeyValue:
    """An attribute that is text."""
    return KeyValue(key=key, value=AnyValue(string_value=value))
