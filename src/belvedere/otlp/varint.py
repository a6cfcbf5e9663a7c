"""Protobuf's variable-length integers."""

from typing import Final

_MAX_BYTES: Final = 10


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at `position`, and where it ends.

    Raises:
        ValueError: there is none: the data ends, or it goes on too long.
    """
    value = 0
    for index, byte in enumerate(data[position : position + _MAX_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("no variable-length integer")


def write_varint(value: int) -> bytes:
    """The shortest form of a number that is not negative."""
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
