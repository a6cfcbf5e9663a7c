"""The little of protobuf's wire format that serialized requests are cut by: top-level fields."""

from collections.abc import Iterator
from typing import Final

_RESOURCE_FIELD: Final = 0x0A
"""Tag of field 1, length-delimited: `resource_spans`, `resource_metrics`, `resource_logs`."""
_MAX_VARINT_BYTES: Final = 10


def fields(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the top-level fields of concatenated export requests begin and end, in order.

    Ends before the first field that is not whole or is none of an export request's.
    """
    position = 0
    while position < len(data):
        if data[position] != _RESOURCE_FIELD:
            return
        length = shift = 0
        body = position + 1
        while True:
            if body >= len(data) or shift >= 7 * _MAX_VARINT_BYTES:
                return
            byte = data[body]
            length |= (byte & 0x7F) << shift
            shift += 7
            body += 1
            if byte < 0x80:
                break
        end = body + length
        if end > len(data):
            return
        yield position, end
        position = end


def whole_fields(data: bytes) -> int:
    """How many bytes of `data` are whole top-level fields."""
    return max((end for _, end in fields(data)), default=0)


def halves(data: bytes) -> tuple[bytes, bytes] | None:
    """Two requests with the contents of one, cut at the top-level field nearest to the middle.

    None if there is only one field: it cannot be cut.
    """
    cuts = [end for _, end in fields(data)][:-1]
    if not cuts:
        return None
    cut = min(cuts, key=lambda end: abs(end - len(data) // 2))
    return data[:cut], data[cut:]
