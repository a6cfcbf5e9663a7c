"""OTLP/JSON to messages, after "JSON Protobuf Encoding" of the OTLP specification.

It is the JSON mapping of protobuf with three differences: trace and span ids are hexadecimal (and
not base64), enums are integers, and field names are lowerCamelCase only. Unknown fields are
ignored. Readers of the fields are derived from the official descriptors, once.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from belvedere.otlp.density import check_json_density
from belvedere.otlp.errors import Malformed
from belvedere.otlp.signal import ExportRequest, Signal

_Reader: TypeAlias = Callable[[Any, int], Any]
"""From a JSON value, within so many messages, to what the message's constructor takes."""

_MAX_DEPTH: Final = 100
"""Messages within messages that protobuf's parsers read."""

_MAX_SHOWN_PATH: Final = 200

HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
"""Bytes that OTLP/JSON has as hexadecimal digits."""
_INTEGER: Final = re.compile(r"-?\d{1,20}", re.ASCII)
_URL_SAFE_TO_STANDARD: Final = str.maketrans("-_", "+/")


class _WrongValueError(Exception):
    """A value cannot be read; the way to it is put together on the way out."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path = ""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    """As the message's constructor calls it."""
    oneof: str
    """The group of which one field at most may be set; empty: none."""
    read: _Reader


def parse_json(signal: Signal, data: bytes) -> ExportRequest:
    """The request that an OTLP/JSON body stands for.

    Raises:
        Malformed: it is no JSON in UTF-8, or no such request; says where and what is expected.
        TooLarge: it would need unreasonably much memory.
    """
    check_json_density(data)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not valid JSON: {error}") from None
    request_type = signal.request_type
    try:
        return request_type(**_message_reader(request_type.DESCRIPTOR)(value, 0))
    except _WrongValueError as error:
        where = error.path.removeprefix(".") or "the body"
        shown = where if len(where) <= _MAX_SHOWN_PATH else f"{where[:_MAX_SHOWN_PATH]}..."
        raise Malformed(f"{shown}: {error}") from None


@cache
def _message_reader(descriptor: Descriptor) -> _Reader:
    fields: dict[str, _Field] = {}

    def read(value: Any, depth: int) -> dict[str, Any]:
        if type(value) is not dict:
            raise _unexpected("an object", value)
        if depth >= _MAX_DEPTH:
            raise _WrongValueError(f"values are nested in more than {_MAX_DEPTH} messages")
        if not fields:  # now and not at once: messages contain themselves
            fields.update(_fields(descriptor))
        result: dict[str, Any] = {}
        groups: set[str] = set()
        for name, item in value.items():
            field = fields.get(name)
            if field is None or item is None:
                continue
            if field.oneof:
                if field.oneof in groups:
                    raise _WrongValueError(f"{name} and another of the same choice are set")
                groups.add(field.oneof)
            try:
                result[field.name] = field.read(item, depth + 1)
            except _WrongValueError as error:
                error.path = f".{name}{error.path}"
                raise
        return result

    return read


def _fields(descriptor: Descriptor) -> dict[str, _Field]:
    return {
        field.json_name: _Field(
            field.name,
            # The group of an `optional` field is synthetic, and its own.
            field.containing_oneof.name if field.containing_oneof else "",
            _list_reader(_reader(field)) if field.is_repeated else _reader(field),
        )
        for field in descriptor.fields
    }


def _reader(field: FieldDescriptor) -> _Reader:
    if field.message_type is not None:
        return _message_reader(field.message_type)
    if field.name in HEX_FIELDS and field.type == FieldDescriptor.TYPE_BYTES:
        return _hex
    return _SCALARS[field.type]


def _list_reader(read: _Reader) -> _Reader:
    def read_list(value: Any, depth: int) -> list[Any]:
        if type(value) is not list:
            raise _unexpected("an array", value)
        result = []
        for item in value:
            try:
                result.append(read(item, depth))
            except _WrongValueError as error:
                error.path = f"[{len(result)}]{error.path}"
                raise
        return result

    return read_list


def _integer_reader(bits: int, *, signed: bool) -> _Reader:
    low = -(1 << (bits - 1)) if signed else 0
    high = (1 << (bits - 1 if signed else bits)) - 1

    def read(value: Any, _depth: int) -> int:
        number = value
        if type(value) is str:
            number = int(value) if _INTEGER.fullmatch(value) else None
        elif type(value) is float:
            number = int(value) if value.is_integer() else None
        if type(number) is not int:
            raise _unexpected("an integer", value)
        if not low <= number <= high:
            raise _unexpected(f"an integer from {low} to {high}", value)
        return number

    return read


def _enum(value: Any, _depth: int) -> int:
    if type(value) is not int or not -(1 << 31) <= value < 1 << 31:
        raise _unexpected("the integer of an enum value (OTLP/JSON has no names here)", value)
    return value


def _double(value: Any, _depth: int) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    if type(value) is str:
        if value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and "_" not in value:
            return number
    raise _unexpected('a number, "NaN", "Infinity" or "-Infinity"', value)


def _bool(value: Any, _depth: int) -> bool:
    if type(value) is not bool:
        raise _unexpected("true or false", value)
    return value


def _string(value: Any, _depth: int) -> str:
    if type(value) is not str:
        raise _unexpected("a string", value)
    return value


def _hex(value: Any, _depth: int) -> bytes:
    if type(value) is str:
        try:
            octets = bytes.fromhex(value)
        except ValueError:
            octets = b""
        if 2 * len(octets) == len(value):  # fromhex skips white space
            return octets
    raise _unexpected("an id as hexadecimal digits", value)


def _base64(value: Any, _depth: int) -> bytes:
    if type(value) is str:
        text = value.translate(_URL_SAFE_TO_STANDARD).rstrip("=")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise _unexpected("bytes as base64", value)


def _unexpected(expected: str, value: Any) -> _WrongValueError:
    if isinstance(value, dict | list):
        shown = "an object" if isinstance(value, dict) else "an array"
    else:
        shown = orjson.dumps(value).decode()
        shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
    return _WrongValueError(f"expected {expected}, found {shown}")


_SCALARS: Final[dict[int, _Reader]] = {
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_INT64: _integer_reader(64, signed=True),
    FieldDescriptor.TYPE_UINT64: _integer_reader(64, signed=False),
    FieldDescriptor.TYPE_INT32: _integer_reader(32, signed=True),
    FieldDescriptor.TYPE_FIXED64: _integer_reader(64, signed=False),
    FieldDescriptor.TYPE_FIXED32: _integer_reader(32, signed=False),
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_STRING: _string,
    FieldDescriptor.TYPE_BYTES: _base64,
    FieldDescriptor.TYPE_UINT32: _integer_reader(32, signed=False),
    FieldDescriptor.TYPE_ENUM: _enum,
    FieldDescriptor.TYPE_SFIXED32: _integer_reader(32, signed=True),
    FieldDescriptor.TYPE_SFIXED64: _integer_reader(64, signed=True),
    FieldDescriptor.TYPE_SINT32: _integer_reader(32, signed=True),
    FieldDescriptor.TYPE_SINT64: _integer_reader(64, signed=True),
}
"""No float among them: OTLP has none."""
