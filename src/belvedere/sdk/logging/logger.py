"""The structured logger. What it says becomes a record of `logging`, as all else that is said."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, NoReturn

import structlog
from structlog.processors import CallsiteParameter, CallsiteParameterAdder
from structlog.stdlib import BoundLogger

from belvedere.sdk.logging.hook import handlers, is_installed, is_printed, last_resort
from belvedere.sdk.logging.line import Line, Message, formatted

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_LEVELS: Final = {
    **{name.lower(): level for name, level in logging.getLevelNamesMapping().items()},
    "exception": logging.ERROR,
}
"""By the methods of structlog's loggers."""

_callsite: Final = CallsiteParameterAdder(
    {CallsiteParameter.PATHNAME, CallsiteParameter.LINENO, CallsiteParameter.FUNC_NAME},
    additional_ignores=[__name__],
)


def get_logger(name: str | None = None, /, **fields: Any) -> BoundLogger:
    """A structured logger: `get_logger().info("agent created", agent_id=agent.id)`.

    Its lines go where the records of `logging.getLogger(name)` go, and obey its level.

    Args:
        name: Default: the name of the module that calls.
        fields: Fields of every line.
    """
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name or _calling_module()),
        processors=PROCESSORS,
        wrapper_class=BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return logger.bind(**fields) if fields else logger


def make_logger(name: str | None = None, /) -> logging.Logger:
    """What `structlog.get_logger()` wraps where the application has not configured structlog."""
    return logging.getLogger(name or _calling_module())


def drop_below_level(
    logger: logging.Logger, method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """First, so that a line that nobody wants costs little."""
    if _is_wanted(logger, _LEVELS[method]):
        return event_dict
    raise structlog.DropEvent


def hand_over(
    logger: logging.Logger, method: str, event_dict: MutableMapping[str, Any]
) -> NoReturn:
    """Last: make the record, with the place that called, and hand it to `logging`.

    The record is made here since structlog could only call `logger.info(...)`, which knows the
    calling place as structlog's own.

    Raises:
        structlog.DropEvent: Always, as nothing is left to do.
    """
    exc_info = _exc_info(event_dict.pop("exc_info", None))
    event = formatted(event_dict.pop("event", ""), event_dict.pop("positional_args", ()))
    place: Mapping[str, Any] = _callsite(logger, method, {})
    record = logger.makeRecord(
        logger.name,
        _LEVELS[method],
        place["pathname"],
        place["lineno"],
        Message(Line(event, event_dict)),
        (),
        exc_info,
        place["func_name"],
    )
    if is_installed() or is_printed(handlers(logger)):
        logger.handle(record)
    elif logger.filter(record):
        last_resort().handle(record)
    raise structlog.DropEvent


PROCESSORS: Final[list[Any]] = [
    drop_below_level,
    structlog.contextvars.merge_contextvars,
    structlog.processors.StackInfoRenderer(additional_ignores=[__name__]),
    hand_over,
]


def _is_wanted(logger: logging.Logger, level: int) -> bool:
    """As `logging` has it; where nobody has configured that, from INFO on."""
    if logger.isEnabledFor(level):
        return True
    return (
        level >= logging.INFO
        and not is_installed()
        and logger.getEffectiveLevel() == logging.WARNING == logging.getLogger().level
        and not logger.disabled
        and not is_printed(handlers(logger))
        and logger.manager.disable < level
    )


def _exc_info(given: object) -> _ExcInfo | None:
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    if isinstance(given, tuple):
        return given
    return sys.exc_info() if given else None


def _calling_module() -> str:
    frame = sys._getframe(2)  # noqa: SLF001 - as logging and structlog find their callers
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("structlog."):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "root"))
