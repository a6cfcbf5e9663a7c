"""Tokens → tree: recursive descent, with the grammar and the messages of upstream's parser.

Operators bind as in upstream's grammar, from loosest: `or`; `and unless`; comparisons and
histogram trims; `+ -`; `* / % atan2` and signs; `^` (from the right); then `offset`, `@`, `[…]`,
`anchored` and `smoothed` after an operand. A LALR generator was not taken, because upstream's
messages say in which construct a token was unexpected.
"""

from dataclasses import replace
from typing import Final

from belvedere.query.go_format import quote
from belvedere.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Expression,
    NumberLiteral,
    Parentheses,
    StringLiteral,
    Unary,
    VectorMatching,
    VectorSelector,
    children,
)
from belvedere.query.promql.check import check
from belvedere.query.promql.errors import ParseError
from belvedere.query.promql.labels_syntax import grouping, label_matchers, metric_name
from belvedere.query.promql.matcher import Matcher
from belvedere.query.promql.modifiers_syntax import modified
from belvedere.query.promql.numbers_syntax import literal, negated, signed_number
from belvedere.query.promql.options import DEFAULT, ParserOptions
from belvedere.query.promql.position import NOWHERE, Position
from belvedere.query.promql.signatures import FUNCTIONS, Signature, ValueType
from belvedere.query.promql.token_stream import SyntaxFault, TokenStream
from belvedere.query.promql.tokens import (
    AGGREGATORS,
    AGGREGATORS_WITH_PARAMETER,
    DURATION,
    EOF,
    EXPERIMENTAL_AGGREGATORS,
    FILL_KEYWORDS,
    IDENTIFIER,
    METRIC_NAMES,
    NUMBER,
    PREPROCESSORS,
    STRING,
    Token,
)
from belvedere.query.promql.unquote import unquote

_BINDING: Final = {
    operator: level
    for level, operators in enumerate(
        ("or", "and unless", "== != <= < >= > </ >/", "+ -", "* / % atan2", "^"), start=1
    )
    for operator in operators.split()
}
_POWER: Final = _BINDING["^"]
_UNKNOWN: Final = Signature("", (), ValueType.NONE, variadic=-1)
_NOTHING: Final = NumberLiteral(0.0)


def parse(query: str, options: ParserOptions = DEFAULT) -> Expression:
    """The checked tree of a query.

    Raises:
        ParseError: with upstream's message and the place, for text that is no query.
    """
    tokens = TokenStream(query, options)
    try:
        if tokens.ahead.kind == EOF:
            tokens.fault(NOWHERE, "no expression found in input")
            raise SyntaxFault  # noqa: TRY301 # the one way out of parsing
        tree = _expression(tokens, 0)
        tokens.expect(EOF)
        _check_height(tokens, tree)
    except SyntaxFault:
        raise ParseError(query, tokens.faults) from None
    if not tokens.faults:
        tree = check(tree, tokens.text, tokens.faults)
    if tokens.faults:
        raise ParseError(query, tokens.faults)
    return tree


def parse_selector(query: str) -> tuple[Matcher, ...]:
    """The matchers of one selector, as `match[]` of the API takes it.

    Raises:
        ParseError: the text is something else.
    """
    tokens = TokenStream(query, DEFAULT)
    try:
        if tokens.ahead.kind not in METRIC_NAMES | {"{"}:
            tokens.unexpected()
        selector = _selector(tokens)
        tokens.expect(EOF)
    except SyntaxFault:
        raise ParseError(query, tokens.faults) from None
    if tokens.faults:
        raise ParseError(query, tokens.faults)
    return selector.matchers


def _check_height(tokens: TokenStream, tree: Expression) -> None:
    """Refuses trees that are too high for those who walk through them by recursion."""
    level, height = [tree], 0
    while level:
        height += 1
        level = [child for node in level for child in children(node)]
    if height > tokens.options.max_height:
        tokens.too_deep(tree.position, tokens.options.max_height)


def _expression(tokens: TokenStream, minimum: int) -> Expression:
    """An expression of operators that bind at least as tight as `minimum`."""
    with tokens.deeper():
        left = _signed(tokens)
        operators = 0
        while (binding := _BINDING.get(tokens.ahead.kind, -1)) >= minimum:
            operator = tokens.take().kind
            return_bool, matching = _matching(tokens)
            # ^ binds from the right, all others from the left.
            right = _expression(tokens, binding if binding == _POWER else binding + 1)
            position = Position(left.position.start, right.position.end)
            left = Binary(operator, left, right, matching, return_bool, position)
            operators += 1
            if operators >= tokens.options.max_height:
                tokens.too_deep(left.position, tokens.options.max_height)
            if matching.has_fill and not tokens.options.fill_modifiers:
                tokens.fault(left.position, "binop fill modifiers are experimental and not enabled")
        return left


def _signed(tokens: TokenStream) -> Expression:
    sign = tokens.take_if("+", "-")
    if sign is None:
        return modified(tokens, _primary(tokens))
    operand = _expression(tokens, _POWER)
    if not isinstance(operand, NumberLiteral):
        return Unary(sign.kind, operand, Position(sign.start, operand.position.end))
    if sign.kind == "-":
        return negated(operand, sign.start)
    return replace(operand, position=Position(sign.start, operand.position.end))


def _primary(tokens: TokenStream) -> Expression:
    kind = tokens.ahead.kind
    if kind in {NUMBER, DURATION}:
        return literal(tokens, tokens.take())
    if kind == STRING:
        token = tokens.take()
        return StringLiteral(unquote(token.text), token.position)
    if kind == "(":
        start = tokens.take().start
        inner = _expression(tokens, 0)
        return Parentheses(inner, Position(start, tokens.expect(")").end))
    if kind == "{":
        return _selector(tokens)
    if kind in METRIC_NAMES:
        return _named(tokens)
    return tokens.unexpected()


