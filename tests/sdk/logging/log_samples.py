"""What tests of logging look at: standard error, and the records that a provider was given."""

import json
import logging
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any, Self

import structlog
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from belvedere.sdk.logging import get_logger

Say = Callable[..., Any]

SAYINGS: dict[str, Say] = {
    "get_logger": lambda event, **fields: get_logger("app").info(event, **fields),
    "logging": lambda event, **fields: logging.getLogger("app").info(event, extra=fields),
    "structlog": lambda event, **fields: structlog.get_logger("app").info(event, **fields),
}
"""The ways to say something at level INFO, as logger `app`."""

FAILING: dict[str, Say] = {
    "get_logger": lambda event: get_logger("app").exception(event),
    "logging": lambda event: logging.getLogger("app").exception(event),  # noqa: LOG004 - called where it may be
    "structlog": lambda event: structlog.get_logger("app").exception(event),
}
"""The ways to say, in an `except` block, what went wrong."""


class Exported:
    """A provider of the real SDK whose records are kept in memory."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # it has no types
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    @property
    def records(self) -> list[Any]:
        return [each.log_record for each in self.exporter.get_finished_logs()]

    @property
    def bodies(self) -> list[Any]:
        return [record.body for record in self.records]


class Printed(StringIO):
    """Standard error, while it is entered."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def __enter__(self) -> Self:
        self._before, sys.stderr = sys.stderr, self
        return self

    def __exit__(self, *_: object) -> None:
        sys.stderr = self._before

    def isatty(self) -> bool:
        return self._terminal

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Each line as strict JSON."""
        text = self.getvalue()
        return [json.loads(line, parse_constant=_no_json) for line in text.splitlines()]

    @property
    def line(self) -> dict[str, Any]:
        [only] = self.lines
        return only


def _no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
