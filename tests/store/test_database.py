"""The contract of `Database`, held by both of its implementations."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from belvedere.store.database import Database, QueryLimits
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import (
    InvalidData,
    QueryError,
    QueryNotAllowed,
    QueryTooLarge,
    StoreInUse,
    StoreUnavailable,
)
from belvedere.store.server import ClickHouseServer


@pytest.fixture(params=["embedded", "server"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "embedded":
        embedded = EmbeddedClickHouse(tmp_path / "store")
        yield embedded
        embedded.close()
        return
    front = Path(__file__).with_name("chdb_http.py")
    with subprocess.Popen(
        [sys.executable, str(front), str(tmp_path / "server")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        server = ClickHouseServer(f"clickhouse://127.0.0.1:{process.stdout.readline().strip()}")
        yield server
        server.close()
        process.kill()


def table(db: Database) -> None:
    db.execute(
        "CREATE TABLE t (a Int32, s String) ENGINE = MergeTree ORDER BY a"
        " SETTINGS non_replicated_deduplication_window = 10"
    )


def test_rows_that_went_in_come_out(db: Database) -> None:
    table(db)
    db.insert("t", b"1,x\n2,y\n", format="CSV")
    assert db.query("SELECT a, s FROM t ORDER BY a").to_pydict() == {"a": [1, 2], "s": ["x", "y"]}


def test_no_rows_have_their_columns(db: Database) -> None:
    result = db.query("SELECT 1 AS a, 'x' AS b WHERE 0")
    assert (result.num_rows, result.column_names) == (0, ["a", "b"])


BOUNDED = QueryLimits(answer_bytes=4 << 20)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 2000) FROM numbers(100000)",
        "SELECT range(1000) FROM numbers(100000)",
        "SELECT toLowCardinality(repeat('x', 2000)) FROM numbers(100000)",
        "SELECT number, toString(number) || repeat('x', 100) FROM numbers(90000)",
    ],
)
def test_a_bounded_answer_is_refused_by_the_bytes_that_it_takes(db: Database, sql: str) -> None:
    with pytest.raises(QueryTooLarge) as raised:
        db.query(sql, limits=BOUNDED)
    assert raised.value.code == "TOO_MANY_BYTES"
    assert str(raised.value).startswith("the result is larger than 4 MiB")
    assert db.query("SELECT 1 AS a", limits=BOUNDED).to_pydict() == {"a": [1]}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT number, toString(number) AS text FROM numbers(100000)",
        "SELECT number FROM numbers(1000000) WHERE number % 100000 = 99999",
        "SELECT 1 AS a, 'x' AS b WHERE 0",
        "SELECT 1 AS a, 2 AS a WHERE 0",
        "SELECT {a:UInt8} AS a -- the end",
        "(SELECT 1 AS a) UNION ALL (SELECT 1 AS a)",
        "SHOW TABLES",
        "EXPLAIN SELECT 1",
        "DESCRIBE TABLE (SELECT 1)",
    ],
)
def test_a_bounded_answer_is_the_same(db: Database, sql: str) -> None:
    params = {"a": 5} if "{a" in sql else {}
    try:
        expected = db.query(sql, params)
    except QueryError as error:
        with pytest.raises(type(error)):
            db.query(sql, params, limits=BOUNDED)
    else:
        assert db.query(sql, params, limits=BOUNDED).equals(expected)


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("String", "it's \\ a\ttab\nline", "it's \\ a\ttab\nline"),
        ("String", "", ""),
        ("UInt64", 2**64 - 1, 2**64 - 1),
        ("Float64", 0.1, 0.1),
        ("Bool", True, True),
        ("Array(String)", ["it's", "b\\"], ["it's", "b\\"]),
        ("Array(UInt8)", [], []),
        ("Nullable(Int64)", None, None),
    ],
)
def test_parameters_arrive_as_they_are(
    db: Database, type_: str, value: object, expected: object
) -> None:
    result = db.query(f"SELECT {{value:{type_}}} AS value", {"value": value})
    assert result.column("value").to_pylist() == [expected]


def test_the_same_deduplication_token_adds_nothing_twice(db: Database) -> None:
    table(db)
    for _ in range(2):
        db.insert("t", b"1,x\n", format="CSV", settings={"insert_deduplication_token": "it's"})
    assert db.query("SELECT count() AS n FROM t").column("n").to_pylist() == [1]


def test_writes_are_counted_where_nobody_else_can_write(db: Database) -> None:
    table(db)
    before = db.writes
    db.query("SELECT * FROM t")
    assert db.writes == before
    db.insert("t", b"1,x\n", format="CSV")
    if isinstance(db, EmbeddedClickHouse):
        assert (before, db.writes) == (1, 2)
    else:
        assert db.writes is None


def test_names_belong_to_the_database_of_the_call(db: Database) -> None:
    db.execute("CREATE DATABASE `team-a`")
    db.execute("CREATE TABLE t (a Int32) ENGINE = MergeTree ORDER BY a", database="team-a")
    db.insert("t", b"7\n", format="CSV", database="team-a")
    assert db.query("SELECT a FROM t", database="team-a").column("a").to_pylist() == [7]
    with pytest.raises(QueryError, match="'t'"):
        db.query("SELECT a FROM t")


@pytest.mark.parametrize(
    ("sql", "error", "text"),
    [
        ("SELEC 1", QueryError, "Syntax error"),
        ("SELECT * FROM nowhere", QueryError, "nowhere"),
        ("CREATE TABLE x (a Int8) ENGINE = Memory", QueryNotAllowed, "readonly"),
        ("INSERT INTO t VALUES (1, 'x')", QueryNotAllowed, "readonly"),
        ("DROP TABLE t", QueryNotAllowed, "readonly"),
        ("SELECT count() FROM numbers(1000000000000)", QueryTooLarge, "Timeout"),
        ("SELECT * FROM numbers(1000)", QueryTooLarge, "rows"),
    ],
)
def test_a_query_that_cannot_run_says_why(
    db: Database, sql: str, error: type[QueryError], text: str
) -> None:
    table(db)
    with pytest.raises(error, match=text) as raised:
        db.query(sql, limits=QueryLimits(time_s=0.5, result_rows=500))
    assert "Stack trace" not in str(raised.value)
    assert "DB::Exception" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [("t", b"no number,x\n", InvalidData), ("missing", b"1,x\n", StoreUnavailable)],
    ids=["data it cannot read", "a table that is not there yet"],
)
def test_an_insert_that_fails_says_whether_to_try_again(
    db: Database, name: str, data: bytes, error: type[Exception]
) -> None:
    table(db)
    with pytest.raises(error):
        db.insert(name, data, format="CSV")
    assert db.query("SELECT count() AS n FROM t").column("n").to_pylist() == [0]


def test_a_closed_database_is_unavailable(database: EmbeddedClickHouse) -> None:
    database.close()
    database.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        database.query("SELECT 1")


def test_a_directory_has_one_owner(database: EmbeddedClickHouse) -> None:
    with pytest.raises(StoreInUse, match=r"in use by process \d+.*--data-dir"):
        EmbeddedClickHouse(database.directory)


def test_data_is_there_after_reopening(tmp_path: Path) -> None:
    first = EmbeddedClickHouse(tmp_path)
    table(first)
    first.insert("t", b"1,x\n", format="CSV")
    first.close()
    second = EmbeddedClickHouse(tmp_path)
    assert second.query("SELECT s FROM t").column("s") == pa.chunked_array([["x"]])
    second.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match=r"no ClickHouse answers at 127\.0\.0\.1:1:"):
        ClickHouseServer("clickhouse://user:secret@127.0.0.1:1")
