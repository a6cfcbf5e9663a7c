"""`{…}` of selectors and `(…)` of `by`, `on` and their like."""

from typing import Final

from belvedere.query.go_format import quote
from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.promql.position import Position
from belvedere.query.promql.regex import BadRegexError
from belvedere.query.promql.token_stream import TokenStream
from belvedere.query.promql.tokens import IDENTIFIER, LABEL_NAMES, STRING, Token
from belvedere.query.promql.unquote import is_utf8, unquote

_GROUPING: Final = "grouping opts"
_MATCHING: Final = "label matching"
_OPERATORS: Final = {str(operator): operator for operator in MatchOp}


def label_matchers(tokens: TokenStream) -> tuple[list[Matcher], int]:
    """The matchers between braces, the opening one ahead, and where the closing one ends."""
    tokens.take()
    matchers: list[Matcher] = []
    while (closing := tokens.take_if("}")) is None:
        if matchers:
            tokens.expect(",", _MATCHING, '"," or "}"')
            if (closing := tokens.take_if("}")) is not None:
                break
        matchers.append(_matcher(tokens))
    return matchers, closing.end


def _matcher(tokens: TokenStream) -> Matcher:
    label = tokens.take_if(IDENTIFIER, STRING)
    if label is None:
        tokens.unexpected(_MATCHING, 'identifier or "}"')
    operator = tokens.take_if(*_OPERATORS)
    if operator is None:
        if label.kind == IDENTIFIER:
            tokens.unexpected(_MATCHING, "label matching operator")
        return Matcher(METRIC_NAME, MatchOp.EQUAL, unquote(label.text))
    value = tokens.expect(STRING, _MATCHING, "string")
    name = unquote(label.text) if label.kind == STRING else label.text
    try:
        return Matcher(name, _OPERATORS[operator.kind], unquote(value.text))
    except BadRegexError as error:
        tokens.fault(Position(label.start, value.end), str(error))
        return Matcher(name, MatchOp.EQUAL, unquote(value.text))


def grouping(tokens: TokenStream) -> tuple[str, ...]:
    """The labels between parentheses."""
    tokens.expect("(", _GROUPING, '"("')
    names: list[str] = []
    while tokens.take_if(")") is None:
        if names:
            tokens.expect(",", _GROUPING, '"," or ")"')
            if tokens.take_if(")") is not None:
                break
        names.append(_label(tokens))
    return tuple(names)


def _label(tokens: TokenStream) -> str:
    token = tokens.take_if(STRING, *LABEL_NAMES)
    if token is None:
        tokens.unexpected(_GROUPING, "label")
    name = unquote(token.text) if token.kind == STRING else token.text
    if not is_label_name(name):
        tokens.fault(token.position, f"invalid label name for grouping: {quote(name)}")
    return name


def is_label_name(name: str) -> bool:
    """Whether the name is valid: not empty, and valid UTF-8."""
    return bool(name) and is_utf8(name)


def metric_name(token: Token) -> Matcher:
    """The matcher of a name that stands before the braces."""
    return Matcher(METRIC_NAME, MatchOp.EQUAL, token.text)
