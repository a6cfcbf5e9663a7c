"""A template's text → its tree."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from belvedere.query.go_format import quote
from belvedere.query.promql.unquote import unquote
from belvedere.rules.template.errors import TemplateSyntaxError
from belvedere.rules.template.lexer import Token, syntax_error, tokens
from belvedere.rules.template.nodes import (
    Action,
    Branch,
    Call,
    Command,
    Constant,
    Dot,
    Field,
    Function,
    Jump,
    Operand,
    Pipeline,
    Statement,
    Template,
    Text,
    Variable,
)

_MAX_DEPTH: Final = 100
_OPERANDS: Final = frozenset(
    (*("number", "field", "variable", "identifier", "string", "raw", "char", ".", "("), "keyword")
)
_ESCAPED: Final = re.compile(
    r"""(?:[^\\]|\\(?:[abfnrtv\\'"]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U00[0-9a-fA-F]{6}))*"""
)
_CONSTANTS: Final = {"true": True, "false": False}


def parse_template(name: str, text: str, functions: Collection[str]) -> Template:
    """The tree of a template.

    Args:
        name: What errors call it.
        text: The template.
        functions: The names that it may call.

    Raises:
        TemplateSyntaxError: it is no template, or calls what is not there.
    """
    return _Parser(name, text, functions).parse()


class _Parser:
    """Recursive descent, with one token ahead."""

    def __init__(self, name: str, text: str, functions: Collection[str]) -> None:
        self._name, self._text, self._functions = name, text, functions
        self._tokens = list(tokens(name, text))
        self._at = 0
        self._variables = ["$"]
        self._defined: dict[str, list[Statement]] = {}
        self._depth, self._loops = 0, 0

    def parse(self) -> Template:
        body: list[Statement] = []
        while self._ahead.kind != "end":
            if self._is_keyword_next("define"):
                self._definition()
            else:
                body.extend(self._statement())
                if (ending := self._ending()) is not None:
                    raise self._error(ending, f"unexpected {{{{{ending.text}}}}}")
        return Template(self._name, self._text, body, self._defined)

    # Tokens

    @property
    def _ahead(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _expect(self, kind: str, context: str) -> Token:
        token = self._next()
        if token.kind != kind:
            raise self._unexpected(token, context)
        return token

    def _error(self, token: Token, problem: str) -> TemplateSyntaxError:
        return syntax_error(self._name, self._text, token.start, problem)

    def _unexpected(self, token: Token, context: str) -> TemplateSyntaxError:
        shown = "EOF" if token.kind == "end" else f"<{token.text}>"
        shown = quote(token.text) if token.kind == "right" else shown
        return self._error(token, f"unexpected {shown} in {context}")

    def _is_keyword_next(self, *words: str) -> bool:
        follows = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return self._ahead.kind == "left" and follows.kind == "keyword" and follows.text in words

    def _ending(self) -> Token | None:
        """The word of an `{{ end }}` or `{{ else }}` that is next, which stays."""
        return self._tokens[self._at + 1] if self._is_keyword_next("end", "else") else None

    # Statements

    def _statement(self) -> list[Statement]:
        """What is next; nothing for an ending."""
        token = self._ahead
        if token.kind == "text":
            self._next()
            return [Text(token.start, token.end, token.text)]
        if self._ending() is not None:
            return []
        self._expect("left", "input")
        word = self._ahead
        if word.kind == "keyword" and word.text != "nil":
            self._next()
            return [self._keyword(word)]
        pipeline = self._pipeline("command", "right")
        self._next()
        return [Action(token.start, pipeline.end, pipeline)]

    def _keyword(self, word: Token) -> Statement:
        if word.text in {"if", "with", "range"}:
            return self._branch(word)
        if word.text in {"break", "continue"}:
            if not self._loops:
                raise self._error(word, f"{{{{{word.text}}}}} outside {{{{range}}}}")
            self._expect("right", f"{{{{{word.text}}}}}")
            return Jump(word.start, word.end, word.text)
        if word.text == "template":
            name = self._template_name("template clause")
            return Call(word.start, word.end, name, self._data("template clause"))
        if word.text == "block":
            return self._block(word)
        raise self._error(word, f"unexpected {{{{{word.text}}}}}")

    def _branch(self, word: Token) -> Branch:
        known = len(self._variables)
        self._loops += word.text == "range"
        pipeline = self._pipeline(word.text, "right", in_range=word.text == "range")
        self._next()
        body = self._statements()
        self._loops -= word.text == "range"
        otherwise: list[Statement] = []
        self._expect("left", word.text)
        ending = self._next()
        if ending.text == "else":
            otherwise = self._else(word)
        else:
            self._expect("right", "end")
        del self._variables[known:]
        return Branch(word.start, pipeline.end, word.text, pipeline, body, otherwise)

    def _else(self, opened: Token) -> list[Statement]:
        """What follows `{{ else`: `if …}}` and `with …}}` share the end of what they are in."""
        token = self._next()
        if token.kind == "keyword" and token.text == opened.text and token.text != "range":
            return [self._branch(token)]
        if token.kind != "right":
            raise self._unexpected(token, "else")
        otherwise = self._statements()
        self._expect("left", opened.text)
        ending = self._next()
        if ending.text == "else":
            raise self._error(ending, "expected end; found {{else}}")
        self._expect("right", "end")
        return otherwise

    def _statements(self) -> list[Statement]:
        """All up to an ending, which stays."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(self._ahead, "the template is nested too deeply")
        found: list[Statement] = []
        known = len(self._variables)
        while self._ending() is None:
            if self._ahead.kind == "end":
                raise self._error(self._ahead, "unexpected EOF")
            if self._is_keyword_next("define"):
                raise self._error(self._tokens[self._at + 1], "unexpected {{define}}")
            found.extend(self._statement())
        del self._variables[known:]
        self._depth -= 1
        return found

    def _definition(self) -> None:
        self._next()
        self._next()
        name = self._template_name("define clause")
        self._expect("right", "define clause")
        self._define(name)

    def _block(self, word: Token) -> Call:
        name = self._template_name("block clause")
        data = self._data("block clause")
        self._define(name)
        return Call(word.start, word.end, name, data)

    def _define(self, name: str) -> None:
        """The body of a template: it knows no variable of those around it."""
        variables, self._variables = self._variables, ["$"]
        loops, self._loops = self._loops, 0
        self._defined[name] = self._statements()
        self._variables, self._loops = variables, loops
        self._expect("left", "define")
        ending = self._next()
        if ending.text != "end":
            raise self._error(ending, f"unexpected {{{{{ending.text}}}}} in define clause")
        self._expect("right", "end")

    def _template_name(self, context: str) -> str:
        token = self._next()
        if token.kind not in {"string", "raw"}:
            raise self._unexpected(token, context)
        return self.text_of(token)

    def _data(self, context: str) -> Pipeline | None:
        pipeline = None if self._ahead.kind == "right" else self._pipeline(context, "right")
        self._next()
        return pipeline

    # Pipelines

    def _pipeline(self, context: str, closing: str, *, in_range: bool = False) -> Pipeline:
        """Up to `closing`, which stays."""
        start = self._ahead
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(start, "the template is nested too deeply")
        variables, declares = self._variables_taken(context, in_range=in_range)
        commands: list[Command] = []
        while True:
            token = self._ahead
            if token.kind == closing:
                break
            if token.kind not in _OPERANDS:
                raise self._unexpected(token, context)
            commands.append(self._command(context, closing, first=not commands))
        if not commands:
            raise self._error(self._ahead, f"missing value for {context}")
        self._depth -= 1
        if declares:
            self._variables.extend(variables)
        return Pipeline(start.start, commands[-1].end, variables, declares, commands)

    def _variables_taken(self, context: str, *, in_range: bool) -> tuple[list[str], bool]:
        at, names = self._at, []
        while self._ahead.kind == "variable":
            names.append(self._next())
            sign = self._ahead
            if sign.kind == "," and in_range and len(names) == 1:
                self._next()
                continue
            if sign.kind in {":=", "="}:
                self._next()
                if sign.kind == "=":
                    for name in names:
                        self._known_variable(name)
                return [name.text for name in names], sign.kind == ":="
            if sign.kind == ",":
                raise self._error(sign, f"too many declarations in {context}")
            break
        self._at = at
        return [], False

    def _command(self, context: str, closing: str, *, first: bool) -> Command:
        operands = [self._operand(context)]
        if not first and isinstance(operands[0], Constant | Dot):
            raise self._error(
                self._tokens[self._at - 1], f"non executable command in pipeline stage: {context}"
            )
        while self._ahead.kind not in {closing, "|"}:
            if not self._ahead.spaced:
                raise self._unexpected(self._ahead, "operand")
            operands.append(self._operand(context))
        if self._ahead.kind == "|":
            bar = self._next()
            if self._ahead.kind == closing:
                raise self._error(bar, f"missing value for {context}")
        return Command(operands[0].start, operands[-1].end, operands)

    def _operand(self, context: str) -> Operand:
        token = self._next()
        operand = self._term(token, context)
        while self._ahead.kind == "field" and not self._ahead.spaced:
            if isinstance(operand, Constant):
                raise self._unexpected(self._ahead, "operand")
            name = self._next()
            operand = Field(operand.start, name.end, operand, name.text[1:])
        return operand

    def _term(self, token: Token, context: str) -> Operand:
        start, end = token.start, token.end
        read = _TERMS.get(token.kind)
        if token.kind == "(":
            pipeline = self._pipeline("parenthesized pipeline", ")")
            self._next()
            return pipeline
        if token.kind == "variable":
            self._known_variable(token)
        if token.kind == "identifier":
            return self._word(token)
        if read is None or (token.kind == "keyword" and token.text != "nil"):
            raise self._unexpected(token, context)
        return read(self, token, start, end)

    def _word(self, token: Token) -> Operand:
        if token.text in _CONSTANTS:
            return Constant(token.start, token.end, _CONSTANTS[token.text])
        if token.text not in self._functions:
            raise self._error(token, f"function {quote(token.text)} not defined")
        return Function(token.start, token.end, token.text)

    def _known_variable(self, token: Token) -> None:
        if token.text not in self._variables:
            raise self._error(token, f"undefined variable {quote(token.text)}")

    def number(self, token: Token) -> int | float:
        text = token.text.replace("_", "")
        digits = text.lstrip("+-")
        try:
            if digits[:2].lower() not in {"0x", "0b", "0o"} and any(c in ".eE" for c in digits):
                return float(text)
            if len(digits) > 1 and digits.isdigit() and digits[0] == "0":
                return int(text, 8)
            return int(text, 0)
        except ValueError:
            raise self._error(token, f"bad number syntax: {quote(token.text)}") from None

    def text_of(self, token: Token) -> str:
        """The text of a string, or the character of a constant."""
        if token.kind != "raw" and not _ESCAPED.fullmatch(token.text):
            raise self._error(token, "invalid syntax")
        text = unquote(token.text.encode().decode("latin-1"))
        if token.kind == "char" and len(text) != 1:
            raise self._error(token, f"malformed character constant: {token.text}")
        return text


_TERMS: Final[Mapping[str, Callable[[_Parser, Token, int, int], Operand]]] = {
    "field": lambda _, token, start, end: Field(start, end, Dot(start, start), token.text[1:]),
    ".": lambda _, __, start, end: Dot(start, end),
    "variable": lambda _, token, start, end: Variable(start, end, token.text),
    "string": lambda parser, token, start, end: Constant(start, end, parser.text_of(token)),
    "raw": lambda parser, token, start, end: Constant(start, end, parser.text_of(token)),
    "char": lambda parser, token, start, end: Constant(start, end, ord(parser.text_of(token))),
    "number": lambda parser, token, start, end: Constant(start, end, parser.number(token)),
    "keyword": lambda _, __, start, end: Constant(start, end, None),
}
"""What the tokens that are whole operands stand for; of keywords only `nil` comes here."""
