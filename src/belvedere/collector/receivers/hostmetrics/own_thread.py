"""Calls that may never return, as those of a network filesystem that is away."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


def in_thread(call: Callable[[], Result], name: str) -> "asyncio.Future[Result]":
    """What `call` returns, from a thread of its own, for which nobody has to wait.

    The threads of `asyncio.to_thread` are few, all components share them, and the process does
    not end before they do.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(error: BaseException | None, result: Result | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # there is one without an error

    def run() -> None:
        error, result = None, None
        try:
            result = call()
        except BaseException as failure:  # noqa: BLE001 - it is raised where the result is awaited
            error = failure
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, error, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
