"""The errors of PromQL.

PromQLError                 what a user sees; the API maps each to an errorType
├── ParseError              bad_data: the text is no query; carries where
├── QueryTypeError          bad_data: the query gives what this kind of query cannot give
├── ExecutionError          execution: the query met data that it cannot work on
│   └── TooManySamples      execution: a bound on samples, series or steps
├── QueryTimeoutError       timeout: the query ran longer than it may
└── QueryCanceledError      canceled: who asked has gone away
"""

from collections.abc import Sequence
from typing import NamedTuple

from belvedere.query.promql.position import NOWHERE, Position


class PromQLError(Exception):
    """The message is the text that Prometheus gives."""


class ParseFault(NamedTuple):
    """One thing wrong with the text of a query."""

    position: Position
    message: str

    def render(self, query: str) -> str:
        """`1:23: parse error: …`, as upstream prints it."""
        return f"{self.position.at(query)}: parse error: {self.message}"


class ParseError(PromQLError):
    """The text is no query. `faults` are in the order in which they were found.

    The message is that of the first fault: upstream's API shows that one.
    """

    def __init__(self, query: str, faults: Sequence[ParseFault]) -> None:
        self.query = query
        self.faults = tuple(faults)
        super().__init__(self.faults[0].render(query))

    @property
    def position(self) -> Position:
        return self.faults[0].position


class QueryTypeError(PromQLError):
    """The query gives what this kind of query cannot give: a string over a range of time."""


class ExecutionError(PromQLError):
    """The query met data that it cannot work on."""

    def __init__(self, message: str, position: Position = NOWHERE) -> None:
        self.position = position
        super().__init__(message)


class TooManySamples(ExecutionError):  # noqa: N818 # named by what happened
    """A bound on samples, series or steps is passed."""


class QueryTimeoutError(PromQLError):
    """The query ran longer than it may."""

    def __init__(self, during: str) -> None:
        super().__init__(f"query timed out in {during}")


class QueryCanceledError(PromQLError):
    """Who asked has gone away."""

    def __init__(self, during: str) -> None:
        super().__init__(f"query was canceled in {during}")
