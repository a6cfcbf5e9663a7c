"""`QueryPool`: run database calls, which block, in a limited number of threads.

ClickHouse checks the bounds of a query between blocks: one call of `has` over two large arrays
can run for minutes past them, and no thread can be killed. So a query that runs past its time is
overdue: its caller is answered at once, its thread no longer counts against the pool, and it keeps
its place in the share of its project until it ends. A project whose share is overdue is refused
further queries; other projects have all threads of the pool.
"""

import asyncio
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Final, TypeVar

import structlog
from starlette.requests import ClientDisconnect, Request

from belvedere.api.errors import ApiError
from belvedere.internal_telemetry import QUERIES_OVERDUE
from belvedere.store.errors import QueryTooLarge

log = structlog.get_logger(__name__)

T = TypeVar("T")

_MAX_OVERDUE: Final = 32
"""Overdue queries beyond it count against the pool again, so that threads are bounded."""

_OVERDUE_RETRY_S: Final = 15


@dataclass(slots=True, eq=False)
class _Query:
    project: str
    function: Callable[[], Any]
    time_s: float | None
    result: "asyncio.Future[Any]"
    timer: asyncio.TimerHandle | None = None
    began_s: float = 0.0
    is_overdue: bool = False


class QueryPool:
    """Runs blocking functions for requests.

    At most `threads` run at once, at most `share` of one project; at most `waiting` wait, at most
    half of them of one project. Projects take turns. A thread whose client has disconnected
    finishes its query and keeps its place until then. All methods belong to one event loop.
    """

    def __init__(self, *, threads: int = 8, share: int = 6, waiting: int = 64) -> None:
        self._threads, self._share, self._max_waiting = threads, share, waiting
        self._waiting: OrderedDict[str, deque[_Query]] = OrderedDict()
        self._running: Counter[str] = Counter()
        """Project → its queries in threads, with those that are overdue."""
        self._overdue: Counter[str] = Counter()
        self._workers = _Workers()

    async def run(
        self,
        request: Request,
        function: Callable[[], T],
        *,
        project: str,
        time_s: float | None = None,
    ) -> T:
        """Return the result of `function`, called in a thread.

        Args:
            request: whose client is watched.
            function: blocks, and may run past its time.
            project: whose share it belongs to.
            time_s: how long it may run, and before that wait; None: `function` keeps to a bound
                of its own.

        Raises:
            ApiError: 503 if too many queries are waiting or this one waited too long; 429 if the
                project's whole share is overdue.
            QueryTooLarge: if `function` runs longer than `time_s`.
            ClientDisconnect: if the client disconnects before there is a result.
            Exception: whatever `function` raises.
        """
        self._admit(project)
        loop = asyncio.get_running_loop()
        query = _Query(project, function, time_s, loop.create_future())
        self._waiting.setdefault(project, deque()).append(query)
        if time_s is not None:
            query.timer = loop.call_later(time_s, self._give_up, query)
        self._start_waiting()
        gone = asyncio.create_task(_gone(request))
        try:
            await asyncio.wait((query.result, gone), return_when=asyncio.FIRST_COMPLETED)
            if not query.result.done():
                raise ClientDisconnect
            return query.result.result()  # type: ignore[no-any-return]  # it is `function`'s
        finally:
            gone.cancel()
            if not query.result.cancel() and not query.result.cancelled():
                query.result.exception()  # else asyncio logs one that nobody waited for
            self._forget(query)

    def close(self) -> None:
        """Accept nothing more; forget what waits. Does not wait for what runs."""
        for queries in self._waiting.values():
            for query in queries:
                query.result.cancel()
        self._waiting.clear()
        self._threads = 0
        self._workers.close()

    def _admit(self, project: str) -> None:
        if self._overdue[project] >= self._share:
            raise ApiError(
                429,
                f"{self._overdue[project]} queries of the project {project!r} still run past"
                " their time limit, and ClickHouse cannot interrupt them; try again when one has"
                " ended",
                code="QUERIES_OVERDUE",
                headers={"Retry-After": str(_OVERDUE_RETRY_S)},
            )
        waiting = len(self._waiting.get(project, ()))
        starts = not waiting and self._has_thread() and self._running[project] < self._share
        most = max(self._max_waiting // 2, min(self._max_waiting, 1))
        total = sum(map(len, self._waiting.values()))
        if not starts and (waiting >= most or total >= self._max_waiting):
            raise _too_many()

    def _has_thread(self) -> bool:
        overdue = min(self._overdue.total(), _MAX_OVERDUE)
        return self._running.total() - overdue < self._threads

    def _start_waiting(self) -> None:
        """Start what can start: each time the first query of the project that waited longest."""
        while self._has_thread():
            project = next(
                (each for each in self._waiting if self._running[each] < self._share), None
            )
            if project is None:
                return
            query = self._waiting[project].popleft()
            self._waiting.move_to_end(project)
            if not self._waiting[project]:
                del self._waiting[project]
            self._start(query)

    def _start(self, query: _Query) -> None:
        loop = asyncio.get_running_loop()
        if query.timer is not None:
            query.timer.cancel()
        if query.time_s is not None:
            query.timer = loop.call_later(query.time_s, self._expire, query)
        self._running[query.project] += 1
        query.began_s = time.monotonic()

        def work() -> None:
            value: Any = None
            error: BaseException | None = None
            try:
                value = query.function()
            except BaseException as raised:  # noqa: BLE001 - it is raised where it is awaited
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(self._end, query, value, error)

        self._workers.submit(work)

    def _end(self, query: _Query, value: Any, error: BaseException | None) -> None:
        """A thread has finished its query."""
        self._workers.finished()
        _decrement(self._running, query.project)
        if query.timer is not None:
            query.timer.cancel()
        if query.is_overdue:
            _decrement(self._overdue, query.project)
            QUERIES_OVERDUE.dec()
            seconds = round(time.monotonic() - query.began_s, 1)
            log.info("overdue_query_ended", project=query.project, seconds=seconds)
        if not query.result.done():
            if error is None:
                query.result.set_result(value)
            else:
                query.result.set_exception(error)
        self._start_waiting()

    def _expire(self, query: _Query) -> None:
        """The time of a running query is over: answer for it, whatever its thread does."""
        query.is_overdue = True
        self._overdue[query.project] += 1
        QUERIES_OVERDUE.inc()
        log.warning(
            "query_overdue",
            project=query.project,
            limit_s=query.time_s,
            hint="ClickHouse has not interrupted it yet; its project has one thread less",
        )
        if not query.result.done():
            query.result.set_exception(
                QueryTooLarge(
                    f"the query ran longer than its limit of {query.time_s:g} s; read less, for"
                    " example a shorter range of time",
                    code="TIMEOUT_EXCEEDED",
                )
            )
        self._start_waiting()

    def _give_up(self, query: _Query) -> None:
        """A query has waited for as long as it may run."""
        if not query.result.done():
            query.result.set_exception(_too_many())

    def _forget(self, query: _Query) -> None:
        """A query that nobody waits for any more does not start."""
        waiting = self._waiting.get(query.project)
        if waiting is None or query not in waiting:
            return
        if query.timer is not None:
            query.timer.cancel()
        waiting.remove(query)
        if not waiting:
            del self._waiting[query.project]


@dataclass(slots=True)
class _Workers:
    """Threads that run one function after another. They never hold up the end of the process."""

    _idle: int = 0
    _closed: bool = False
    _work: SimpleQueue[Callable[[], None] | None] = field(default_factory=SimpleQueue)

    def submit(self, work: Callable[[], None]) -> None:
        """Run `work` in a thread."""
        self._work.put(work)
        if self._idle:
            self._idle -= 1
        else:
            threading.Thread(target=self._run, name="query", daemon=True).start()

    def finished(self) -> None:
        """Note that one work has ended: its thread is idle."""
        if self._closed:
            self._work.put(None)
        else:
            self._idle += 1

    def close(self) -> None:
        """End each thread when it is idle."""
        self._closed = True
        for _ in range(self._idle):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


def _decrement(counter: Counter[str], project: str) -> None:
    counter[project] -= 1
    if not counter[project]:
        del counter[project]


def _too_many() -> ApiError:
    return ApiError(
        503,
        "too many queries at once; try again in a moment",
        code="TOO_MANY_QUERIES",
        headers={"Retry-After": "1"},
    )


async def _gone(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
