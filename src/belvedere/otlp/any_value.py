"""The text form of attribute values that are lists or maps."""

import base64
import math
from typing import Any, Final

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

_MAX_EXACT_FLOAT: Final = float(1 << 53)


def json_text(value: AnyValue) -> str:
    """A value as JSON, after the Collector's `pcommon.Value.AsString` for maps and slices.

    Compact, keys sorted, bytes as base64, whole doubles without a fraction; of a key that is
    there twice the last value counts. Two things are better here: `<`, `>` and `&` are written
    as they are, and NaN and infinities are strings (the Collector loses the whole value).
    """
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return _plain_double(value.double_value)
    if kind is None or kind == "string_value_strindex":  # the latter has a meaning in profiles only
        return None
    return getattr(value, kind)


def _plain_double(number: float) -> float | int | str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return int(number) if number.is_integer() and abs(number) < _MAX_EXACT_FLOAT else number
