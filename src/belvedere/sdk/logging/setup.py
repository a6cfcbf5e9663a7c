"""Configuration of logging by `init`, and its undo."""

import logging
from collections.abc import Callable
from typing import Any, Final

import structlog
from opentelemetry._logs import LoggerProvider

from belvedere.sdk.logging import hook
from belvedere.sdk.logging.clients import quiet_clients
from belvedere.sdk.logging.console import Console
from belvedere.sdk.logging.logger import PROCESSORS, make_logger
from belvedere.sdk.logging.otlp import Sink

_UNCONFIGURED_LEVEL: Final = logging.WARNING
"""The root logger's, until somebody sets it."""

_restore: Final[list[Callable[[], None]]] = []
"""Gives back what the first of the configurations changed, when the last is undone."""

_STRUCTLOG: Final[dict[str, Any]] = {
    "processors": PROCESSORS,
    "wrapper_class": structlog.stdlib.BoundLogger,
    "context_class": dict,
    "logger_factory": make_logger,
    "cache_logger_on_first_use": False,  # else the undo would not reach loggers that were used
}


def configure(
    logger_provider: LoggerProvider | None,
    *,
    environment: str,
    level: str,
    service_name: str,
) -> Callable[[], None]:
    """Print log lines that nobody else prints, and export all.

    What the application configured stays as it is, before and after: its handlers, its levels,
    its structlog. Where it has configured no handler, lines are printed to standard error.

    Args:
        logger_provider: Gets all records; None: none.
        environment: `development` is printed for people, `production` as JSON; others for people
            on a terminal, else as JSON.
        level: The least that is logged, as `info`, where the application has set none.
        service_name: On each JSON line.

    Returns:
        The undo, which may be called more than once.

    Raises:
        ValueError: There is no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"No log level {level!r}: use debug, info, warning, error or critical")
    configuration = hook.Configuration(
        console=Console(environment, service_name),
        sink=None if logger_provider is None else Sink(logger_provider),
    )
    if not hook.is_installed():
        _restore.extend([quiet_clients(number), _set_level(number), _configure_structlog()])
    hook.install(configuration)

    def undo() -> None:
        hook.remove(configuration)
        while _restore and not hook.is_installed():
            _restore.pop()()

    return undo


def _set_level(level: int) -> Callable[[], None]:
    root = logging.getLogger()
    if root.handlers or root.level != _UNCONFIGURED_LEVEL:
        return _nothing
    root.setLevel(level)

    def undo() -> None:
        if root.level == level and not root.handlers:  # else the application may have set it
            root.setLevel(_UNCONFIGURED_LEVEL)

    return undo


def _configure_structlog() -> Callable[[], None]:
    if structlog.is_configured():
        return _nothing
    structlog.configure(**_STRUCTLOG)

    def undo() -> None:
        if structlog.get_config()["logger_factory"] is make_logger:
            structlog.reset_defaults()

    return undo


def _nothing() -> None:
    pass
