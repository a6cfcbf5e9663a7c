"""Attributes and values as OTLP's `KeyValue` and `AnyValue`.

Content equals that of the stock exporter's encoder: an attribute whose value OTLP cannot hold
(an integer beyond 64 bits, text that is not Unicode) is left out, the others stay.
"""

import logging
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Final

from belvedere.sdk.export.wire import length_delimited, varint

_log = logging.getLogger("belvedere.sdk")
_DOUBLE: Final = Struct("<cd")
_INT64: Final = range(-(1 << 63), 1 << 63)
_CACHED_TEXT: Final = 128
"""Characters up to which a text is remembered: names and ids, not prompts."""
_CACHED_ITEMS: Final = 4096


def any_value(value: object) -> bytes:  # noqa: PLR0911 - AnyValue has seven kinds
    """The content of an `AnyValue` message.

    Raises:
        ValueError: OTLP cannot hold the value.
        TypeError: it is of no type that OTLP has.
    """
    if isinstance(value, str):
        return length_delimited(b"\x0a", value.encode())
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        if value not in _INT64:
            raise ValueError(f"{value} does not fit 64 bits")
        return b"\x18" + varint(value)
    if isinstance(value, float):
        return _DOUBLE.pack(b"\x21", value)
    if isinstance(value, bytes):
        return length_delimited(b"\x3a", value)
    if isinstance(value, Sequence):
        items = b"".join(length_delimited(b"\x0a", any_value(item)) for item in value)
        return length_delimited(b"\x2a", items)
    if isinstance(value, Mapping):
        items = b"".join(_key_value(b"\x0a", str(key), item) for key, item in value.items())
        return length_delimited(b"\x32", items)
    raise TypeError(f"{type(value).__name__} is no attribute value")


def _key_value(tag: bytes, key: str, value: object) -> bytes:
    return length_delimited(
        tag, length_delimited(b"\x0a", key.encode()) + length_delimited(b"\x12", any_value(value))
    )


class AttributeEncoder:
    """Encodes attributes as the repeated `KeyValue` field of one message.

    Most attributes of an application repeat from span to span, so their bytes are remembered, in
    bounded tables. They are kept apart by type: `1`, `1.0` and `True` are one key of a dictionary.

    Args:
        tag: the field's tag in the message that has the attributes.
    """

    def __init__(self, tag: bytes) -> None:
        self._tag = tag
        self._remembered: dict[type, dict[tuple[str, Any], bytes]] = {str: {}, int: {}, bool: {}}

    def encode(self, attributes: Mapping[str, Any] | None, to: list[bytes]) -> None:
        """Append the fields to `to`."""
        if not attributes:
            return
        remembered = self._remembered
        for key, value in attributes.items():
            table = remembered.get(type(value))
            if table is not None:
                encoded = table.get((key, value))
                if encoded is not None:
                    to.append(encoded)
                    continue
            try:
                encoded = _key_value(self._tag, key, value)
            except (ValueError, TypeError, RecursionError) as error:
                _log.debug("attribute %r is left out: %s", key, error)
                continue
            to.append(encoded)
            if table is not None and (type(value) is not str or len(value) <= _CACHED_TEXT):
                if len(table) >= _CACHED_ITEMS:
                    table.clear()
                table[key, value] = encoded
