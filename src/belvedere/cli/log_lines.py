"""A log line as it is printed: time, level, service, body, attributes, trace."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.text import Text

from belvedere.cli.output import clean, console, local_time, one_line

_STYLES: Final = (
    (21, "FATAL", "bold red reverse"),
    (17, "ERROR", "bold red"),
    (13, "WARN", "yellow"),
    (9, "INFO", "green"),
    (5, "DEBUG", "blue"),
    (1, "TRACE", "dim"),
)
"""The lowest severity number of a level, its name, its style."""


def severity(line: Mapping[str, Any]) -> tuple[str, str]:
    """The level of a line and its style: its own text, or the name of its number."""
    number = line["severity_number"]
    for lowest, name, style in _STYLES:
        if number >= lowest:
            return one_line(line["severity"] or name).upper(), style
    return one_line(line["severity"]).upper(), ""


def without_code(attributes: Mapping[str, str]) -> dict[str, str]:
    """What a person looks for: not where in the source a line was written, which JSON has."""
    return {key: value for key, value in attributes.items() if not key.startswith("code.")}


class LogPrinter:
    """Prints log lines one by one, so that they can be followed and piped."""

    def __init__(self, *, as_json: bool, attributes: bool) -> None:
        self._console = console()
        self._as_json = as_json
        self._attributes = attributes

    def print(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Print `lines`, and bring them out at once."""
        for line in lines:
            if self._as_json:
                print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
            elif self._console.is_terminal:
                self._console.print(self._text(line, plain=False), soft_wrap=True)
            else:
                print(self._text(line, plain=True).plain)
        self._console.file.flush()

    def _text(self, line: Mapping[str, Any], *, plain: bool) -> Text:
        level, style = severity(line)
        text = Text()
        text.append(local_time(line["time_ns"], plain=plain, now_ns=time.time_ns()), "dim")
        text.append(f" {level:<5} ", style)
        if line["service"]:
            text.append(one_line(line["service"]), "cyan")
            text.append(" ")
        # A pipe gets a line a record; a person reads a stack trace as it was written.
        body = line["body"] or line["event_name"]
        text.append(one_line(body) if plain else clean(body))
        if line["body"] and line["event_name"]:
            text.append(f" event={one_line(line['event_name'])}", "dim")
        if self._attributes:
            attributes = line["attributes"] if plain else without_code(line["attributes"])
            for key, value in sorted(attributes.items()):
                text.append(f" {one_line(key)}={one_line(value)}", "dim")
        if line["trace_id"]:
            text.append(f" trace={line['trace_id'] if plain else line['trace_id'][:12]}", "dim")
        return text
