"""The protobuf wire format, as far as OTLP messages need it.

Python's protobuf messages cost a call for each attribute and value; bytes joined once cost a
fraction of that. See https://protobuf.dev/programming-guides/encoding/.
"""

from typing import Final

_TABLE_SIZE: Final = 16_384
_MASK_64: Final = (1 << 64) - 1


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


VARINTS: Final = tuple(_varint(number) for number in range(_TABLE_SIZE))
"""Varints of the numbers that lengths and counts mostly are."""


def varint(number: int) -> bytes:
    """`number` as a varint; negative numbers are written as 64-bit two's complement."""
    if 0 <= number < _TABLE_SIZE:
        return VARINTS[number]
    return _varint(number & _MASK_64)


def length_delimited(tag: bytes, content: bytes) -> bytes:
    """A string, bytes or message field: `tag`, the length, `content`."""
    return tag + varint(len(content)) + content
