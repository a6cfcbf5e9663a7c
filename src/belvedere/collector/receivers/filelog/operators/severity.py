"""Severities of entries: the operator `severity_parser`, and the block `severity` of parsers."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.fields import FieldPath
from belvedere.collector.receivers.filelog.operators.base import EachConfig, required

ALIASES: Final[Mapping[str, int]] = {
    name + (str(step + 1) if step else ""): 4 * kind + step + 1
    for kind, name in enumerate(("trace", "debug", "info", "warn", "error", "fatal"))
    for step in range(4)
}
"""Name of a severity → its number."""
_HUNDREDS: Final = re.compile(r"([2-5])xx")
_MOST: Final = 100_000
"""Values of one range at most, as each has a place in a table."""


class SeverityConfig(ComponentConfig):
    """`severity` of a parser."""

    parse_from: FieldPath = Field(description="Field with the severity.")
    preset: Literal["default", "none"] = Field(
        "default", description="default: the names trace, ..., fatal4 are known; none: none is."
    )
    mapping: dict[str, Any] = Field(
        default_factory=dict,
        description="Severity (trace, ..., fatal4) and what means it: a value, 2xx to 5xx,"
        " {min: 1, max: 5}, or a list of those.",
    )
    overwrite_text: bool = Field(
        False, description="Whether the severity's text becomes its short name, like ERROR."
    )

    @model_validator(mode="after")
    def _known(self) -> Any:
        self.table()
        return self

    def table(self) -> dict[str, int]:
        """Text in lower case → number.

        Raises:
            ValueError: the mapping names no severity, or a range is none.
        """
        result = dict(ALIASES) if self.preset == "default" else {}
        for name, values in self.mapping.items():
            number = 0 if name == "default" else ALIASES.get(name.lower())
            if number is None:
                raise ValueError(f"there is no severity {name!r}; there are {', '.join(ALIASES)}")
            for value in values if isinstance(values, list) else [values]:
                result.update(dict.fromkeys(_texts(value), number))
        return result

    def worker(self) -> Callable[[Entry], None]:
        """What sets an entry's severity; one that is not in the table is 0."""
        table, field = self.table(), self.parse_from
        names = {number: name.upper() for name, number in ALIASES.items()} | {0: ""}
        overwrites = self.overwrite_text

        def work(entry: Entry) -> None:
            text = _text(required(field, entry))
            number = table.get(text.lower(), 0)
            entry.severity_number = number
            entry.severity_text = names[number] if overwrites else text

        return work


class SeverityParserConfig(EachConfig, SeverityConfig):
    """`severity_parser`: the block as an operator."""

    type: Literal["severity_parser"] = Field(description="severity_parser.")

    def worker(self) -> Callable[[Entry], None]:
        """What sets an entry's severity."""
        return SeverityConfig.worker(self)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        low, high = value.get("min"), value.get("max")
        if type(low) is not int or type(high) is not int or not 0 <= high - low < _MOST:
            raise ValueError(f"{value!r} is no range; write min and max, whole numbers")
        yield from map(str, range(low, high + 1))
    elif isinstance(value, str) and (hundred := _HUNDREDS.fullmatch(value)):
        first = int(hundred[1]) * 100
        yield from map(str, range(first, first + 100))
    else:
        yield _text(value).lower()


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{value!r} cannot be a severity")
