"""Query results as plain Python values, ready for JSON.

Arrow has no DateTime, enum, IP address or 128-bit integer: ClickHouse sends numbers and bytes.
With ClickHouse's type beside them, they become what they are. Times are RFC 3339 in UTC with the
digits of their type; texts that are not UTF-8 get replacement characters.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import pyarrow as pa

from belvedere.query.column_types import ColumnType

_UNITS: Final = {"s": (1, 0), "ms": (10**3, 3), "us": (10**6, 6), "ns": (10**9, 9)}
"""Arrow's unit → ticks a second, digits after the second."""


def names(table: pa.Table) -> list[str]:
    """Column names, each one once: the second `x` is `x_2`."""
    taken: dict[str, int] = {}
    unique: list[str] = []
    for name in table.column_names:
        taken[name] = taken.get(name, 0) + 1
        unique.append(name if taken[name] == 1 else f"{name}_{taken[name]}")
    return unique


def columns(table: pa.Table, types: Sequence[str | None] | None = None) -> list[list[Any]]:
    """The values of each column, in order."""
    known = types or [None] * table.num_columns
    return [
        _values(_joined(column), ColumnType.parse(type_ or ""))
        for column, type_ in zip(table.columns, known, strict=True)
    ]


def rows(table: pa.Table, types: Sequence[str | None] | None = None) -> list[dict[str, Any]]:
    """The rows, by column name.

    Args:
        table: a query's result.
        types: ClickHouse's type of each column, where known.
    """
    keys = names(table)
    if not keys:
        return []
    values = columns(table, types)
    return [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]


def rfc3339(value: int, unit: str = "ns") -> str:
    """A time as text: `2026-11-22T08:52:01.123456789Z`.

    Args:
        value: since the Unix epoch.
        unit: of `value`, and so the digits of the result: `s`, `ms`, `us` or `ns`.
    """
    ticks, digits = _UNITS[unit]
    seconds, fraction = divmod(value, ticks)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:0{digits}d}Z" if digits else f"{text}Z"


def _joined(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def _values(array: pa.Array, type_: ColumnType) -> list[Any]:
    for is_kind, convert in _SHAPES:
        if is_kind(array.type):
            return convert(array, type_)
    return _scalars(array, type_)


def _times(array: pa.Array, _: ColumnType) -> list[Any]:
    unit = array.type.unit
    ticks = array.cast(pa.int64()).to_pylist()
    return [None if tick is None else rfc3339(tick, unit) for tick in ticks]


def _extensions(array: pa.Array, _: ColumnType) -> list[Any]:
    return [None if value is None else str(value) for value in array.to_pylist()]


def _scalars(array: pa.Array, type_: ColumnType) -> list[Any]:
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _texts(array)
    convert = _CONVERSIONS.get(type_.name)
    if type_.name.startswith("Enum"):
        convert = type_.enum_names().get
    if convert is None and (
        pa.types.is_decimal(array.type)
        or pa.types.is_temporal(array.type)
        or pa.types.is_duration(array.type)
    ):
        convert = str
    if convert is None and pa.types.is_fixed_size_binary(array.type):
        convert = _text
    values = array.to_pylist()
    if convert is None:
        return values  # type: ignore[no-any-return]  # pyarrow ships no types
    return [None if value is None else convert(value) for value in values]


def _texts(array: pa.Array) -> list[Any]:
    try:
        return array.to_pylist()  # type: ignore[no-any-return]  # pyarrow ships no types
    except UnicodeDecodeError:
        values = array.cast(pa.binary() if pa.types.is_string(array.type) else pa.large_binary())
        return [None if value is None else _text(value) for value in values.to_pylist()]


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _lists(array: pa.Array, type_: ColumnType) -> list[Any]:
    offsets, (values,) = _children(array, array.values)
    items = _values(values, type_.element())
    return [
        None if not valid else items[begin:end]
        for valid, (begin, end) in zip(array.is_valid().to_pylist(), pairwise(offsets), strict=True)
    ]


def _maps(array: pa.Array, type_: ColumnType) -> list[Any]:
    offsets, (keys_, items_) = _children(array, array.keys, array.items)
    keys = _values(keys_, type_.element(0))
    items = _values(items_, type_.element(1))
    return [
        dict(zip(map(str, keys[begin:end]), items[begin:end], strict=True))
        for begin, end in pairwise(offsets)
    ]


def _children(array: pa.Array, *children: pa.Array) -> tuple[list[int], list[pa.Array]]:
    """Where each list begins and ends, and the part of the children that this array refers to."""
    offsets = array.offsets.to_pylist()
    begin, end = (offsets[0], offsets[-1]) if offsets else (0, 0)
    parts = [child.slice(begin, end - begin) for child in children]
    return [offset - begin for offset in offsets], parts


def _structs(array: pa.Array, type_: ColumnType) -> list[Any]:
    fields = [_values(array.field(i), type_.element(i)) for i in range(array.type.num_fields)]
    keys = [array.type.field(i).name for i in range(array.type.num_fields)]
    return [dict(zip(keys, row, strict=True)) for row in zip(*fields, strict=True)]


_SHAPES: Final = (
    (lambda type_: isinstance(type_, pa.BaseExtensionType), _extensions),
    (pa.types.is_timestamp, _times),
    (pa.types.is_map, _maps),
    (pa.types.is_list, _lists),
    (pa.types.is_struct, _structs),
)
"""Arrow types that a scalar conversion does not do for."""


def _signed(value: bytes) -> str:
    return str(int.from_bytes(value, "little", signed=True))


def _unsigned(value: bytes) -> str:
    return str(int.from_bytes(value, "little"))


_CONVERSIONS: Final[dict[str, Any]] = {
    "DateTime": lambda value: rfc3339(value, "s"),
    "IPv4": lambda value: str(ipaddress.IPv4Address(value)),
    "IPv6": lambda value: str(ipaddress.IPv6Address(value)),
    "Int128": _signed,
    "Int256": _signed,
    "UInt128": _unsigned,
    "UInt256": _unsigned,
}
"""ClickHouse's type → what its values become. Wide integers are texts: JSON has none so wide."""
