"""Time that passes when all who wait for it have come to wait."""

import asyncio
import heapq
import itertools

from belvedere.rules.clock import Clock


class FakeClock:
    """A clock whose time a test moves."""

    def __init__(self, now_ms: int, *, patience_ms: int = 5000) -> None:
        self.now_ms, self._patience_ms = now_ms, patience_ms
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_ms, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        wakes_ms = self.now_ms + round(seconds * 1000)
        heapq.heappush(self._waiting, (wakes_ms, next(self._order), future))
        await future

    async def go_on(self, seconds: float) -> None:
        """Let time pass, in the steps in which somebody waits for it.

        Whoever is woken has some time of the real clock, to come to wait again or to end.
        """
        end_ms = self.now_ms + round(seconds * 1000)
        await asyncio.sleep(0.01)
        while self._waiting and self._waiting[0][0] <= end_ms:
            waiting, tasks = len(self._waiting), len(asyncio.all_tasks())
            self.now_ms, _, future = heapq.heappop(self._waiting)
            if future.done():  # who waited was cancelled
                continue
            future.set_result(None)
            for _ in range(self._patience_ms):
                await asyncio.sleep(0.001)
                if len(self._waiting) >= waiting or len(asyncio.all_tasks()) < tasks:
                    break
        self.now_ms = end_ms