def _named(tokens: TokenStream) -> Expression:
    """What begins with a name: an aggregation, a call, or a selector."""
    name = tokens.take()
    if name.kind in AGGREGATORS and tokens.ahead.kind in {"(", "by", "without"}:
        with tokens.within("aggregation"):
            return _aggregation(tokens, name)
    if name.kind in PREPROCESSORS | {IDENTIFIER} and tokens.ahead.kind == "(":
        return _call(tokens, name)
    if name.kind in AGGREGATORS and tokens.ahead.kind in {IDENTIFIER, NUMBER, DURATION, STRING}:
        tokens.unexpected("aggregation")
    return _selector(tokens, name)


def _selector(tokens: TokenStream, name: Token | None = None) -> VectorSelector:
    if name is None and tokens.ahead.kind != "{":
        name = tokens.take()
    start = tokens.ahead.start if name is None else name.start
    matchers: list[Matcher] = []
    end = start if name is None else name.end
    if tokens.ahead.kind == "{":
        matchers, end = label_matchers(tokens)
        matchers.sort(key=str)
    if name is not None:
        matchers.append(metric_name(name))
    text = "" if name is None else name.text
    return VectorSelector(text, tuple(matchers), position=Position(start, end))


def _arguments(tokens: TokenStream) -> tuple[list[Expression], int]:
    """What stands between parentheses, and where they end."""
    tokens.expect("(")
    arguments: list[Expression] = []
    while (closing := tokens.take_if(")")) is None:
        if arguments:
            comma = tokens.expect(",")
            if tokens.ahead.kind == ")":
                tokens.fault(comma.position, "trailing commas not allowed in function call args")
                continue
        arguments.append(_expression(tokens, 0))
    return arguments, closing.end


def _call(tokens: TokenStream, name: Token) -> Expression:
    arguments, end = _arguments(tokens)
    signature = FUNCTIONS.get(name.text)
    if signature is None:
        tokens.fault(name.position, f"unknown function with name {quote(name.text)}")
    elif signature.experimental and not tokens.options.experimental_functions:
        tokens.fault(name.position, f"function {quote(name.text)} is not enabled")
    return Call(signature or _UNKNOWN, tuple(arguments), Position(name.start, end))


def _aggregation(tokens: TokenStream, operator: Token) -> Expression:
    labels: tuple[str, ...] = ()
    modifier = tokens.take_if("by", "without")
    if modifier is not None:
        labels = grouping(tokens)
    arguments, end = _arguments(tokens)
    if modifier is None:
        modifier = tokens.take_if("by", "without")
        if modifier is not None:
            start = tokens.ahead
            labels = grouping(tokens)
            end = _after_grouping(tokens, start)
    position = Position(operator.start, end)
    op = operator.kind
    expected = 2 if op in AGGREGATORS_WITH_PARAMETER else 1
    if not arguments:
        tokens.fault(position, "no arguments for aggregate expression provided")
    elif op in EXPERIMENTAL_AGGREGATORS and not tokens.options.experimental_functions:
        tokens.fault(
            position,
            f"{op}() is experimental and must be enabled with "
            "--enable-feature=promql-experimental-functions",
        )
    elif len(arguments) != expected:
        tokens.fault(
            position,
            "wrong number of arguments for aggregate expression provided, "
            f"expected {expected}, got {len(arguments)}",
        )
    without = modifier is not None and modifier.kind == "without"
    parameter = arguments[0] if expected > 1 and arguments else None
    expression = arguments[-1] if arguments else _NOTHING
    return Aggregate(op, expression, parameter, labels, without, position)


def _after_grouping(tokens: TokenStream, opening: Token) -> int:
    """Where the labels that began at `opening` end: no label contains a parenthesis unquoted."""
    before = tokens.text[: tokens.ahead.start].rstrip()
    return max(len(before), opening.end)


def _matching(tokens: TokenStream) -> tuple[bool, VectorMatching]:
    """What stands between an operator and its right side."""
    return_bool = tokens.take_if("bool") is not None
    matching = VectorMatching()
    if (on := tokens.take_if("on", "ignoring")) is not None:
        matching = VectorMatching(labels=grouping(tokens), on=on.kind == "on")
        if (group := tokens.take_if("group_left", "group_right")) is not None:
            many_to_one = group.kind == "group_left"
            matching = replace(
                matching,
                cardinality=Cardinality.MANY_TO_ONE if many_to_one else Cardinality.ONE_TO_MANY,
                include=grouping(tokens) if tokens.ahead.kind == "(" else (),
            )
    return return_bool, _filled(tokens, matching)


def _filled(tokens: TokenStream, matching: VectorMatching) -> VectorMatching:
    first = tokens.take_if(*FILL_KEYWORDS)
    if first is None:
        return matching
    value = _fill_value(tokens)
    if first.kind == "fill":
        return replace(matching, fill_left=value, fill_right=value)
    if first.kind == "fill_left":
        other = _fill_value(tokens) if tokens.take_if("fill_right") is not None else None
        return replace(matching, fill_left=value, fill_right=other)
    other = _fill_value(tokens) if tokens.take_if("fill_left") is not None else None
    return replace(matching, fill_left=other, fill_right=value)


def _fill_value(tokens: TokenStream) -> float:
    tokens.expect("(")
    number = signed_number(tokens, "", "")
    tokens.expect(")")
    return number.value
