"""What an action does to the attributes of one item.

A step takes the repeated field of attributes and changes it. Of a key that is there twice, the
first one counts, as in the Collector; deleting takes all.
"""

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from belvedere.collector.processors.attribute_actions.convert import CONVERTERS

Step: TypeAlias = Callable[[Any], None]
Put: TypeAlias = Callable[[Any, str, AnyValue], None]
"""Gives the attribute with a key, among some, a value; or not, as the verb has it."""


def find(attributes: Any, key: str) -> KeyValue | None:
    """The attribute with that key."""
    for attribute in attributes:
        if attribute.key == key:
            found: KeyValue = attribute
            return found
    return None


def insert(attributes: Any, key: str, value: AnyValue) -> None:
    """Only where there is none."""
    if find(attributes, key) is None:
        attributes.add(key=key, value=value)


def update(attributes: Any, key: str, value: AnyValue) -> None:
    """Only where there is one."""
    attribute = find(attributes, key)
    if attribute is not None:
        attribute.value.CopyFrom(value)


def upsert(attributes: Any, key: str, value: AnyValue) -> None:
    """In any case."""
    attribute = find(attributes, key)
    if attribute is None:
        attributes.add(key=key, value=value)
    else:
        attribute.value.CopyFrom(value)


@dataclass(frozen=True, slots=True)
class Append:
    """For attributes that cannot have the key: they need be neither searched nor parsed."""

    pair: KeyValue

    def __call__(self, attributes: Any) -> None:
        """Put the attribute after the others."""
        attributes.append(self.pair)


def put(how: Put, key: str, value: AnyValue) -> Step:
    """The same value each time."""
    return lambda attributes: how(attributes, key, value)


def copy(how: Put, source: str, key: str, default: AnyValue | None) -> Step:
    """The value of another attribute."""

    def step(attributes: Any) -> None:
        found = find(attributes, source)
        value = default if found is None else found.value
        if value is not None:
            how(attributes, key, value)

    return step


def delete(matches: Callable[[str], bool]) -> Step:
    """Takes out all attributes whose keys match."""

    def step(attributes: Any) -> None:
        for index in range(len(attributes) - 1, -1, -1):
            if matches(attributes[index].key):
                del attributes[index]

    return step


def hash_values(matches: Callable[[str], bool]) -> Step:
    """Puts hashes in the place of the values of all attributes whose keys match."""

    def step(attributes: Any) -> None:
        for attribute in attributes:
            if matches(attribute.key):
                _hash(attribute.value)

    return step


def extract(key: str, pattern: Any) -> Step:
    """Puts what the groups of a pattern find in a text into attributes of their names."""
    names = tuple(pattern.groupindex)

    def step(attributes: Any) -> None:
        source = find(attributes, key)
        if source is None or not source.value.HasField("string_value"):
            return
        match = pattern.search(source.value.string_value)
        if match is None:
            return
        for name in names:
            upsert(attributes, name, AnyValue(string_value=match.group(name) or ""))

    return step


def convert(key: str, converted_type: str) -> Step:
    """Gives the value another type, if it can have it."""
    converter = CONVERTERS[converted_type]

    def step(attributes: Any) -> None:
        attribute = find(attributes, key)
        if attribute is not None:
            converter(attribute.value)

    return step


def _hash(value: AnyValue) -> None:
    """SHA-256 in hexadecimal digits; of lists, maps and bytes an empty text, as in the Collector.

    Its documentation still says SHA-1, which it has left behind.
    """
    as_bytes = _HASHED.get(value.WhichOneof("value") or "")
    value.string_value = hashlib.sha256(as_bytes(value)).hexdigest() if as_bytes else ""


_HASHED: Final[Mapping[str, Callable[[AnyValue], bytes]]] = {
    "string_value": lambda value: value.string_value.encode(),
    "bool_value": lambda value: bytes([value.bool_value]),
    "int_value": lambda value: struct.pack("<q", value.int_value),
    "double_value": lambda value: struct.pack("<d", value.double_value),
}
