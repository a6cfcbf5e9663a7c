"""What the door says to what it does not let through. No database: the text alone decides."""

from dataclasses import replace

import pytest

from belvedere.query.sql.policy import Policy
from belvedere.query.sql.tokens import tokenize
from belvedere.store.errors import QueryError, QueryNotAllowed

OPEN = Policy(
    frozenset({"file", "python", "merge", "numbers", "format", "view"}),
    functions=frozenset({"count", "format", "brandnew"}),
    settings=frozenset({"max_threads", "limit", "final"}),
)
CONFINED = replace(OPEN, confined_to="acme", other_databases=frozenset({"other", "system", "a-b"}))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "insert into t values (1)",
            (
                "line 1, column 1: only reading is possible here: SELECT, WITH, SHOW, DESCRIBE,"
                " EXPLAIN or EXISTS, not 'INSERT'"
            ),
        ),
        (
            "(drop table t)",
            (
                "line 1, column 2: only reading is possible here: SELECT, WITH, SHOW, DESCRIBE,"
                " EXPLAIN or EXISTS, not 'DROP'"
            ),
        ),
        (
            "select 1;\nselect 2",
            "line 2, column 1: one statement at a time; send the next one by itself",
        ),
        (
            "select 1 into /* */ outfile 'a'",
            (
                "line 1, column 10: INTO OUTFILE would write a file of the server;"
                " leave it out and redirect the answer (belvedere sql … > FILE)"
            ),
        ),
        (
            "select 1 format TSV",
            (
                "line 1, column 10: leave out FORMAT TSV: choose the format with --format on the"
                " command line, or with the parameter `format` of /api/sql"
            ),
        ),
        (
            "select 1 settings max_threads = 9",
            "line 1, column 10: SETTINGS cannot be changed here; the server bounds each query",
        ),
        (
            "select 1 settings max_threads",
            "line 1, column 10: SETTINGS cannot be changed here; the server bounds each query",
        ),
        (
            "select * from (select 1 from t settings final, max_threads = 1)",
            "line 1, column 32: SETTINGS cannot be changed here; the server bounds each query",
        ),
        (
            "select 1 settings limit",
            "line 1, column 10: SETTINGS cannot be changed here; the server bounds each query",
        ),
        (
            "select file('/etc/passwd')",
            "line 1, column 8: file() reads files of the server: not allowed here",
        ),
        (
            "select arrayMap(file, ['/etc/passwd'])",
            (
                "line 1, column 17: file() reads files of the server: not allowed here;"
                " a column of that name is written table.file"
            ),
        ),
        (
            "select * from `Python`(x)",
            "line 1, column 15: Python() reads from outside the project's tables: not allowed here",
        ),
        (
            "select aiGenerate('x')",
            "line 1, column 8: aiGenerate() reaches out to the network: not allowed here",
        ),
    ],
    ids=ascii,
)
def test_refusals_say_where_and_why(sql: str, message: str) -> None:
    with pytest.raises(QueryNotAllowed) as raised:
        OPEN.check(sql, tokenize(sql))
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "select * from other.t",
            "line 1, column 15: this token reads the project 'acme' only, not the database 'other'",
        ),
        (
            "select (select 1 from `a-b`.t)",
            "line 1, column 23: this token reads the project 'acme' only, not the database 'a-b'",
        ),
        (
            "show tables from other",
            "line 1, column 18: this token reads the project 'acme' only, not the database 'other'",
        ),
        (
            "show databases",
            (
                "line 1, column 1: here SHOW takes one of: CREATE TABLE, COLUMNS, FUNCTIONS, INDEX,"
                " INDEXES, KEYS, TABLES"
            ),
        ),
        (
            "select dictGet('other.d', 'x', 1)",
            ("line 1, column 8: dictGet() reads the table that its text names: not allowed here"),
        ),
        (
            "select `hostName`()",
            "line 1, column 8: hostName() shows the server, not the project: not allowed here",
        ),
        (
            "select arrayMap(getServerSetting, ['x'])",
            (
                "line 1, column 17: getServerSetting() shows the server, not the project: not"
                " allowed here; a column of that name is written table.getServerSetting"
            ),
        ),
        (
            "select editDistance(Body, 'x') from t",
            "line 1, column 8: editDistance() cannot be interrupted: not allowed here",
        ),
        (
            "select BrandNew(1)",
            (
                "line 1, column 8: BrandNew() is not among the functions that a token for one"
                " project may call: not allowed here"
            ),
        ),
        (
            "select * from {t:Identifier}",
            (
                "line 1, column 18: write the name itself: a parameter of type Identifier is not"
                " allowed here"
            ),
        ),
    ],
    ids=ascii,
)
def test_confined_callers_are_told_what_they_may_read(sql: str, message: str) -> None:
    with pytest.raises(QueryNotAllowed) as raised:
        CONFINED.check(sql, tokenize(sql))
    assert str(raised.value) == message
    OPEN.check(sql, tokenize(sql))


@pytest.mark.parametrize("sql", ["", "  -- nothing\n", "/* */", ";", "(("])
def test_no_statement(sql: str) -> None:
    with pytest.raises(QueryError) as raised:
        OPEN.check(sql, tokenize(sql))
    assert "only reading" in str(raised.value) or str(raised.value) == (
        "the query is empty; try: SHOW TABLES"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "select 1;",
        "Select 1 ; -- the end",
        "((select 1))",
        "with 1 as x select x",
        "from t select a",
        "show tables",
        "SHOW FULL TABLES LIKE 'otel%'",
        "show create table t",
        "describe t",
        "desc (select 1)",
        "explain query tree select 1",
        "exists t",
        "select format('{}', 1), settings, outfile, t.file from t where settings = 1",
        "select 'into outfile', \"format\" TSV, 'other.t', 'settings a = 1'",
        "select a as format from t",
        "select t.other, other from view(select 1 as other), numbers(3) as t",
        "select into, outfile from t",
        "select acme.t.a from acme.t",
        "select a as settings from t order by settings limit 5",
        "select settings from t order by settings desc limit 5",
        "select a as hostname, user, brandnew from t group by uptime, revision",
        "select countIf(a = 1), unknown(1) from t",
    ],
)
def test_reads_pass(sql: str) -> None:
    OPEN.check(sql, tokenize(sql))
    CONFINED.check(sql, tokenize(sql))
