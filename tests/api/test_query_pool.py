"""`QueryPool`: limits of running and waiting queries, shares of projects, overdue queries."""

import asyncio
import threading
from typing import Any

import pytest
from prometheus_client import Gauge
from starlette.requests import ClientDisconnect, Request

from belvedere.api.errors import ApiError
from belvedere.api.pool import QueryPool
from belvedere.store.errors import QueryTooLarge


def request(gone: asyncio.Event) -> Request:
    """A request whose client leaves when `gone` is set."""

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


async def test_results_and_errors_come_back() -> None:
    pool = QueryPool()
    stays = request(asyncio.Event())
    assert await pool.run(stays, lambda: 5, project="a") == 5
    with pytest.raises(ZeroDivisionError):
        await pool.run(stays, lambda: 1 // 0, project="a")
    pool.close()


async def test_one_too_many_is_refused_until_a_place_is_free() -> None:
    pool = QueryPool(threads=1, waiting=1)
    stays, release = request(asyncio.Event()), threading.Event()
    running = [asyncio.create_task(pool.run(stays, release.wait, project="a")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ApiError) as refused:
        await pool.run(stays, lambda: 5, project="a")
    assert (refused.value.status, refused.value.code) == (503, "TOO_MANY_QUERIES")
    assert refused.value.headers == {"Retry-After": "1"}
    release.set()
    await asyncio.gather(*running)
    await asyncio.sleep(0)
    assert await pool.run(stays, lambda: 5, project="a") == 5
    pool.close()


async def test_a_client_that_leaves_waits_no_longer_and_its_thread_keeps_its_place() -> None:
    pool = QueryPool(threads=1, waiting=0)
    gone, release = asyncio.Event(), threading.Event()
    running = asyncio.create_task(pool.run(request(gone), release.wait, project="a"))
    await asyncio.sleep(0)
    gone.set()
    with pytest.raises(ClientDisconnect):
        await running
    with pytest.raises(ApiError):
        await pool.run(request(asyncio.Event()), lambda: 5, project="a")
    release.set()
    pool.close()


class Blocked:
    """Functions for threads that end when they are released, and how many of them run."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.running = threading.Semaphore(0)

    def __call__(self) -> None:
        self.running.release()
        assert self.release.wait(60)

    async def started(self, count: int) -> None:
        """Returns when so many more have begun."""
        for _ in range(count):
            assert await asyncio.to_thread(self.running.acquire, timeout=60)


async def test_a_project_runs_no_more_than_its_share() -> None:
    pool, blocked = QueryPool(threads=3, share=2), Blocked()
    stays = request(asyncio.Event())
    mine = [asyncio.create_task(pool.run(stays, blocked, project="a")) for _ in range(4)]
    await blocked.started(2)
    assert await pool.run(stays, lambda: 5, project="b") == 5
    assert not blocked.running.acquire(blocking=False)
    blocked.release.set()
    await asyncio.gather(*mine)
    pool.close()


async def test_projects_take_turns() -> None:
    pool, blocked = QueryPool(threads=1), Blocked()
    stays, order = request(asyncio.Event()), list[str]()
    first = asyncio.create_task(pool.run(stays, blocked, project="a"))
    await blocked.started(1)
    waiting = [
        asyncio.create_task(pool.run(stays, lambda p=project: order.append(p), project=project))
        for project in "aaabc"
    ]
    await asyncio.sleep(0)
    blocked.release.set()
    await asyncio.gather(first, *waiting)
    assert order == ["a", "b", "c", "a", "a"]
    pool.close()


async def test_one_project_does_not_fill_the_queue() -> None:
    pool, blocked = QueryPool(threads=1, waiting=4), Blocked()
    stays = request(asyncio.Event())
    mine = [asyncio.create_task(pool.run(stays, blocked, project="a")) for _ in range(3)]
    await blocked.started(1)
    with pytest.raises(ApiError) as refused:
        await pool.run(stays, blocked, project="a")
    assert refused.value.code == "TOO_MANY_QUERIES"
    other = asyncio.create_task(pool.run(stays, lambda: 5, project="b"))
    blocked.release.set()
    assert await other == 5
    await asyncio.gather(*mine)
    pool.close()


async def test_an_overdue_query_is_answered_at_its_time_and_burdens_its_project_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Its own: a query of an earlier test may still run past its time.
    overdue_queries = Gauge("overdue", "Of this test.", registry=None)
    monkeypatch.setattr("belvedere.api.pool.QUERIES_OVERDUE", overdue_queries)
    pool, blocked = QueryPool(threads=2, share=2), Blocked()
    stays = request(asyncio.Event())
    overdue = [pool.run(stays, blocked, project="a", time_s=0.05) for _ in range(2)]
    for answer in await asyncio.gather(*overdue, return_exceptions=True):
        assert isinstance(answer, QueryTooLarge)
        assert answer.code == "TIMEOUT_EXCEEDED"
        assert str(answer).startswith("the query ran longer than its limit of 0.05 s")
    with pytest.raises(ApiError) as refused:
        await pool.run(stays, lambda: 5, project="a", time_s=60)
    assert (refused.value.status, refused.value.code) == (429, "QUERIES_OVERDUE")
    assert refused.value.headers == {"Retry-After": "15"}
    others = Blocked()  # both threads are there for others
    running = [asyncio.create_task(pool.run(stays, others, project="b")) for _ in range(2)]
    await others.started(2)
    others.release.set()
    await asyncio.gather(*running)
    assert overdue_queries._value.get() == 2
    blocked.release.set()
    await pool_is_free(pool, stays, "a")
    assert overdue_queries._value.get() == 0
    pool.close()


async def pool_is_free(pool: QueryPool, stays: Request, project: str) -> None:
    """Returns when a project may run queries again."""
    async with asyncio.timeout(60):
        while True:
            try:
                assert await pool.run(stays, lambda: 5, project=project) == 5
            except ApiError:
                await asyncio.sleep(0.01)
            else:
                return


async def test_overdue_queries_of_many_projects_do_not_start_threads_without_end() -> None:
    pool, blocked = QueryPool(threads=2, share=2), Blocked()
    stays = request(asyncio.Event())
    for number in range(32 + 2):
        with pytest.raises(QueryTooLarge):
            await pool.run(stays, blocked, project=f"p{number}", time_s=0.02)
    with pytest.raises(ApiError) as refused:
        await pool.run(stays, lambda: 5, project="other", time_s=0.05)
    assert refused.value.code == "TOO_MANY_QUERIES"
    blocked.release.set()
    await pool_is_free(pool, stays, "other")
    pool.close()


async def test_a_query_that_is_not_overdue_ends_nothing() -> None:
    pool, stays = QueryPool(threads=1), request(asyncio.Event())
    for _ in range(3):
        assert await pool.run(stays, lambda: 5, project="a", time_s=60) == 5
    pool.close()


async def test_a_client_that_leaves_the_queue_runs_nothing() -> None:
    pool, blocked = QueryPool(threads=1), Blocked()
    stays, gone = request(asyncio.Event()), asyncio.Event()
    first = asyncio.create_task(pool.run(stays, blocked, project="a"))
    await blocked.started(1)
    ran: list[int] = []
    second = asyncio.create_task(pool.run(request(gone), lambda: ran.append(1), project="a"))
    await asyncio.sleep(0)
    gone.set()
    with pytest.raises(ClientDisconnect):
        await second
    blocked.release.set()
    await first
    assert await pool.run(stays, lambda: 5, project="a") == 5
    assert ran == []
    pool.close()
