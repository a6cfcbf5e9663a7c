"""The door on real ClickHouse: what it answers, and that nothing gets past it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.rows import rows
from belvedere.query.sql.door import Answer, SqlDoor
from belvedere.query.sql.functions import (
    FOR_NOBODY,
    NAMING_TABLES,
    UNCONFINED_ONLY,
    allowed_functions,
)
from belvedere.query.sql.policy import Policy
from belvedere.query.sql.tokens import tokenize
from belvedere.store.database import QueryLimits
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.errors import QueryError, QueryNotAllowed, QueryTooLarge, StoreError
from belvedere.store.migrate import migrate

SECRET = "of-the-other-project"

_SECRETS_FILE = "secret-on-disk"


def ask(db: EmbeddedClickHouse, sql: str, *, confined: bool = True, **params: object) -> Answer:
    return SqlDoor(db).run(sql, params, project="acme", confined=confined)


def test_an_answer_has_clickhouses_types(two_projects: EmbeddedClickHouse) -> None:
    answer = ask(
        two_projects, "select toDateTime({at:UInt32}) AS at, 'x' AS text, (1, 2) AS pair;", at=60
    )
    assert answer.types == ("DateTime", "String", "Tuple(UInt8, UInt8)")
    assert rows(answer.table, answer.types) == [
        {"at": "1970-01-01T00:01:00Z", "text": "x", "pair": {"1": 1, "2": 2}}
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select Body from otel_logs", [{"Body": "our own"}]),
        ("SELECT Body FROM acme.otel_logs -- ours", [{"Body": "our own"}]),
        ("show tables", [{"name": "otel_logs"}]),
        ("exists table otel_logs", [{"result": 1}]),
        ("(select 1 as a) union all (select 2 as a)", [{"a": 1}, {"a": 2}]),
        ("from numbers(2) select number", [{"number": 0}, {"number": 1}]),
        ("select 1 as a where 0", []),
        ("explain syntax select 1", None),
        ("describe otel_logs", None),
        ("show create table otel_logs", None),
        ("select $$'$$ as a", [{"a": "'"}]),
    ],
)
def test_reads(two_projects: EmbeddedClickHouse, sql: str, expected: object) -> None:
    answer = ask(two_projects, sql)
    if expected is None:
        assert answer.table.num_rows > 0
    else:
        assert sorted(rows(answer.table, answer.types), key=str) == expected


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("selct 1", "READONLY"),
        ("select 1 +", "SYNTAX_ERROR"),
        ("select * from nowhere", "UNKNOWN_TABLE"),
        ("select {a:String}", "UNKNOWN_QUERY_PARAMETER"),
        ("select 1/(a - 1)", "UNKNOWN_IDENTIFIER"),
        ("select '\\xff'", "BAD_ARGUMENTS"),
    ],
)
def test_errors_carry_clickhouses_name(
    two_projects: EmbeddedClickHouse, sql: str, code: str
) -> None:
    with pytest.raises(QueryError) as raised:
        ask(two_projects, sql)
    assert raised.value.code == code


def test_a_syntax_error_speaks_of_the_users_query_only(two_projects: EmbeddedClickHouse) -> None:
    with pytest.raises(QueryError) as raised:
        ask(two_projects, "select 1 +")
    assert str(raised.value).startswith("Syntax error: failed at position 11 (end of query)")
    assert "formatQuery" not in str(raised.value)


def test_bounds_hold(two_projects: EmbeddedClickHouse) -> None:
    door = SqlDoor(two_projects)
    with pytest.raises(QueryTooLarge):
        door.run("select number from numbers(11)", limits=QueryLimits(result_rows=10))
    with pytest.raises(QueryTooLarge):
        door.run("select count() from system.numbers", limits=QueryLimits(time_s=0.1))


REACHING_OUT = [
    "select file('{file}')",
    "select FILE('{file}')",
    "select `file`('{file}')",
    "select file/**/('{file}')",
    "select \"file\" ('{file}')",
    "select (file)('{file}')",
    "select arrayMap(file, ['{file}'])",
    "select arrayMap(`file`, ['{file}'])",
    "with file as f select arrayMap(f, ['{file}'])",
    "select arrayMap(FILE, ['{file}'])",
    "select arrayFold((a, x) -> file(x), ['{file}'], '')",
    "select arrayMap(x -> file(x), ['{file}'])",
    "select * from file('{file}', 'LineAsString')",
    "select 1 in file('{file}', 'LineAsString')",
    "describe table file('{file}', 'LineAsString')",
    "explain select * from file('{file}', 'LineAsString')",
    "select * from view(select * from file('{file}', 'LineAsString'))",
    "select * from executable('cat', 'LineAsString', 'a String')",
    "select * from url('http://127.0.0.1:9/', 'LineAsString')",
    "select * from s3('http://127.0.0.1:9/bucket/x', 'CSV', 'a Int8')",
    "select * from remote('127.0.0.1:9', system.one)",
    "select * from cluster('default', system.one)",
    "select * from mysql('127.0.0.1:9', 'a', 'b', 'c', 'd')",
    "select * from sqlite('{file}', 't')",
    "select * from python(db)",
    "select * from Python(db)",
    "select * from `python`(db)",
    'select * from "PYTHON" (db)',
    "select * from eval('select 1')",
    "select * from loop(system.one)",
    "select * from filesystem('/')",
    "select * from input('a String')",
]
WRITING = [
    "insert into otel_logs select 'x', now()",
    "with x as (select 'x', now()) insert into otel_logs select * from x",
    "select 1; insert into otel_logs values ('x', now())",
    "select 1;;drop table otel_logs",
    "select 'a' into outfile '{out}'",
    "select 'a' INTO/**/OUTFILE '{out}'",
    "select 'a' into -- x\n outfile '{out}' truncate",
    "(select 'a') into outfile '{out}' append",
    "select 'a' union all select 'b' into outfile '{out}'",
    "explain select 1 into outfile '{out}'",
    "select 'a' format CSV",
    "select 'a' format `CSV`",
    "select 'a' settings max_result_rows = 0",
    "select * from (select 1 settings max_execution_time = 0)",
    "set max_threads = 1",
    "use other",
    "kill query where 1",
    "system shutdown",
    "system flush logs",
    "create temporary table x (a Int8)",
    "attach table x",
    "check table otel_logs",
    "optimize table otel_logs",
    "execute as default select 1",
    "begin transaction",
    "backup table otel_logs to File('{out}')",
    "grant all on *.* to default",
    "-- \n\t/* x */ drop table otel_logs",
]
OF_OTHERS = [
    "select * from other.otel_logs",
    "select * from other . otel_logs",
    "select * from `other`.`otel_logs`",
    'select * from "other".otel_logs',
    "select * from other/**/.otel_logs",
    "select * from other--\n.otel_logs",
    "select * from `oth\\x65r`.otel_logs",
    'select * from "oth\\u0065r".otel_logs',
    "select * from \u201cother\u201d.otel_logs",
    "select * from `other.otel_logs`",
    "from other.otel_logs select *",
    "select (select any(Body) from other.otel_logs)",
    "with (select any(Body) from other.otel_logs) as x select x",
    "with x as (select * from other.otel_logs) select * from x",
    "select * from otel_logs where Body in (select Body from other.otel_logs)",
    "select Body in other.otel_logs from otel_logs",
    "select 'of-the-other-project' in other.otel_logs",
    "select * from otel_logs a join other.otel_logs b on 1 = 1",
    "select * from otel_logs, other.otel_logs",
    "select other.otel_logs.Body from other.otel_logs",
    "select * from view(select * from other.otel_logs)",
    "select * from merge('other', '.*')",
    "select * from merge('.*', 'otel_logs')",
    "select * from merge(REGEXP('.*'), 'otel_logs')",
    "select * from loop('other', 'otel_logs')",
    "select * from mergeTreeIndex('other', 'otel_logs')",
    "select * from mergeTreeProjection('other', 'otel_logs', 'x')",
    "select * from dictionary('other.otel_logs')",
    "select * from cluster('default', 'other', 'otel_logs')",
    "select * from eval('select * from other.otel_logs')",
    "select * from {{t:Identifier}}",
    "select * from {{d:Identifier}}.otel_logs",
    "select joinGet('other.otel_logs', 'Body', 1)",
    "select dictGet('other.otel_logs', 'Body', 1)",
    "select arrayMap(hasColumnInTable, ['other'], ['otel_logs'], ['Body'])",
    "select hasColumnInTable('other', 'otel_logs', 'Body')",
    "describe other.otel_logs",
    "describe table (select * from other.otel_logs)",
    "exists other.otel_logs",
    "exists database other",
    "exists table otel_logs from other",
    "show tables from other",
    "show tables in `other`",
    "show full tables from other",
    "show columns from otel_logs from other",
    "show create table other.otel_logs",
    "show create database other",
    "show databases",
    "show processlist",
    "show users",
    "show grants",
    "show clusters",
    "show settings like '%'",
    "explain select * from other.otel_logs",
    "explain query tree select (select any(Body) from other.otel_logs)",
    "explain ast select * from other.otel_logs",
    "select name from system.databases",
    "select query from system.processes",
    "select * from information_schema.tables",
    "select * from INFORMATION_SCHEMA.tables",
    "select * from System.databases",
    "select 1 union all select count() from other.otel_logs",
    "select 1 intersect select count() from other.otel_logs",
    "with recursive x as (select 1 union all select 1 from other.otel_logs) select * from x",
    "select count() over (partition by Body) from other.otel_logs",
    "select * from otel_logs array join (select groupArray(Body) from other.otel_logs) as z",
]


OF_THE_SERVER = [
    "select hostName()",
    "select HOSTNAME()",
    "select `hostName`()",
    "select hostName/**/ ()",
    "select fqdn()",
    "select fullHostName()",
    "select * apply(x -> hostName()) from otel_logs",
    "select * apply(getServerSetting) from (select 'max_connections')",
    "select * apply getSetting from (select 'max_threads')",
    "select arrayMap(x -> uptime(), [1])",
    "with x -> hostName() as f select f(1)",
    "select * from view(select hostName())",
    "select number from numbers(length(hostName()))",
    "explain select hostName()",
    "describe table (select hostName())",
    "select tcpPort()",
    "select getServerPort('tcp_port')",
    "select getServerSetting('max_connections')",
    "select getMergeTreeSetting('index_granularity')",
    "select getSetting('max_threads')",
    "select getSettingOrDefault('x', 1)",
    "select getMacro('shard')",
    "select filesystemAvailable()",
    "select filesystemCapacity('default')",
    "select filesystemUnreserved()",
    "select serverUUID()",
    "select generateSnowflakeID()",
    "select uptime()",
    "select buildId()",
    "select getOSKernelVersion()",
    "select @@hostname",
    "select shardNum()",
    "select zookeeperSessionUptime()",
    "select runningConcurrency(now(), now())",
    "select currentUser()",
    "select user()",
    "select current_user",
    "select currentRoles()",
    "select connectionId()",
    "select queryID()",
    "select initialQueryID()",
    "select transactionID()",
    "select getClientHTTPHeader('Authorization')",
    "select addressToLine(1::UInt64)",
    "select addressToSymbol(1::UInt64)",
    "select demangle('_Z1fv')",
    "select logTrace('x')",
    "select tid()",
    "select flameGraph([1::UInt64])",
    "select __getScalar('x')",
    "select evalMLMethod(1, 2)",
    "select regionToName(1::UInt32)",
    "select dictGetOrDefault('d', 'x', 1, 2)",
    "select sleep(3)",
    "select sleepEachRow(3) from numbers(10)",
    "select editDistance(repeat('a', 60000), repeat('b', 60000))",
    "select LEVENSHTEINDISTANCE('a', 'b')",
    "select arrayLevenshteinDistance([1], [2])",
    "select 1 settings optimize_read_in_order",
    "select * from (select 1 settings optimize_read_in_order)",
    "exists otel_logs settings optimize_read_in_order",
    "show tables settings optimize_read_in_order",
]


@pytest.mark.parametrize("sql", OF_THE_SERVER)
def test_the_confined_see_nothing_of_the_server(two_projects: EmbeddedClickHouse, sql: str) -> None:
    with pytest.raises(QueryNotAllowed):
        ask(two_projects, sql)


def test_each_function_of_clickhouse_is_classified(two_projects: EmbeddedClickHouse) -> None:
    """A new chDB has new functions: decide for each one whether a caller of one project may
    call it (does it compute from its arguments alone?), and list it accordingly."""
    found = two_projects.query("SELECT name FROM system.functions WHERE origin = 'System'")
    unclassified = [
        name
        for name in found.column("name").to_pylist()
        if name.lower() not in allowed_functions() | FOR_NOBODY.keys() | UNCONFINED_ONLY.keys()
        and not name.lower().startswith(NAMING_TABLES)
    ]
    assert unclassified == []


def test_no_function_is_both_allowed_and_refused() -> None:
    assert not allowed_functions() & (FOR_NOBODY.keys() | UNCONFINED_ONLY.keys())
    assert not [name for name in allowed_functions() if name.startswith(NAMING_TABLES)]


def test_an_unclassified_function_is_refused_to_the_confined(
    two_projects: EmbeddedClickHouse,
) -> None:
    two_projects.execute("CREATE FUNCTION brandNew AS (x) -> x + 1")
    try:
        assert ask(two_projects, "select brandNew(1) as x", confined=False).table.num_rows == 1
        with pytest.raises(QueryNotAllowed, match="not among the functions"):
            ask(two_projects, "select brandNew(1) as x")
    finally:
        two_projects.execute("DROP FUNCTION brandNew")


def test_no_column_of_our_tables_has_the_name_of_a_refused_function(
    two_projects: EmbeddedClickHouse,
) -> None:
    migrate(two_projects, "telemetry")
    found = two_projects.query("SELECT name FROM system.columns WHERE database = 'telemetry'")
    assert found.num_rows > 0
    policy = Policy(confined_to="telemetry")
    for name in found.column("name").to_pylist():
        sql = f"select `{name}` from t group by {name.partition('.')[0]}"
        policy.check(sql, tokenize(sql))


@pytest.mark.parametrize("sql", REACHING_OUT)
def test_nobody_reaches_out(two_projects: EmbeddedClickHouse, tmp_path: Path, sql: str) -> None:
    """Neither files nor the network nor the process's memory, confined or not."""
    file = tmp_path / "secret"
    file.write_text(_SECRETS_FILE)
    for confined in (False, True):
        with pytest.raises(QueryError) as raised:
            ask(two_projects, sql.format(file=file), confined=confined)
        assert _SECRETS_FILE not in str(raised.value)


