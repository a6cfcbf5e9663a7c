"""How an answer is written: the formats of `/api/sql`."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import pyarrow as pa

from belvedere.query.rows import columns, names, rows
from belvedere.query.sql.door import Answer

Encoder = Callable[[Answer, float], bytes]
"""Writes an answer that took so many seconds."""


def _json(answer: Answer, elapsed_s: float) -> bytes:
    """ClickHouse's JSON format: `meta`, `data` (an object a row), `rows`."""
    table = answer.table
    keys = names(table)
    types = [
        known or str(field.type) for known, field in zip(answer.types, table.schema, strict=True)
    ]
    body = {
        "meta": [{"name": key, "type": type_} for key, type_ in zip(keys, types, strict=True)],
        "data": rows(table, answer.types),
        "rows": table.num_rows,
        "elapsed_s": round(elapsed_s, 6),
    }
    return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS, default=str)


def _csv(answer: Answer, _elapsed_s: float) -> bytes:
    """A header and a line a row (RFC 4180); lists and maps as JSON, nothing as nothing."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names(answer.table))
    values = [list(map(_cell, column)) for column in columns(answer.table, answer.types)]
    writer.writerows(zip(*values, strict=True))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _arrow(answer: Answer, _elapsed_s: float) -> bytes:
    """An Arrow IPC stream, types as ClickHouse gives them."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, answer.table.schema) as stream:
        stream.write_table(answer.table)
    return sink.getvalue()


FORMATS: Final[Mapping[str, tuple[str, Encoder]]] = {
    "json": ("application/json", _json),
    "csv": ("text/csv; charset=utf-8", _csv),
    "arrow": ("application/vnd.apache.arrow.stream", _arrow),
}
"""Name → media type, encoder."""
