"""Items in a serialized request, counted without parsing them."""

from typing import Final

_SECOND_FIELD: Final = 0x12
"""The tag of the repeated field with what is inside: resources hold scopes, scopes items."""


def count_items(request: bytes) -> int:
    """Spans or log records in a request of well-formed protobuf."""
    return sum(
        1
        for resource in _fields(request, 0, len(request), 0x0A)
        for scope in _fields(request, *resource, _SECOND_FIELD)
        for _ in _fields(request, *scope, _SECOND_FIELD)
    )


def _fields(data: bytes, position: int, end: int, wanted: int) -> list[tuple[int, int]]:
    """Begin and end of the contents of each field with a tag of one byte."""
    found = []
    while position < end:
        tag = data[position]
        length = data[position + 1]
        position += 2
        if length >= 0x80:
            length &= 0x7F
            shift = 7
            while True:
                byte = data[position]
                position += 1
                length |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
        if tag & 7 != 2:  # all fields of these messages are delimited
            raise ValueError(f"the field {tag:#x} is not expected at {position}")
        if tag == wanted:
            found.append((position, position + length))
        position += length
    return found
