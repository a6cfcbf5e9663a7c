"""What the lexer gives to the parser."""

from typing import Final, NamedTuple

from belvedere.query.go_format import quote
from belvedere.query.promql.position import Position

EOF: Final = "end of input"
IDENTIFIER: Final = "identifier"
METRIC_IDENTIFIER: Final = "metric identifier"
STRING: Final = "string"
NUMBER: Final = "number"
DURATION: Final = "duration"

AGGREGATORS_WITH_PARAMETER: Final = frozenset(
    ("topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio")
)
AGGREGATORS: Final = AGGREGATORS_WITH_PARAMETER | {
    *("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar")
}
EXPERIMENTAL_AGGREGATORS: Final = frozenset(("limitk", "limit_ratio"))
SET_OPERATORS: Final = frozenset(("and", "or", "unless"))
COMPARISON_OPERATORS: Final = frozenset(("==", "!=", "<=", "<", ">=", ">"))
# Removes the metric's name, as what comes out is another quantity.
ARITHMETIC_OPERATORS: Final = frozenset(("+", "-", "*", "/", "%", "^", "atan2"))
TRIM_OPERATORS: Final = frozenset(("</", ">/"))
FILL_KEYWORDS: Final = frozenset(("fill", "fill_left", "fill_right"))
_KEYWORDS: Final = FILL_KEYWORDS | {
    *("offset", "smoothed", "anchored", "by", "without", "on", "ignoring"),
    *("group_left", "group_right", "bool"),
}
PREPROCESSORS: Final = frozenset(("start", "end", "step", "range", "min_of", "max_of"))
_OPERATORS: Final = (
    SET_OPERATORS | COMPARISON_OPERATORS | ARITHMETIC_OPERATORS | TRIM_OPERATORS | {"@", "=~", "!~"}
)
# Words that mean something outside of braces, whatever their case.
WORDS: Final = AGGREGATORS | _KEYWORDS | PREPROCESSORS | SET_OPERATORS | {"atan2"}
METRIC_NAMES: Final = (
    AGGREGATORS
    | PREPROCESSORS
    | SET_OPERATORS
    | FILL_KEYWORDS
    | {"by", "without", "offset", "anchored", "smoothed", IDENTIFIER, METRIC_IDENTIFIER}
)
LABEL_NAMES: Final = WORDS | {IDENTIFIER, METRIC_IDENTIFIER}
_SHOWN: Final = 10


class Token(NamedTuple):
    """A token. `kind` is a word or sign itself, or one of the constants above.

    Attributes:
        kind: What it is; words in lower case.
        text: As it stands in the query.
        start: Byte of the query.
    """

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def position(self) -> Position:
        return Position(self.start, self.end)

    def describe(self) -> str:  # noqa: PLR0911 # a table of kinds, flattened
        """As upstream's messages name a token: `<op:+>`, `identifier "a"`, `"("`."""
        if self.kind == EOF:
            return EOF
        if self.kind in {IDENTIFIER, METRIC_IDENTIFIER}:
            return f"{self.kind} {quote(self._decoded())}"
        if self.kind in {STRING, NUMBER, DURATION}:
            return f"{self.kind} {self._shortened()}"
        if self.kind in _KEYWORDS:
            return f"<{self.text}>"
        if self.kind in _OPERATORS:
            return f"<op:{self.text}>"
        if self.kind in AGGREGATORS:
            return f"<aggr:{self.text}>"
        return self._shortened()

    def _decoded(self) -> str:
        return self.text.encode("latin-1").decode("utf-8", "surrogateescape")

    def _shortened(self) -> str:
        text = self._decoded()
        return f"{quote(text[:_SHOWN])}..." if len(self.text) > _SHOWN else quote(text)
