"""The sender's process: `python process.py PLAN` with a plan as JSON.

It connects, says `{"ready": true}`, waits for a line on its standard input, sends, says twice a
second how far it is (`{"acknowledged": 123}`), and at the end how it went.
"""

import asyncio
import dataclasses
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from sending.grpc_connection import GrpcConnection
from sending.http_connection import HttpConnection
from sending.plan import Plan, Sent
from sending.refused import Refused

_PAUSE_S: Final = 1.0
"""Before another try, where the server does not say how long."""
_GIVE_UP_S: Final = 60.0
"""A request that is refused for so long ends the run."""


class Connection(Protocol):
    """What both protocols do."""

    async def open(self) -> None: ...
    async def send(self, request: bytes) -> bytes: ...
    async def close(self) -> None: ...


class Sending:
    """The requests of a plan on their way. Each connection has one request under way at a time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        make = {"grpc": GrpcConnection, "http": HttpConnection}[plan.protocol]
        self._connections: list[Connection] = [make(plan) for _ in range(plan.connections)]
        self._requests = plan.payload.read(plan.first, plan.replayed or plan.count)
        self._sent = Sent([0.0] * plan.count, [0.0] * plan.count, 0, 0, 0.0)
        self.acknowledged = 0

    async def open(self) -> None:
        for connection in self._connections:
            await connection.open()

    async def run(self) -> Sent:
        cpu_before_s = _cpu_s()
        next_one = iter(range(self._plan.count))
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for connection in self._connections:
                group.create_task(self._drive(connection, next_one, began_s))
        self._sent.cpu_s = _cpu_s() - cpu_before_s
        for connection in self._connections:
            await connection.close()
        return self._sent

    async def _drive(self, connection: Connection, next_one: Iterator[int], began_s: float) -> None:
        for index in next_one:
            if self._plan.requests_per_s:
                due_s = began_s + index / self._plan.requests_per_s
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            request = bytes(self._requests[index % len(self._requests)])
            self._sent.sent_s[index] = time.monotonic()
            answer = await self._until_accepted(connection, request)
            self._sent.acknowledged_s[index] = time.monotonic()
            self.acknowledged += 1
            if answer:  # an answer without partial success has no bytes at all
                self._note_rejected(answer)

    async def _until_accepted(self, connection: Connection, request: bytes) -> bytes:
        deadline_s = time.monotonic() + _GIVE_UP_S
        while True:
            try:
                return await connection.send(request)
            except Refused as refused:
                if time.monotonic() > deadline_s:
                    raise
                self._sent.retries += 1
                await asyncio.sleep(_PAUSE_S if refused.after_s is None else refused.after_s)

    def _note_rejected(self, answer: bytes) -> None:
        partial = self._plan.signal.response_type.FromString(answer).partial_success
        for _, value in partial.ListFields():
            if isinstance(value, int):
                self._sent.rejected += value


async def _main(plan: Plan) -> None:
    sending = Sending(plan)
    await sending.open()
    _say({"ready": True})
    await asyncio.to_thread(sys.stdin.readline)
    running = asyncio.create_task(sending.run())
    while not running.done():
        await asyncio.wait([running], timeout=0.5)
        _say({"acknowledged": sending.acknowledged})
    _say({"sent": dataclasses.asdict(await running)})


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    uvloop.run(_main(Plan.from_json(sys.argv[1])))
