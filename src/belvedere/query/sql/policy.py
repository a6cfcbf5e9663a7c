"""What the SQL door lets through: one statement that reads, and nothing that reaches outside.

ClickHouse's `readonly = 1` refuses writes and changes of settings. This adds what it lets
through: files, the network, other processes' queries, and the projects of others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from belvedere.query.sql.functions import (
    FOR_NOBODY,
    NAMES_OF_COLUMNS,
    NAMING_TABLES,
    UNCONFINED_ONLY,
    allowed_functions,
)
from belvedere.query.sql.tokens import Token, refusal
from belvedere.store.errors import QueryError

READS: Final = frozenset(
    {"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"}
)
"""How a statement begins that may be run."""

TABLE_FUNCTIONS: Final = frozenset(
    {
        "format",
        "generaterandom",
        "generateseries",
        "generate_series",
        "null",
        "numbers",
        "numbers_mt",
        "primes",
        "sqlstandardvalues",
        "values",
        "view",
        "zeros",
        "zeros_mt",
    }
)
"""Table functions (in lower case) that read nothing but their arguments. All others are refused."""

_SHOWS: Final = frozenset({"TABLES", "COLUMNS", "FUNCTIONS", "INDEX", "INDEXES", "KEYS"})
"""What a caller who is confined to a project may SHOW."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who asks, and what this ClickHouse has that he must not reach."""

    table_functions: frozenset[str] = frozenset()
    """All table functions of this ClickHouse, in lower case."""
    functions: frozenset[str] = frozenset()
    """All ordinary and aggregate functions of this ClickHouse, in lower case."""
    settings: frozenset[str] = frozenset()
    """The names of all settings of this ClickHouse."""
    confined_to: str | None = None
    """The one project that the caller may read; None: all of them."""
    other_databases: frozenset[str] = frozenset()
    """All databases that are not that project's, in lower case. Unused unless confined."""

    def check(self, sql: str, tokens: Sequence[Token]) -> None:
        """Let a statement pass.

        Args:
            sql: the statement, for positions in messages.
            tokens: its tokens.

        Raises:
            QueryNotAllowed: it does not pass; the message says where and why, and what to do.
            QueryError: there is no statement.
        """
        first = _first(sql, tokens)
        for previous, token, second, third in _windows(tokens):
            self._check_settings(sql, previous, token, second, third)
            _check_clause(sql, token, second, third)
            if token.is_name and not (previous and previous.is_sign(".")):
                self._check_function(sql, token, called=bool(second and second.is_sign("(")))
        if self.confined_to is not None:
            self._check_confined(sql, tokens, first)

    def _check_settings(
        self,
        sql: str,
        previous: Token | None,
        token: Token,
        second: Token | None,
        third: Token | None,
    ) -> None:
        """`SETTINGS a = 1`, and `SETTINGS a`, which is short for it."""
        if not token.is_word("SETTINGS") or second is None or not second.is_name:
            return
        ends = third is None or any(map(third.is_sign, ",;)"))
        is_column = (previous is not None and previous.is_word("AS")) or (
            second.is_word("LIMIT", "OFFSET") and not ends  # ORDER BY settings LIMIT 5
        )
        assigns = third is not None and third.is_sign("=")
        if assigns or (second.text.lower() in self.settings and not is_column):
            raise refusal(
                sql, token.offset, "SETTINGS cannot be changed here; the server bounds each query"
            )

    def _check_function(self, sql: str, token: Token, *, called: bool) -> None:
        """Functions that this caller may not call: by `f(x)`, or by `arrayMap(f, [x])`."""
        name = token.text.lower()
        reason = self._reason(name, called=called)
        if reason is not None:
            hint = "" if called else f"; a column of that name is written table.{token.text}"
            code = "READONLY" if name in FOR_NOBODY else "ACCESS_DENIED"
            raise refusal(
                sql, token.offset, f"{token.text}() {reason}: not allowed here{hint}", code=code
            )
        if called and name in self.table_functions - TABLE_FUNCTIONS:
            raise refusal(
                sql,
                token.offset,
                f"{token.text}() reads from outside the project's tables: not allowed here",
            )

    def _reason(self, name: str, *, called: bool) -> str | None:
        """Why a function may not be called; None if it may, or if `name` is not a function."""
        if name in FOR_NOBODY:
            return FOR_NOBODY[name]
        if self.confined_to is None or not (called or name not in NAMES_OF_COLUMNS):
            return None
        if name in UNCONFINED_ONLY:
            return UNCONFINED_ONLY[name]
        if name.startswith(NAMING_TABLES):
            return "reads the table that its text names"
        if called and name in self.functions - allowed_functions():
            return "is not among the functions that a token for one project may call"
        return None

    def _check_confined(self, sql: str, tokens: Sequence[Token], first: Token) -> None:
        """Each way to name a table: as `database.table`, by its database alone, or as text."""
        alone = not first.is_word("SELECT", "WITH", "FROM", "EXPLAIN")
        if first.is_word("SHOW"):
            _check_show(sql, tokens)
        for _, token, second, _ in _windows(tokens):
            if not token.is_name:
                continue
            database = token.text.partition(".")[0]
            qualifies = alone or "." in token.text or (second and second.is_sign("."))
            if qualifies and database.lower() in self.other_databases:
                raise refusal(
                    sql,
                    token.offset,
                    f"this token reads the project {self.confined_to!r} only,"
                    f" not the database {database!r}",
                    code="ACCESS_DENIED",
                )
            if token.is_word("IDENTIFIER") and second and second.is_sign("}"):
                raise refusal(
                    sql,
                    token.offset,
                    "write the name itself: a parameter of type Identifier is not allowed here",
                    code="ACCESS_DENIED",
                )