@pytest.mark.parametrize("sql", WRITING)
def test_nobody_writes(two_projects: EmbeddedClickHouse, tmp_path: Path, sql: str) -> None:
    out = tmp_path / "out"
    for confined in (False, True):
        with pytest.raises(QueryNotAllowed):
            ask(two_projects, sql.format(out=out), confined=confined)
    assert not out.exists()
    assert ask(two_projects, "select count() from otel_logs").table.to_pydict() == {"count()": [1]}


@pytest.mark.parametrize("sql", OF_OTHERS)
def test_the_confined_read_their_own_only(two_projects: EmbeddedClickHouse, sql: str) -> None:
    with pytest.raises(QueryError) as raised:
        ask(two_projects, sql.format(), t="other.otel_logs", d="other")
    assert SECRET not in str(raised.value)


def test_the_unconfined_read_all(two_projects: EmbeddedClickHouse) -> None:
    answer = ask(two_projects, "select Body from other.otel_logs", confined=False)
    assert answer.table.to_pydict() == {"Body": [SECRET]}


WORDS = "* Body from other otel_logs . ( ) , in ; union all with as x join using 1 1e- where any"
QUOTES = r"""' '' ` " \ -- /* */ # $$ $a$ “ `other` "other" '/tmp/x'"""
OTHERS = "select explain show describe exists tables system acme acme.otel_logs other.otel_logs CSV"
TRICKS = "into outfile format settings {t:Identifier} merge('.*','otel_logs') view( file( arrayMap("
PIECES = st.sampled_from(f"{WORDS} {QUOTES} {OTHERS} {TRICKS} \u201c \u201d".split(" "))


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["select * from ", "select (select any(Body) from ", "with x as (", "show "]),
    st.lists(st.tuples(PIECES, st.sampled_from(["", " ", "\n"])), max_size=10),
)
def test_no_mixture_of_pieces_shows_the_secret(
    two_projects: EmbeddedClickHouse, beginning: str, pieces: list[tuple[str, str]]
) -> None:
    sql = beginning + "".join(piece + space for piece, space in pieces)
    try:
        answer = ask(two_projects, sql, t="other.otel_logs")
    except StoreError as error:
        assert SECRET not in str(error)  # noqa: PT017 - both ways out are checked
    else:
        assert SECRET not in str(rows(answer.table, answer.types))
