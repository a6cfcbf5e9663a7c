"""Messages to OTLP/JSON: the other way of `json.py`, with the same three differences to protobuf.

Fields that are not set are left out, 64-bit integers are strings, as the Collector writes them.
"""

import base64
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from belvedere.otlp.json import HEX_FIELDS
from belvedere.otlp.signal import ExportRequest

_Writer: TypeAlias = Callable[[Any], Any]
"""From a field's value to what orjson writes."""


def json_bytes(message: ExportRequest) -> bytes:
    """A request as one line of OTLP/JSON in UTF-8, without its end."""
    return orjson.dumps(_message_writer(type(message).DESCRIPTOR)(message))


@cache
def _message_writer(descriptor: Descriptor) -> _Writer:
    fields: dict[int, tuple[str, _Writer]] = {}

    def write(message: Any) -> dict[str, Any]:
        if not fields:  # now and not at once: messages contain themselves
            fields.update({field.number: _field(field) for field in descriptor.fields})
        result = {}
        for field, value in message.ListFields():
            name, writer = fields[field.number]
            result[name] = writer(value)
        return result

    return write


def _field(field: FieldDescriptor) -> tuple[str, _Writer]:
    if field.message_type is not None:
        writer = _message_writer(field.message_type)
    elif field.name in HEX_FIELDS and field.type == FieldDescriptor.TYPE_BYTES:
        writer = bytes.hex
    else:
        writer = _SCALARS.get(field.type, _as_it_is)
    return field.json_name, _list_writer(writer) if field.is_repeated else writer


def _list_writer(write: _Writer) -> _Writer:
    return lambda values: [write(value) for value in values]


def _as_it_is(value: Any) -> Any:
    return value


def _double(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_SCALARS: Final[Mapping[int, _Writer]] = {
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_INT64: str,
    FieldDescriptor.TYPE_UINT64: str,
    FieldDescriptor.TYPE_FIXED64: str,
    FieldDescriptor.TYPE_SFIXED64: str,
    FieldDescriptor.TYPE_SINT64: str,
    FieldDescriptor.TYPE_BYTES: _base64,
}
