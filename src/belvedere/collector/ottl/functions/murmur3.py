"""MurmurHash3, of 32 and of 128 bits (x64), with seed 0. Digests are little-endian bytes."""

_32 = 0xFFFFFFFF
_64 = 0xFFFFFFFFFFFFFFFF
_C1 = 0x87C37B91114253D5
_C2 = 0x4CF5AD432745937F


def murmur3_32(data: bytes) -> bytes:
    """The digest of 4 bytes."""
    digest = 0
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        digest ^= _mixed_32(int.from_bytes(data[start : start + 4], "little"))
        digest = (_rotated(digest, 13, 32) * 5 + 0xE6546B64) & _32
    if len(data) > whole:
        digest ^= _mixed_32(int.from_bytes(data[whole:], "little"))
    digest ^= len(data)
    digest = (digest ^ digest >> 16) * 0x85EBCA6B & _32
    digest = (digest ^ digest >> 13) * 0xC2B2AE35 & _32
    return (digest ^ digest >> 16).to_bytes(4, "little")


def murmur3_128(data: bytes) -> bytes:
    """The digest of 16 bytes."""
    first = second = 0
    whole = len(data) & ~15
    for start in range(0, whole, 16):
        first ^= _mixed_1(int.from_bytes(data[start : start + 8], "little"))
        first = ((_rotated(first, 27, 64) + second) * 5 + 0x52DCE729) & _64
        second ^= _mixed_2(int.from_bytes(data[start + 8 : start + 16], "little"))
        second = ((_rotated(second, 31, 64) + first) * 5 + 0x38495AB5) & _64
    rest = data[whole:]
    if len(rest) > 8:
        second ^= _mixed_2(int.from_bytes(rest[8:], "little"))
    if rest:
        first ^= _mixed_1(int.from_bytes(rest[:8], "little"))
    first ^= len(data)
    second ^= len(data)
    first = (first + second) & _64
    second = (second + first) & _64
    first, second = _finished(first), _finished(second)
    first = (first + second) & _64
    second = (second + first) & _64
    return first.to_bytes(8, "little") + second.to_bytes(8, "little")


def _rotated(number: int, by: int, bits: int) -> int:
    return (number << by | number >> bits - by) & (1 << bits) - 1


def _mixed_32(number: int) -> int:
    return _rotated(number * 0xCC9E2D51 & _32, 15, 32) * 0x1B873593 & _32


def _mixed_1(number: int) -> int:
    return _rotated(number * _C1 & _64, 31, 64) * _C2 & _64


def _mixed_2(number: int) -> int:
    return _rotated(number * _C2 & _64, 33, 64) * _C1 & _64


def _finished(number: int) -> int:
    number = (number ^ number >> 33) * 0xFF51AFD7ED558CCD & _64
    number = (number ^ number >> 33) * 0xC4CEB9FE1A85EC53 & _64
    return number ^ number >> 33
