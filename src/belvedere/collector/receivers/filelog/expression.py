"""Conditions on entries: the part of the expr language that configurations of stanza mostly use.

    condition  = and ("or" | "||") and ...          and = not ("and" | "&&") not ...
    not        = ("not" | "!") not | comparison      comparison = operand [operator operand]
    operator   = == != < <= > >= in matches contains startsWith endsWith, each also after `not`
    operand    = "text" | number | true | false | nil | [list] | (condition)
               | body, attributes, resource (with .name, ["name"], [index]), severity_number,
                 severity_text

Anything else, functions for instance, is refused by name. A field that is not there is nil;
comparing what cannot be compared is false.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
from pydantic import AfterValidator

from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.regex import compile_regex

Value = Callable[[Entry], Any]
Condition = Callable[[Entry], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
        |(?P<number>-?\d+(?:\.\d+)?)
        |(?P<name>[A-Za-z_$]\w*)
        |(?P<sign>==|!=|<=|>=|&&|\|\||[<>!.()\[\],])
        |(?P<end>$))""",
    re.VERBOSE | re.DOTALL,
)
_ROOTS: Final[Mapping[str, Value]] = {
    "body": lambda entry: entry.body,
    "attributes": lambda entry: entry.attributes,
    "resource": lambda entry: entry.resource,
    "severity_number": lambda entry: entry.severity_number,
    "severity_text": lambda entry: entry.severity_text,
}
_CONSTANTS: Final[Mapping[str, Any]] = {"true": True, "false": False, "nil": None}


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(left: Any, right: Any) -> bool:
        try:
            return compare(left, right)
        except TypeError:
            return False

    return compared


def _of_texts(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda a, b: isinstance(a, str) and isinstance(b, str) and compare(a, b)


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": _ordered(lambda a, b: bool(a < b)),
    "<=": _ordered(lambda a, b: bool(a <= b)),
    ">": _ordered(lambda a, b: bool(a > b)),
    ">=": _ordered(lambda a, b: bool(a >= b)),
    "in": _ordered(lambda a, b: a in b),
    "contains": _of_texts(lambda a, b: b in a),
    "startsWith": _of_texts(str.startswith),
    "endsWith": _of_texts(str.endswith),
}


def parse_condition(text: str) -> Condition:
    """The condition of a configuration.

    Raises:
        ValueError: it is none, or uses more of expr than there is here.
    """
    parser = _Parser(text)
    value = parser.either()
    parser.expect_end()
    return lambda entry: value(entry) is True


@dataclass(slots=True)
class _Parser:
    text: str
    position: int = 0

    def either(self) -> Value:
        sides = [self._both()]
        while self._take("or", "||"):
            sides.append(self._both())
        if len(sides) == 1:
            return sides[0]
        return lambda entry: any(side(entry) is True for side in sides)

    def _both(self) -> Value:
        sides = [self._negated()]
        while self._take("and", "&&"):
            sides.append(self._negated())
        if len(sides) == 1:
            return sides[0]
        return lambda entry: all(side(entry) is True for side in sides)

    def _negated(self) -> Value:
        if self._take("not", "!"):
            inner = self._negated()
            return lambda entry: inner(entry) is not True
        return self._comparison()

    def _comparison(self) -> Value:
        left = self._operand()
        negated = self._take("not")
        if self._take("matches"):
            compared = self._matches(left)
        elif operator := self._take(*_OPERATORS):
            compare, right = _OPERATORS[operator], self._operand()
            compared = lambda entry: compare(left(entry), right(entry))  # noqa: E731 - one of two
        elif negated:
            raise self._wrong("an operator")
        else:
            return left
        return (lambda entry: not compared(entry)) if negated else compared

    def _matches(self, left: Value) -> Value:
        kind, word = self._next()
        if kind != "text":
            raise self._wrong("a regular expression in quotes")
        find = compile_regex(_unquoted(word)).search

        def matches(entry: Entry) -> bool:
            value = left(entry)
            return isinstance(value, str) and find(value) is not None

        return matches

    def _operand(self) -> Value:
        kind, word = self._next()
        if kind == "text":
            text = _unquoted(word)
            return lambda _: text
        if kind == "number":
            number = float(word) if "." in word else int(word)
            return lambda _: number
        if word == "(":
            inner = self.either()
            self._expect(")")
            return inner
        if word == "[":
            return self._list()
        if word in _CONSTANTS:
            constant = _CONSTANTS[word]
            return lambda _: constant
        if word in _ROOTS:
            return self._path(_ROOTS[word])
        raise self._wrong("a value", word)

    def _list(self) -> Value:
        elements = []
        while not self._take("]"):
            elements.append(self._operand())
            if not self._take(","):
                self._expect("]")
                break
        return lambda entry: [element(entry) for element in elements]

    def _path(self, value: Value) -> Value:
        while True:
            if self._take("."):
                kind, word = self._next()
                if kind != "name":
                    raise self._wrong("a name")
                value = _member(value, word)
            elif self._take("["):
                kind, word = self._next()
                if kind not in {"text", "number"}:
                    raise self._wrong("a name in quotes, or an index")
                value = _member(value, _unquoted(word) if kind == "text" else int(word))
                self._expect("]")
            else:
                return value

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            raise self._wrong("something else", self.text[self.position :].strip()[:20])
        self.position = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _take(self, *tokens: str) -> str:
        match = _TOKEN.match(self.text, self.position)
        if match and match.lastgroup in {"name", "sign"} and match[match.lastgroup] in tokens:
            self.position = match.end()
            return match[match.lastgroup]
        return ""

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._wrong(word)

    def expect_end(self) -> None:
        kind, word = self._next()
        if kind != "end":
            raise self._wrong("the end", word)

    def _wrong(self, expected: str, found: str = "") -> ValueError:
        shown = f", not {found!r}" if found else ""
        return ValueError(
            f"{self.text!r}: expected {expected}{shown} before character {self.position + 1};"
            " conditions here know body, attributes, resource, severity_number, severity_text,"
            f" and, or, not, matches, {', '.join(_OPERATORS)}"
        )


def _member(value: Value, key: str | int) -> Value:
    def member(entry: Entry) -> Any:
        holder = value(entry)
        if isinstance(holder, dict):
            return holder.get(key)
        if isinstance(holder, list) and isinstance(key, int) and -len(holder) <= key < len(holder):
            return holder[key]
        return None

    return member


def _unquoted(word: str) -> str:
    if word[0] == "'":
        inner = re.sub(r"\\(.)|\"", lambda m: {"'": "'", None: '\\"'}.get(m[1], m[0]), word[1:-1])
        word = f'"{inner}"'
    try:
        return str(orjson.loads(word.replace("\n", "\\n").replace("\t", "\\t")))
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{word} is no text: {error}") from error


def _checked(text: str) -> str:
    parse_condition(text)
    return text


ConditionText = Annotated[str, AfterValidator(_checked)]
"""A configuration field with a condition, which is valid."""
