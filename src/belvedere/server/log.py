"""The log of the server: for people on a terminal, JSON lines for everyone else."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict


def configure_log(
    *, level: str = "info", person: bool | None = None, fields: Mapping[str, Any] | None = None
) -> None:
    """Send structlog and the standard library's logging to standard error, in one form.

    Args:
        level: the least severe level that is written.
        person: whether a person reads it; None: whether standard error is a terminal.
        fields: what every entry gets.
    """
    if person is None:
        person = sys.stderr.isatty()

    def with_fields(_: Any, __: str, entry: EventDict) -> EventDict:
        return {**(fields or {}), **entry}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if person else "iso", utc=not person),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if person else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    # The fields are added here, as loggers keep the processors that they had at their first use.
    final: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        with_fields,
    ]
    if not person:
        final.append(structlog.processors.format_exc_info)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*final, renderer])
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.error", "httpx", "grpc"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in (
        "urllib3.connectionpool",
        "clickhouse_connect",
    ):  # what they warn of, the caller raises
        logging.getLogger(name).setLevel(logging.ERROR)
