"""The one place where records of `logging` pass: each once, whatever handlers there are.

Handlers could not do it. One on the root logger turns an application's later `basicConfig` into
nothing, is thrown away by its `dictConfig`, and never sees loggers that do not propagate
(uvicorn's). `Logger.callHandlers` is called once for each record that passed its logger's level
and filters, so that is where we stand: the application's handlers do what they did, lines that
have no handler are printed, and every line is exported.
"""

import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from belvedere.sdk.logging.console import Console
from belvedere.sdk.logging.line import Line, line_of
from belvedere.sdk.logging.otlp import Sink

_EXPORTED: Final = "_belvedere_exported"
"""On a record that another process, or another logger of this one, has already exported."""


class Configuration(NamedTuple):
    """What one `configure` asked for."""

    console: Console
    sink: Sink | None


_Hook = Callable[[logging.Logger, logging.LogRecord], None]

_configurations: tuple[Configuration, ...] = ()
_hooks: tuple[Any, Any] | None = None
"""What `Logger.callHandlers` was, and what we made it."""


def is_installed() -> bool:
    """Records pass here."""
    return bool(_configurations)


def install(configuration: Configuration) -> None:
    """Have records pass here, and go where this configuration says as well.

    Lines that nobody prints are printed by the newest configuration, and exported to the
    provider of each.
    """
    global _configurations, _hooks  # noqa: PLW0603 - so is logging: one for the process
    _configurations = (*_configurations, configuration)
    if _hooks is None:
        before: Any = logging.Logger.callHandlers
        _hooks = before, _hooked(before)
        _set_call_handlers(_hooks[1])


def remove(configuration: Configuration) -> None:
    """Undo `install`. May be repeated."""
    global _configurations, _hooks  # noqa: PLW0603 - as above
    _configurations = tuple(each for each in _configurations if each is not configuration)
    if not _configurations and _hooks is not None:
        before, ours = _hooks
        if logging.Logger.callHandlers is ours:
            _set_call_handlers(before)
            _hooks = None
        # Else somebody has hooked in after us and calls ours, which does nothing from now on.


def _set_call_handlers(function: _Hook) -> None:
    logging.Logger.callHandlers = function  # type: ignore # noqa: PGH003 - see the top of the file; mypy reports it under two codes


def handlers(logger: logging.Logger) -> list[logging.Handler]:
    """The handlers that `logging` calls for this logger."""
    found: list[logging.Handler] = []
    current: logging.Logger | None = logger
    while current:
        found += current.handlers
        current = current.parent if current.propagate else None
    return found


@functools.cache
def last_resort() -> Console:
    """Prints lines that come before anything was configured."""
    return Console()


def is_printed(found: Iterable[logging.Handler]) -> bool:
    """One of these handlers prints, keeps or sends, as the application wants it.

    Libraries have handlers that do nothing; OpenTelemetry's handler only exports.
    """
    return any(
        not isinstance(handler, logging.NullHandler) and _provider_of(handler) is None
        for handler in found
    )


def _hooked(call_handlers: _Hook) -> _Hook:
    @functools.wraps(call_handlers)
    def hooked(self: logging.Logger, record: logging.LogRecord) -> None:
        configurations = _configurations
        if not configurations:
            call_handlers(self, record)
            return
        found = handlers(self)
        line = None
        exported = _EXPORTED in vars(record)
        if not exported and any(map(_passes_on, found)):
            setattr(record, _EXPORTED, True)  # other handlers need not see it
        try:
            if found:  # else `logging` would print to its own last resort
                call_handlers(self, record)
            if not found or not is_printed(found):
                line = line_of(record)
                configurations[-1].console.show(record, line)
        finally:
            if not exported:
                _export(configurations, found, record, line or line_of(record))

    return hooked


def _export(
    configurations: tuple[Configuration, ...],
    found: list[logging.Handler],
    record: logging.LogRecord,
    line: Line,
) -> None:
    setattr(record, _EXPORTED, True)
    done = [_provider_of(handler) for handler in found]
    for _, sink in configurations:
        if sink is not None and sink.provider not in done:
            done.append(sink.provider)
            sink.emit(record, line)


def _passes_on(handler: logging.Handler) -> bool:
    """It hands records to another process, or another logger of this one (QueueHandler, ...)."""
    return hasattr(handler, "enqueue") or hasattr(handler, "makePickle")


def _provider_of(handler: logging.Handler) -> Any:
    """Of OpenTelemetry's own handler the provider that it exports to: what it did is done."""
    return getattr(handler, "_logger_provider", None)
