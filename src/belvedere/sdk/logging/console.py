"""Log lines on standard error: JSON for machines, colours and columns for people."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Final, TextIO

from structlog.dev import ConsoleRenderer, plain_traceback

from belvedere.sdk.logging.any_value import text
from belvedere.sdk.logging.json_lines import JsonLines, current_span, renamed, where
from belvedere.sdk.logging.line import Line, line_of

_PEOPLE: Final = frozenset({"development", "dev", "local"})
_MACHINES: Final = frozenset({"production", "prod", "staging"})


class Console(logging.StreamHandler[TextIO]):
    """Prints to whatever standard error is at the time."""

    def __init__(self, environment: str = "", service_name: str = "") -> None:
        super().__init__(sys.stderr)
        people = environment.lower() in _PEOPLE or (
            environment.lower() not in _MACHINES and _is_terminal()
        )
        self._rendered: Callable[[logging.LogRecord, Line], str] = (
            Columns() if people else JsonLines(service_name)
        )

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Standard error is not chosen here."""

    def emit(self, record: logging.LogRecord) -> None:
        self.show(record, line_of(record))

    def show(self, record: logging.LogRecord, line: Line) -> None:
        """Print a record, of which `line` is what it says. Failures are told as `logging` does."""
        stream = sys.stderr
        if stream is None:  # as in a process without a console
            return
        try:
            rendered = self._rendered(record, line) + self.terminator
            self.acquire()
            try:
                stream.write(rendered)
                stream.flush()
            finally:
                self.release()
        except RecursionError:  # as `logging` has it: to handle it would recurse further
            raise
        except Exception:  # noqa: BLE001 - whatever a stream of the application raises
            self.handleError(record)


class Columns:
    """Lines for a terminal, the exception below."""

    def __init__(self) -> None:
        self._render = ConsoleRenderer(
            colors=_is_terminal() and not os.environ.get("NO_COLOR"),
            exception_formatter=plain_traceback,
        )

    def __call__(self, record: logging.LogRecord, line: Line) -> str:
        said = {
            **where(record),
            "event": text(line.event),
            **renamed(line.fields),
            **current_span(),
        }
        if record.exc_info and record.exc_info[0]:
            said["exc_info"] = record.exc_info
        if record.stack_info:
            said["stack"] = record.stack_info
        return str(self._render(None, record.levelname.lower(), said))


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
