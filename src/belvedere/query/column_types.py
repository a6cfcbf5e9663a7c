"""ClickHouse's type names as trees: `Map(String, DateTime64(9))` and the like."""

from dataclasses import dataclass
from typing import Final, Self

_TRANSPARENT: Final = frozenset({"Nullable", "LowCardinality"})


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type: its name, and the texts of its arguments."""

    name: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The type that `text` names, without Nullable and LowCardinality around it.

        >>> ColumnType.parse("LowCardinality(Nullable(String))")
        ColumnType(name='String', arguments=())
        >>> ColumnType.parse("Map(String, Array(DateTime('UTC')))").arguments
        ('String', "Array(DateTime('UTC'))")
        """
        name, opening, rest = text.partition("(")
        arguments = _split(rest.removesuffix(")")) if opening else ()
        if name in _TRANSPARENT and arguments:
            return cls.parse(arguments[0])
        return cls(name, arguments)

    def element(self, index: int = 0) -> "ColumnType":
        """The type of an argument that is a type: of an Array, Map, or (named) Tuple."""
        if index >= len(self.arguments):
            return ColumnType("")
        argument = self.arguments[index]
        if self.name == "Tuple":
            argument = _without_field_name(argument)
        return ColumnType.parse(argument)

    def enum_names(self) -> dict[int, str]:
        """Value → name, of an Enum8 or Enum16."""
        names = {}
        for argument in self.arguments:
            name, _, value = argument.rpartition(" = ")
            names[int(value)] = name.strip("'").replace("\\'", "'").replace("\\\\", "\\")
        return names


def _split(text: str) -> tuple[str, ...]:
    """Split at the commas outside of brackets and quotes."""
    parts, depth, quoted, begin, index = [], 0, "", 0, 0
    while index < len(text):
        char = text[index]
        if quoted:
            if char == "\\":
                index += 1
            elif char == quoted:
                quoted = ""
        elif char in "'`":
            quoted = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and depth == 0:
            parts.append(text[begin:index].strip())
            begin = index + 1
        index += 1
    return (*parts, text[begin:].strip())


def _without_field_name(argument: str) -> str:
    """`name Type` → `Type`; a type alone stays."""
    index, depth, quoted = len(argument) - 1, 0, False
    while index >= 0:
        char = argument[index]
        if char in "'`":
            quoted = not quoted
        elif not quoted and char in "()":
            depth += 1 if char == ")" else -1
        elif not quoted and char == " " and depth == 0:
            return argument[index + 1 :]
        index -= 1
    return argument
