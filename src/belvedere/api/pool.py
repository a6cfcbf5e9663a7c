"""`QueryPool`: database calls block, so they run in threads: so many, and not one more."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from belvedere.api.errors import ApiError

T = TypeVar("T")


class QueryPool:
    """Runs blocking functions for requests, a bounded number at once and a bounded number waiting.

    A thread whose client has gone away finishes its query (the query's own bounds end it) and
    keeps its place until then.
    """

    def __init__(self, *, threads: int = 8, waiting: int = 64) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="query")
        self._places = threads + waiting
        self._taken = 0

    async def run(self, request: Request, function: Callable[[], T]) -> T:
        """The result of `function`, called in a thread.

        Raises:
            ApiError: 503, too many are waiting.
            ClientDisconnect: the client went away before there was a result.
            Exception: whatever `function` raises.
        """
        if self._taken >= self._places:
            raise ApiError(
                503,
                "too many queries at once; try again in a moment",
                code="TOO_MANY_QUERIES",
                headers={"Retry-After": "1"},
            )
        self._taken += 1
        future = self._executor.submit(function)
        future.add_done_callback(self._freed_in(asyncio.get_running_loop()))
        result = asyncio.wrap_future(future)
        gone = asyncio.create_task(_gone(request))
        try:
            await asyncio.wait((result, gone), return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                raise ClientDisconnect
            return result.result()
        finally:
            gone.cancel()
            result.cancel()

    def close(self) -> None:
        """Take nothing more; forget what waits. Does not wait for what runs."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _freed_in(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        def free() -> None:
            self._taken -= 1

        def done(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(free)

        return done


async def _gone(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
