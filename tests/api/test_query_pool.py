"""`QueryPool`: so many at once, so many waiting, and not one more."""

import asyncio
import threading
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from belvedere.api.errors import ApiError
from belvedere.api.pool import QueryPool


def request(gone: asyncio.Event) -> Request:
    """A request whose client leaves when `gone` is set."""

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


async def test_results_and_errors_come_back() -> None:
    pool = QueryPool()
    stays = request(asyncio.Event())
    assert await pool.run(stays, lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        await pool.run(stays, lambda: 1 // 0)
    pool.close()


async def test_one_too_many_is_refused_until_a_place_is_free() -> None:
    pool = QueryPool(threads=1, waiting=1)
    stays, release = request(asyncio.Event()), threading.Event()
    running = [asyncio.create_task(pool.run(stays, release.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ApiError) as refused:
        await pool.run(stays, lambda: 5)
    assert (refused.value.status, refused.value.code) == (503, "TOO_MANY_QUERIES")
    assert refused.value.headers == {"Retry-After": "1"}
    release.set()
    await asyncio.gather(*running)
    await asyncio.sleep(0)
    assert await pool.run(stays, lambda: 5) == 5
    pool.close()


async def test_a_client_that_leaves_waits_no_longer_and_its_thread_keeps_its_place() -> None:
    pool = QueryPool(threads=1, waiting=0)
    gone, release = asyncio.Event(), threading.Event()
    running = asyncio.create_task(pool.run(request(gone), release.wait))
    await asyncio.sleep(0)
    gone.set()
    with pytest.raises(ClientDisconnect):
        await running
    with pytest.raises(ApiError):
        await pool.run(request(asyncio.Event()), lambda: 5)
    release.set()
    pool.close()
