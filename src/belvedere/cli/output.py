"""What commands print: on a terminal with colours and to its width, else plain and whole."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


_NARROWEST: Final = 6


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    right: bool = False
    whole: bool = False
    """Never cut, as narrow as the terminal may be."""
    style: str = ""


def console() -> Console:
    """Standard output. Plain and of any width where it is no terminal."""
    if sys.stdout.isatty():
        return Console(highlight=False, markup=False, emoji=False)
    return Console(
        highlight=False, markup=False, emoji=False, no_color=True, width=1 << 20, soft_wrap=True
    )


def clean(text: str) -> str:
    r"""Telemetry may hold anything: control characters, which could steer a terminal, are shown.

    >>> clean("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def one_line(text: str) -> str:
    r"""`clean`, and line ends and tabs shown as well.

    >>> one_line("a\nb")
    'a\\nb'
    """
    return clean(text).replace("\n", "\\n").replace("\t", "\\t")


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print a table: to the terminal's width, or whole, columns aligned with spaces."""
    out = console()
    cells: list[list[str | Text]] = [list(row) for row in rows]
    widths = [
        max([len(column.title), *(len(row[index]) for row in cells)])
        for index, column in enumerate(columns)
    ]
    if out.is_terminal:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for column, width in zip(columns, _fitted(columns, widths, out.width), strict=True):
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                no_wrap=True,
                overflow="ellipsis",
                width=width,
                style=column.style,
            )
        for row in cells:
            table.add_row(*row)
        out.print(table)
        return
    titles: list[str | Text] = [column.title for column in columns]
    for line in (titles, *cells):
        padded = (
            str(cell).rjust(width) if column.right else str(cell).ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        print("  ".join(padded).rstrip())


def _fitted(columns: Sequence[Column], widths: Sequence[int], total: int) -> list[int]:
    """Widths that fit into a terminal: columns that may be cut share what is left."""
    fitted = list(widths)
    free = total - 2 * (len(columns) - 1)
    free -= sum(width for column, width in zip(columns, widths, strict=True) if column.whole)
    cut = [index for index, column in enumerate(columns) if not column.whole]
    for done, index in enumerate(sorted(cut, key=lambda index: widths[index])):
        fitted[index] = max(_NARROWEST, min(widths[index], free // (len(cut) - done)))
        free -= fitted[index]
    return fitted


def print_json_lines(rows: Iterable[Any]) -> None:
    """Print one JSON value a line."""
    for row in rows:
        print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))


def local_time(ns: int, *, plain: bool, now_ns: int) -> str:
    """A time: for a person today's clock, or the date before it; plain RFC 3339 in UTC.

    Args:
        ns: the time, in nanoseconds since 1970.
        plain: for scripts and files.
        now_ns: the present time.
    """
    if plain:
        moment = datetime.fromtimestamp(ns // 10**9, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns % 10**9 // 1000:06}Z"
    moment = datetime.fromtimestamp(ns // 10**9).astimezone()
    clock = f"{moment:%H:%M:%S}.{ns % 10**9 // 10**6:03}"
    today = datetime.fromtimestamp(now_ns // 10**9).astimezone().date()
    return clock if moment.date() == today else f"{moment:%Y-%m-%d} {clock}"


def size(count: float) -> str:
    """Bytes for a person: `1.5 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1024 or unit == "TiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")
