"""The hash of a series' labels, by which `limit_ratio` chooses."""

from belvedere.query.labels import Labels

_MASK = 0xFFFFFFFFFFFFFFFF
_PRIME_1 = 0x9E3779B185EBCA87
_PRIME_2 = 0xC2B2AE3D27D4EB4F
_PRIME_3 = 0x165667B19E3779F9
_PRIME_4 = 0x85EBCA77C2B2AE63
_PRIME_5 = 0x27D4EB2F165667C5


def series_hash(labels: Labels) -> int:
    """The XXH64 of the labels as upstream keeps them: each text with its length before it."""
    data = bytearray()
    for pair in labels.items():
        for text in pair:
            encoded = text.encode("utf-8", "surrogateescape")
            size = len(encoded)
            data += bytes([size]) if size < 255 else b"\xff" + size.to_bytes(3, "little")
            data += encoded
    return xxh64(bytes(data))


def xxh64(data: bytes) -> int:
    """The 64 bit xxHash of data, with seed 0."""
    at, end = 0, len(data)
    if end >= 32:
        lanes = [(_PRIME_1 + _PRIME_2) & _MASK, _PRIME_2, 0, -_PRIME_1 & _MASK]
        while at + 32 <= end:
            for lane in range(4):
                start = at + 8 * lane
                lanes[lane] = _round(lanes[lane], data[start : start + 8])
            at += 32
        value = sum(map(_rotated, lanes, (1, 7, 12, 18))) & _MASK
        for lane in lanes:
            mixed = _rotated(lane * _PRIME_2 & _MASK, 31) * _PRIME_1
            value = ((value ^ (mixed & _MASK)) * _PRIME_1 + _PRIME_4) & _MASK
    else:
        value = _PRIME_5
    value = (value + end) & _MASK
    while at + 8 <= end:
        value ^= _round(0, data[at : at + 8])
        value = (_rotated(value, 27) * _PRIME_1 + _PRIME_4) & _MASK
        at += 8
    if at + 4 <= end:
        value ^= int.from_bytes(data[at : at + 4], "little") * _PRIME_1 & _MASK
        value = (_rotated(value, 23) * _PRIME_2 + _PRIME_3) & _MASK
        at += 4
    for byte in data[at:]:
        value ^= byte * _PRIME_5 & _MASK
        value = _rotated(value, 11) * _PRIME_1 & _MASK
    value = (value ^ value >> 33) * _PRIME_2 & _MASK
    value = (value ^ value >> 29) * _PRIME_3 & _MASK
    return value ^ value >> 32


def _round(lane: int, data: bytes) -> int:
    lane = (lane + int.from_bytes(data, "little") * _PRIME_2) & _MASK
    return _rotated(lane, 31) * _PRIME_1 & _MASK


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK
