"""What both databases share of ClickHouse: how values are written and how errors are read."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from belvedere.store.errors import (
    InvalidData,
    QueryError,
    QueryNotAllowed,
    QueryTooLarge,
    StoreError,
    StoreUnavailable,
)

BLOCK_CACHE: Final = {
    "use_uncompressed_cache": 1,
    # By default only queries that read little fill the cache.
    "merge_tree_max_rows_to_use_cache": 1 << 30,
    "merge_tree_max_bytes_to_use_cache": 1 << 40,
}
"""What `QueryLimits.block_cache` stands for."""

SMALL_BLOCKS: Final = {"max_block_size": 8192}
"""What goes with `QueryLimits.answer_bytes`: a result is as a rule refused one block late, and a
query is interrupted between blocks."""


def too_many_bytes(most: int) -> QueryTooLarge:
    """Return the error for a result that is larger than `QueryLimits.answer_bytes`."""
    return QueryTooLarge(
        f"the result is larger than {most >> 20} MiB; select fewer columns or rows, or aggregate",
        code="TOO_MANY_BYTES",
    )


_CODE = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*$")
_NOISE = re.compile(
    r"^(?:Streaming (?:insert \w+|query) failed: )?(?:Code: \d+\. )?(?:DB::Exception: )?"
)
_VERSION = re.compile(r"\s*\(version [^)]*\)|\s*\(official build\)")

_NOT_ALLOWED: Final = {"READONLY", "ACCESS_DENIED", "SETTING_CONSTRAINT_VIOLATION"}
_TOO_LARGE: Final = {
    "MEMORY_LIMIT_EXCEEDED",
    "TIMEOUT_EXCEEDED",
    "TOO_MANY_ROWS",
    "TOO_MANY_BYTES",
    "TOO_MANY_ROWS_OR_BYTES",
    "TOO_SLOW",
    "QUERY_WAS_CANCELLED",
    "TOO_DEEP_RECURSION",
    "TOO_BIG_AST",
    "QUERY_IS_TOO_LARGE",
}
_UNAVAILABLE: Final = {
    "NOT_ENOUGH_SPACE",
    "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    "CANNOT_OPEN_FILE",
    "CANNOT_FSYNC",
    "CANNOT_CREATE_DIRECTORY",
    "CANNOT_ALLOCATE_MEMORY",
    "MEMORY_LIMIT_EXCEEDED",
    "TIMEOUT_EXCEEDED",
    "TOO_MANY_PARTS",
    "TOO_MANY_SIMULTANEOUS_QUERIES",
    "NETWORK_ERROR",
    "SOCKET_TIMEOUT",
    "KEEPER_EXCEPTION",
    "TABLE_IS_READ_ONLY",
}

_UNREADABLE: Final = frozenset(
    {
        # The bytes are not protobuf of the schema, or end too soon.
        "ATTEMPT_TO_READ_AFTER_EOF",
        "CANNOT_READ_ALL_DATA",
        "CANNOT_SKIP_UNKNOWN_FIELD",
        "INCORRECT_DATA",
        "PROTOBUF_BAD_CAST",
        "PROTOBUF_FIELD_NOT_REPEATED",
        "TOO_LARGE_ARRAY_SIZE",
        "TOO_LARGE_STRING_SIZE",
        "UNEXPECTED_END_OF_FILE",
        "UNKNOWN_PROTOBUF_FORMAT",
        # A value does not fit its column.
        "ARGUMENT_OUT_OF_BOUND",
        "CANNOT_CONVERT_TYPE",
        "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
        "CANNOT_PARSE_BOOL",
        "CANNOT_PARSE_DATE",
        "CANNOT_PARSE_DATETIME",
        "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
        "CANNOT_PARSE_NUMBER",
        "CANNOT_PARSE_TEXT",
        "DECIMAL_OVERFLOW",
        "SIZES_OF_ARRAYS_DONT_MATCH",
        "SIZES_OF_NESTED_COLUMNS_ARE_INCONSISTENT",
        "UNICODE_ERROR",
        "UNKNOWN_ELEMENT_OF_ENUM",
        "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
        "VIOLATED_CONSTRAINT",
    }
)
"""Errors of an insert that are the data's own. Any other may pass, and is retried."""


def quote(identifier: str) -> str:
    """An identifier in backquotes."""
    return "`" + identifier.replace("\\", "\\\\").replace("`", "\\`") + "`"


def literal(value: Any, *, quoted: bool = False) -> str:
    r"""A value as text: for a `{name:Type}` parameter, or `quoted` to stand in a statement.

    >>> literal("it's"), literal(["it's", 1]), literal("it's", quoted=True)
    ("it's", "['it\\'s',1]", "'it\\'s'")
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\")
        if quoted:
            return "'" + escaped.replace("'", "\\'") + "'"
        return escaped.replace("\t", "\\t").replace("\n", "\\n")
    if isinstance(value, Mapping):
        pairs = (f"{literal(k, quoted=True)}:{literal(v, quoted=True)}" for k, v in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return "[" + ",".join(literal(item, quoted=True) for item in value) + "]"
    return str(value) if value is not None else "NULL" if quoted else "\\N"


def read_error(text: str) -> StoreError:
    """The error that a failed query or DDL statement stands for."""
    code, message = _parse(text)
    if code in _NOT_ALLOWED:
        return QueryNotAllowed(message, code=code)
    if code in _TOO_LARGE:
        return QueryTooLarge(message, code=code)
    if code in _UNAVAILABLE or "No space left on device" in message:
        return StoreUnavailable(message, code=code)
    return QueryError(message, code=code)


def insert_error(text: str) -> StoreError:
    """The error that a failed insert stands for: `InvalidData` only if the data is at fault."""
    code, message = _parse(text)
    if "Too many partitions" in message:  # a TOO_MANY_PARTS that depends on the data alone
        return InvalidData(message)
    if code in _UNREADABLE:
        return InvalidData(message)
    return StoreUnavailable(message, code=code)


def _parse(text: str) -> tuple[str, str]:
    """ClickHouse's error name, and its message without number, version and stack."""
    head = _VERSION.sub("", text.split("Stack trace:", maxsplit=1)[0]).strip()
    found = _CODE.search(head)
    message = _CODE.sub("", head)
    while (shorter := _NOISE.sub("", message)) != message:
        message = shorter
    return (found[1] if found else ""), message.strip()
