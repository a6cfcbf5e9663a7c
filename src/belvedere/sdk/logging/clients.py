"""The lines that HTTP clients log per request: not logged unless the application wants them.

httpx logs `HTTP Request: POST … "HTTP/1.1 200 OK"` as INFO: one line per model call, which its span
says with more detail.
"""

import logging
from collections.abc import Callable
from typing import Final

CLIENTS: Final = ("httpx", "httpx2", "httpcore", "httpcore2", "openai._base_client")
"""Loggers that get the level WARNING where the application has set none."""


def quiet_clients(least: int) -> Callable[[], None]:
    """Raise the level of `CLIENTS` to WARNING, unless a level is set on them or DEBUG is wanted.

    Args:
        least: the level of `init`; DEBUG of it, or of the root logger, includes all lines.

    Returns:
        The undo, which leaves levels alone that were set since.
    """
    raised = [
        logger
        for logger in map(logging.getLogger, CLIENTS)
        if logger.level == logging.NOTSET and least >= logging.INFO <= logger.getEffectiveLevel()
    ]
    for logger in raised:
        logger.setLevel(logging.WARNING)

    def undo() -> None:
        for logger in raised:
            if logger.level == logging.WARNING:
                logger.setLevel(logging.NOTSET)

    return undo
