"""The syntax tree of OTTL. `str` of a node is OTTL again, and parses to an equal tree.

Nodes know their offset in the text (`at`), for errors; it takes no part in equality.
"""

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of a statement."""

    at: int = field(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """`"text"`, `1`, `-.5`, `true`, `nil`, `0x0a`."""

    value: str | int | float | bool | bytes | None

    def __str__(self) -> str:
        match self.value:
            case None:
                return "nil"
            case bool():
                return "true" if self.value else "false"
            case str():
                return quoted(self.value)
            case bytes():
                return f"0x{self.value.hex()}"
            case float():
                text = repr(self.value)
                return text if "." in text else text.replace("e", ".0e")
            case _:
                return str(self.value)


@dataclass(frozen=True, slots=True)
class List(Node):
    """`[1, "a"]`."""

    items: tuple["Expression", ...]

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True, slots=True)
class Map(Node):
    """`{"key": 1}`."""

    items: tuple[tuple[str, "Expression"], ...]

    def __str__(self) -> str:
        return "{" + ", ".join(f"{quoted(key)}: {value}" for key, value in self.items) + "}"


@dataclass(frozen=True, slots=True)
class Symbol(Node):
    """`SPAN_KIND_SERVER`, or a function that is handed over: `SHA256`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Field(Node):
    """A part of a path: `attributes["x"][0]`."""

    name: str
    keys: tuple["Expression", ...] = ()

    def __str__(self) -> str:
        return self.name + "".join(f"[{key}]" for key in self.keys)


@dataclass(frozen=True, slots=True)
class Path(Node):
    """`span.attributes["x"]`."""

    fields: tuple[Field, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.fields))


@dataclass(frozen=True, slots=True)
class Argument(Node):
    """`value`, or `name = value`."""

    value: "Expression"
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.name} = {self.value}" if self.name else str(self.value)


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An editor (`set(...)`) or a converter, which may be indexed (`Split(name, ".")[0]`)."""

    name: str
    arguments: tuple[Argument, ...] = ()
    keys: tuple["Expression", ...] = ()

    def __str__(self) -> str:
        keys = "".join(f"[{key}]" for key in self.keys)
        return f"{self.name}({', '.join(map(str, self.arguments))}){keys}"


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """Operands of one precedence, from left to right: `a - b + c`."""

    first: "Expression"
    rest: tuple[tuple[str, "Expression"], ...]

    def __str__(self) -> str:
        parts = [_inner(self.first, Arithmetic)]
        parts += (f"{operator} {_inner(operand, Arithmetic)}" for operator, operand in self.rest)
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Negative(Node):
    """`-a`; the sign of a number is part of its `Literal`."""

    operand: "Expression"

    def __str__(self) -> str:
        plain = isinstance(self.operand, Path | Call)
        return f"-{self.operand}" if plain else f"-({self.operand})"


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`a == b`."""

    left: "Expression"
    operator: str
    right: "Expression"

    def __str__(self) -> str:
        return f"{_inner(self.left)} {self.operator} {_inner(self.right)}"


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not a`."""

    operand: "Expression"

    def __str__(self) -> str:
        return f"not {_inner(self.operand, Comparison)}"


@dataclass(frozen=True, slots=True)
class And(Node):
    """`a and b`."""

    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " and ".join(_inner(operand, And, Not, Comparison) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Or(Node):
    """`a or b`."""

    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " or ".join(_inner(operand, Or, Not, Comparison) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Statement(Node):
    """`editor(...) where condition`."""

    editor: Call
    where: "Expression | None" = None

    def __str__(self) -> str:
        return f"{self.editor} where {self.where}" if self.where else str(self.editor)


Expression: TypeAlias = (
    Literal
    | List
    | Map
    | Symbol
    | Path
    | Call
    | Arithmetic
    | Negative
    | Comparison
    | Not
    | And
    | Or
)

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """`text` as a literal."""
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'


def _inner(node: Expression, *ungrouped: type) -> str:
    """An operand, in parentheses where it would be read otherwise without them."""
    grouped = isinstance(node, Arithmetic | Comparison | Not | And | Or)
    plain = isinstance(node, Arithmetic) and Arithmetic not in ungrouped
    if grouped and not plain and not _stands_alone(node, ungrouped):
        return f"({node})"
    return str(node)


def _stands_alone(node: Expression, ungrouped: tuple[type, ...]) -> bool:
    return isinstance(node, ungrouped) and isinstance(node, Not | Comparison)
