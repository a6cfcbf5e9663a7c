"""Arrow and ClickHouse's types → plain values, through a real query."""

from typing import Any

import pyarrow as pa
import pytest

from belvedere.query.rows import names, rfc3339, rows
from belvedere.query.sql.door import SqlDoor
from belvedere.store.embedded import EmbeddedClickHouse


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1::UInt8", 1),
        ("18446744073709551615::UInt64", 2**64 - 1),
        ("-1::Int64", -1),
        ("toInt128('-170141183460469231731687303715884105728')", str(-(2**127))),
        ("toUInt256('5')", "5"),
        ("0.5", 0.5),
        ("toDecimal32('1.50', 2)", "1.50"),
        ("true", True),
        ("NULL", None),
        ("'text'", "text"),
        ("'\\xff!'", "\ufffd!"),
        ("toFixedString('ab', 4)", "ab"),
        ("toLowCardinality('x')", "x"),
        ("CAST('b', 'Enum8(\\'a\\' = 1, \\'b\\' = 2)')", "b"),
        ("toDate('2026-11-22')", "2026-11-22"),
        ("toDateTime(0, 'Asia/Tokyo')", "1970-01-01T00:00:00Z"),
        ("toDateTime64(1, 3, 'UTC')", "1970-01-01T00:00:01.000Z"),
        ("toDateTime64('2026-11-22 08:00:00.12345678', 8)", "2026-11-22T08:00:00.123456780Z"),
        ("fromUnixTimestamp64Nano(-1::Int64)", "1969-12-31T23:59:59.999999999Z"),
        ("toNullable(toDateTime(1))", "1970-01-01T00:00:01Z"),
        ("NULL::Nullable(DateTime)", None),
        ("toIPv4('1.2.3.4')", "1.2.3.4"),
        ("toIPv6('::1')", "::1"),
        ("toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
        ("[1, 2]", [1, 2]),
        ("[]", []),
        ("[toDateTime(1)]", ["1970-01-01T00:00:01Z"]),
        ("[[toIPv4('1.2.3.4')], []]", [["1.2.3.4"], []]),
        ("map('a', 1, 'b', 2)", {"a": 1, "b": 2}),
        ("map(1, toDateTime(1))", {"1": "1970-01-01T00:00:01Z"}),
        ("(1, 'x')", {"1": 1, "2": "x"}),
        ("(1, toDateTime(1))::Tuple(a Int8, b DateTime)", {"a": 1, "b": "1970-01-01T00:00:01Z"}),
        ("[(toDateTime(1), map('k', [toIPv4('1.2.3.4')]))]",
         [{"1": "1970-01-01T00:00:01Z", "2": {"k": ["1.2.3.4"]}}]),
    ],
)  # fmt: skip
def test_values(two_projects: EmbeddedClickHouse, expression: str, value: Any) -> None:
    answer = SqlDoor(two_projects).run(f"SELECT {expression} AS value FROM numbers(2)")
    assert rows(answer.table, answer.types) == [{"value": value}] * 2


def test_no_rows(two_projects: EmbeddedClickHouse) -> None:
    answer = SqlDoor(two_projects).run("SELECT 1 AS a, map('a', [now()]) AS b WHERE 0")
    assert rows(answer.table, answer.types) == []


def test_no_columns() -> None:
    assert rows(pa.table({})) == []


def test_several_chunks_are_one_column() -> None:
    table = pa.table({"a": pa.chunked_array([[["x"]], [["y"], None]], pa.list_(pa.string()))})
    assert rows(table) == [{"a": ["x"]}, {"a": ["y"]}, {"a": None}]


def test_names_are_unique() -> None:
    table = pa.Table.from_arrays([pa.array([1])] * 3, names=["a", "a", "b"])
    assert names(table) == ["a", "a_2", "b"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "1970-01-01T00:00:00Z"),
        (1_500, "ms", "1970-01-01T00:00:01.500Z"),
        (1, "us", "1970-01-01T00:00:00.000001Z"),
        (2**63 - 1, "ns", "2262-04-11T23:47:16.854775807Z"),
    ],
)
def test_rfc3339(value: int, unit: str, text: str) -> None:
    assert rfc3339(value, unit) == text
