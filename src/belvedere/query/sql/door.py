"""`SqlDoor`: run a statement that someone wrote, if it may be run, and say what its columns are."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pyarrow as pa

from belvedere.query.sql.policy import Policy
from belvedere.query.sql.tokens import Token, tokenize
from belvedere.query.stop import go_on
from belvedere.store.database import Database, QueryLimits
from belvedere.store.errors import QueryError

_INTERNAL_DATABASES: Final = frozenset(
    {"system", "information_schema", "_temporary_and_external_tables"}
)
_SELECTS: Final = ("SELECT", "WITH", "FROM")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave."""

    table: pa.Table
    types: tuple[str | None, ...]
    """ClickHouse's type of each column; None where it did not say."""


class SqlDoor:
    """The one way from text that a user wrote to the database.

    A statement is read twice: as its author wrote it, and as ClickHouse's own parser prints it
    back (without comments, escapes and other disguises). Both must pass the policy.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known_names: dict[str, frozenset[str]] = {}

    def run(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        project: str = "default",
        confined: bool = False,
        limits: QueryLimits | None = None,
    ) -> Answer:
        """Run one statement that reads.

        Args:
            sql: the statement; `{name:Type}` are placeholders.
            params: values of the placeholders.
            project: whose tables are meant by names without a database.
            confined: whether other projects' tables, and ClickHouse's own, are out of reach.
            limits: bounds; None stands for the defaults of `QueryLimits`.

        Raises:
            QueryNotAllowed: it is not a read, or reads what this caller may not see.
            QueryTooLarge: it went over a bound.
            QueryError: it cannot run.
            StoreUnavailable: the database cannot be reached.
        """
        policy = Policy(
            table_functions=self._names("table_functions"),
            functions=self._names("functions"),
            settings=self._names("settings"),
            confined_to=project if confined else None,
            other_databases=self._other_databases(project) if confined else frozenset(),
        )
        tokens = tokenize(sql)
        policy.check(sql, tokens)
        statement = _without_semicolon(sql, tokens)
        printed = self._printed(statement)
        policy.check(printed, tokenize(printed))
        limited = partial(self._db.query, params=params, database=project, limits=limits)
        go_on()
        table = limited(statement)
        go_on()
        _check_names(table)
        if not next(token for token in tokens if token.is_name).is_word(*_SELECTS):
            return Answer(table, (None,) * table.num_columns)
        return Answer(table, _types(limited, statement, table.num_columns))

    def _names(self, table: str) -> frozenset[str]:
        """What a table of ClickHouse's own names, in lower case."""
        if table not in self._known_names:
            names = self._db.query(f"SELECT lower(name) AS name FROM system.{table}")
            self._known_names[table] = frozenset(names.column("name").to_pylist())
        return self._known_names[table]

    def _other_databases(self, project: str) -> frozenset[str]:
        names = self._db.query("SELECT name FROM system.databases").column("name").to_pylist()
        others = frozenset(name.lower() for name in names if name != project)
        return others | _INTERNAL_DATABASES

    def _printed(self, statement: str) -> str:
        """The statement as ClickHouse's parser understands it.

        Raises:
            QueryError: it does not parse.
        """
        try:
            table = self._db.query(
                "SELECT formatQuerySingleLine({statement:String}) AS printed",
                {"statement": statement},
            )
        except QueryError as error:
            message = str(error).partition(": In scope SELECT formatQuerySingleLine")[0]
            raise type(error)(message, code=error.code) from None
        # Texts in it may hold bytes that are not UTF-8, written as escapes.
        printed: bytes = table.column("printed").cast(pa.binary())[0].as_py()
        return printed.decode(errors="replace")


def _types(query: Callable[[str], pa.Table], select: str, count: int) -> tuple[str | None, ...]:
    """ClickHouse's types: Arrow shows its DateTime, IPv4, enums and others as numbers."""
    try:
        described: list[str] = query(f"DESCRIBE TABLE ({select}\n)").column("type").to_pylist()
    except QueryError:
        described = []
    # Types come printed over several lines.
    types = tuple(re.sub(r"\n +", "", text) for text in described)
    return types if len(types) == count else (None,) * count


def _check_names(table: pa.Table) -> None:
    try:
        _ = table.column_names
    except UnicodeDecodeError:
        raise QueryError(
            "the name of a column is not UTF-8; give it one with AS", code="BAD_ARGUMENTS"
        ) from None


def _without_semicolon(sql: str, tokens: list[Token]) -> str:
    return sql[: tokens[-1].offset] if tokens[-1].is_sign(";") else sql
