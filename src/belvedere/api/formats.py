"""How an answer is written: the formats of `/api/sql`.

An answer is encoded in pieces, and refused as soon as it is larger than it may be: as text, a
result can be many times as large as in memory (names of columns in each row, escapes).
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson
import pyarrow as pa

from belvedere.query.rows import columns, names, rows
from belvedere.query.sql.door import Answer
from belvedere.query.stop import go_on
from belvedere.store.errors import QueryTooLarge

Encoder = Callable[[Answer, float], Iterator[bytes]]
"""Writes an answer that took so many seconds, in pieces."""

_PIECE_BYTES: Final = 1 << 20
_VALUE_BYTES: Final = 16
"""What one value costs while it is a Python object, roughly, beside its content."""
_MAX_ROW_VALUES: Final = 1_000_000
"""Values in the lists, maps and tuples of one row: they become Python objects at once."""


def encode(answer: Answer, format_: str, elapsed_s: float, *, most_bytes: int) -> list[bytes]:
    """Return an answer in a format of `FORMATS`, in pieces.

    Raises:
        QueryTooLarge: if it would be larger than `most_bytes`, or if a row has too many values.
    """
    _, encoder = FORMATS[format_]
    pieces, size = [], 0
    for piece in encoder(answer, elapsed_s):
        size += len(piece)
        if size > most_bytes:
            raise QueryTooLarge(
                f"the answer as {format_} is larger than {most_bytes >> 20} MiB; select fewer"
                " columns or rows, or aggregate",
                code="TOO_MANY_BYTES",
            )
        pieces.append(piece)
        go_on()
    return pieces


def _json(answer: Answer, elapsed_s: float) -> Iterator[bytes]:
    """ClickHouse's JSON format: `meta`, `data` (an object a row), `rows`."""
    table = answer.table
    types = [
        known or str(field.type) for known, field in zip(answer.types, table.schema, strict=True)
    ]
    meta = [{"name": key, "type": type_} for key, type_ in zip(names(table), types, strict=True)]
    yield b'{"meta":' + orjson.dumps(meta) + b',"data":['
    for number, part in enumerate(_parts(table)):
        yield (b"," if number else b"") + _to_json(rows(part, answer.types))[1:-1]
    end = {"rows": table.num_rows, "elapsed_s": round(elapsed_s, 6)}
    yield b"]," + orjson.dumps(end)[1:]


def _csv(answer: Answer, _elapsed_s: float) -> Iterator[bytes]:
    """A header and a line a row (RFC 4180); lists and maps as JSON, nothing as nothing."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names(answer.table))
    yield text.getvalue().encode()
    for part in _parts(answer.table):
        text.seek(0)
        text.truncate()
        values = [list(map(_cell, column)) for column in columns(part, answer.types)]
        writer.writerows(zip(*values, strict=True))
        yield text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return _to_json(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _to_json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)


def _arrow(answer: Answer, _elapsed_s: float) -> Iterator[bytes]:
    """An Arrow IPC stream, types as ClickHouse gives them."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, answer.table.schema) as stream:
        stream.write_table(answer.table)
    yield sink.getvalue()


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    """The rows of a table in parts that are small as Python objects, too.

    Raises:
        QueryTooLarge: if one row has too many values.
    """
    name_bytes = sum(map(len, table.column_names))
    pending = [(0, table.num_rows)]
    while pending:
        begin, count = pending.pop()
        if not count:
            continue
        part = table.slice(begin, count)
        values = sum(_count(chunk) for column in part.columns for chunk in column.chunks)
        if part.nbytes + values * _VALUE_BYTES + count * name_bytes <= _PIECE_BYTES or count == 1:
            if values > _MAX_ROW_VALUES:
                raise QueryTooLarge(
                    f"row {begin + 1} has {values:,} values, more than {_MAX_ROW_VALUES:,}; read it"
                    " as Arrow (format=arrow), or select fewer",
                    code="TOO_MANY_BYTES",
                )
            yield part
        else:
            half = count // 2
            pending += [(begin + half, count - half), (begin, half)]


def _count(array: pa.Array) -> int:
    """Values in an array, with those in its lists, maps and tuples."""
    if isinstance(array, pa.StructArray):
        return len(array) + sum(_count(array.field(i)) for i in range(array.type.num_fields))
    if not isinstance(array, pa.ListArray | pa.LargeListArray) or not len(array):
        return len(array)
    begin, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
    return len(array) + _count(array.values.slice(begin, end - begin))


FORMATS: Final[Mapping[str, tuple[str, Encoder]]] = {
    "json": ("application/json", _json),
    "csv": ("text/csv; charset=utf-8", _csv),
    "arrow": ("application/vnd.apache.arrow.stream", _arrow),
}
"""Name → media type, encoder."""