def _first(sql: str, tokens: Sequence[Token]) -> Token:
    """The word that says what the statement does."""
    for token in tokens:
        if token.is_sign("("):
            continue
        if token.is_word(*READS):
            return token
        raise refusal(
            sql,
            token.offset,
            "only reading is possible here: SELECT, WITH, SHOW, DESCRIBE, EXPLAIN or EXISTS,"
            f" not {token.text[:20].upper()!r}",
        )
    raise QueryError("the query is empty; try: SHOW TABLES", code="SYNTAX_ERROR")


def _windows(
    tokens: Sequence[Token],
) -> Iterator[tuple[Token | None, Token, Token | None, Token | None]]:
    """Each token, with the one before it and the two after it."""
    return zip(
        [None, *tokens], tokens, [*tokens[1:], None], [*tokens[2:], None, None], strict=False
    )


def _check_show(sql: str, tokens: Sequence[Token]) -> None:
    kind = [token.text.upper() for token in tokens[1:3]]
    if kind[:1] == ["FULL"]:
        kind = kind[1:]
    if kind[:1] and kind[0] in _SHOWS:
        return
    if kind == ["CREATE", "TABLE"]:
        return
    raise refusal(
        sql,
        tokens[0].offset,
        f"here SHOW takes one of: CREATE TABLE, {', '.join(sorted(_SHOWS))}",
        code="ACCESS_DENIED",
    )


def _check_clause(sql: str, token: Token, second: Token | None, third: Token | None) -> None:
    """Refuse what is no part of a read, though it can stand in one."""
    if second is None:
        return
    if token.is_sign(";"):
        raise refusal(sql, second.offset, "one statement at a time; send the next one by itself")
    if token.is_word("INTO") and second.is_word("OUTFILE"):
        raise refusal(
            sql,
            token.offset,
            "INTO OUTFILE would write a file of the server;"
            " leave it out and redirect the answer (belvedere sql … > FILE)",
        )
    ends = third is None or third.is_sign(";") or third.is_word("SETTINGS", "INTO")
    if token.is_word("FORMAT") and second.is_name and ends:
        raise refusal(
            sql,
            token.offset,
            f"leave out FORMAT {second.text}: choose the format with --format on the command"
            " line, or with the parameter `format` of /api/sql",
        )
