"""The tree of a template. Nodes carry where they stand in the text: `[start, end)`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a template."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A string, a number, true or false, or nil. An integer and a float differ, as in Go."""

    value: Any


@dataclass(frozen=True, slots=True)
class Dot(Node):
    """`.`, what the template works on at this place."""


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$name`; `$` is the data that the template was given."""

    name: str


@dataclass(frozen=True, slots=True)
class Function(Node):
    """A function's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`operand.Name`."""

    operand: "Operand"
    name: str


@dataclass(frozen=True, slots=True)
class Command(Node):
    """Operands: a function, method or lone value, and what it is called with."""

    operands: Sequence["Operand"]


@dataclass(frozen=True, slots=True)
class Pipeline(Node):
    """Commands; each one's value is the last argument of the next.

    Attributes:
        variables: That take the value; two in a range.
        declares: `:=` and not `=`.
        commands: At least one.
    """

    variables: Sequence[str]
    declares: bool
    commands: Sequence[Command]


Operand: TypeAlias = Constant | Dot | Variable | Function | Field | Pipeline


@dataclass(frozen=True, slots=True)
class Text(Node):
    """What is written as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Action(Node):
    """`{{ pipeline }}`: its value is written, unless it is an assignment."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch(Node):
    """`{{ if }}`, `{{ with }}` or `{{ range }}`, by `kind`."""

    kind: str
    pipeline: Pipeline
    body: Sequence["Statement"]
    otherwise: Sequence["Statement"]


@dataclass(frozen=True, slots=True)
class Jump(Node):
    """`{{ break }}` or `{{ continue }}`, by `kind`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`{{ template "name" pipeline }}`."""

    name: str
    pipeline: Pipeline | None


Statement: TypeAlias = Text | Action | Branch | Jump | Call


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template.

    Attributes:
        name: What errors call it.
        source: Its text.
        body: What it writes.
        defined: The templates that it defines for itself, by name.
    """

    name: str
    source: str
    body: Sequence[Statement]
    defined: Mapping[str, Sequence[Statement]]
