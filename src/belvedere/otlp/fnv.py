"""The hash FNV-1a of 32 and 64 bits, by which Go programs choose."""

from typing import Final

FNV32_OFFSET: Final = 0x811C9DC5
FNV64_OFFSET: Final = 0xCBF29CE484222325
_PRIME32: Final = 0x01000193
_PRIME64: Final = 0x100000001B3
_MASK32: Final = (1 << 32) - 1
_MASK64: Final = (1 << 64) - 1


def fnv1a_32(data: bytes, state: int = FNV32_OFFSET) -> int:
    """The hash of what came before (its hash is `state`) and `data`.

    >>> hex(fnv1a_32(b"foobar"))
    '0xbf9cf968'
    """
    for byte in data:
        state = ((state ^ byte) * _PRIME32) & _MASK32
    return state


def fnv1a_64(data: bytes, state: int = FNV64_OFFSET) -> int:
    """The same, of 64 bits.

    >>> hex(fnv1a_64(b"foobar"))
    '0x85944171f73967e8'
    """
    for byte in data:
        state = ((state ^ byte) * _PRIME64) & _MASK64
    return state
