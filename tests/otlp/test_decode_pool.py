"""Child processes decode within limits, and projects and connections have equal shares."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from belvedere.otlp.decode_pool import DecodePool, Share
from belvedere.otlp.errors import TooLarge, Unavailable

SHARE = Share("project", "connection")
MIB = 1 << 20


@pytest.fixture
def open_pool() -> Iterator[Callable[..., DecodePool]]:
    pools: list[DecodePool] = []

    def open_pool(**options: Any) -> DecodePool:
        pools.append(DecodePool(**options))
        return pools[-1]

    yield open_pool
    for pool in pools:
        pool.close()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe that blocks its reader until something is written to it."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def run(pool: DecodePool, function: Callable[..., Any], *arguments: Any) -> Any:
    return asyncio.run(pool.run(SHARE, 0, function, *arguments))


def test_results_and_errors_come_back(open_pool: Callable[..., DecodePool]) -> None:
    pool = open_pool()
    assert run(pool, len, bytes(MIB)) == MIB
    assert run(pool, bytes, MIB) == bytes(MIB)
    with pytest.raises(ValueError, match="invalid literal"):
        run(pool, int, "x")
    assert run(pool, os.getpid) == run(pool, os.getpid) != os.getpid()


REFUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...], type[Exception]]] = {
    "killed": (os._exit, (3,), Unavailable),
    "CPU time": (pow, (7, 1 << 40), TooLarge),
}
if sys.platform == "linux":
    REFUSED["memory"] = (bytearray, (2048 * MIB,), TooLarge)


@pytest.mark.parametrize(
    ("function", "arguments", "error"), list(REFUSED.values()), ids=list(REFUSED)
)
def test_a_request_over_a_limit_fails_and_the_next_one_does_not(
    open_pool: Callable[..., DecodePool],
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    error: type[Exception],
) -> None:
    pool = open_pool(cpu_s=1)
    with pytest.raises(error):
        run(pool, function, *arguments)
    assert run(pool, len, b"next") == 4


def test_projects_and_connections_are_served_in_turn(
    open_pool: Callable[..., DecodePool], gate: Path
) -> None:
    pool = open_pool(processes=1)
    served: list[str] = []

    async def send(project: str, connection: str, name: str) -> None:
        served.append(await pool.run(Share(project, connection), 0, str, name))

    async def all_of_them() -> None:
        first = asyncio.create_task(pool.run(Share("p", "a"), 0, Path.read_bytes, gate))
        with await asyncio.to_thread(gate.open, "wb") as opened:  # as soon as it is being served
            waiting = [("p", "a", "a1"), ("p", "a", "a2"), ("p", "b", "b1"), ("q", "c", "c1")]
            tasks = [asyncio.create_task(send(*each)) for each in waiting]
            await asyncio.sleep(0)  # each has submitted its call
            opened.write(b"open")
        assert await first == b"open"
        await asyncio.gather(*tasks)

    asyncio.run(all_of_them())
    assert served == ["a1", "c1", "b1", "a2"]


def test_a_connection_has_one_process_and_a_project_does_not_have_all(
    open_pool: Callable[..., DecodePool], gate: Path, tmp_path: Path
) -> None:
    pool = open_pool(processes=3, per_project=2)
    second_gate = tmp_path / "second"
    os.mkfifo(second_gate)

    async def all_of_them() -> None:
        first = asyncio.create_task(pool.run(Share("p", "a"), 0, Path.read_bytes, gate))
        behind_it = asyncio.create_task(pool.run(Share("p", "a"), 0, len, b""))
        assert await pool.run(Share("p", "b"), 0, len, b"b") == 1
        second = asyncio.create_task(pool.run(Share("p", "c"), 0, Path.read_bytes, second_gate))
        third = asyncio.create_task(pool.run(Share("p", "d"), 0, len, b""))
        assert await pool.run(Share("q", "e"), 0, len, b"q") == 1
        assert not any(each.done() for each in (first, behind_it, second, third))
        for each in (gate, second_gate):
            await asyncio.to_thread(each.write_bytes, b"open")
        await asyncio.gather(first, behind_it, second, third)

    asyncio.run(all_of_them())


def test_too_much_that_waits_is_refused_for_its_project_only(
    open_pool: Callable[..., DecodePool], gate: Path
) -> None:
    pool = open_pool(processes=1)

    async def all_of_them() -> None:
        first = asyncio.create_task(pool.run(SHARE, 0, Path.read_bytes, gate))
        waiting = asyncio.create_task(pool.run(SHARE, 100 * MIB, len, b""))
        other = asyncio.create_task(pool.run(Share("other", ""), 100 * MIB, len, b""))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many"):
            await pool.run(SHARE, 100 * MIB, len, b"")
        await asyncio.to_thread(gate.write_bytes, b"open")
        await asyncio.gather(first, waiting, other)

    asyncio.run(all_of_them())


def test_closing_answers_what_waits_and_what_runs(
    open_pool: Callable[..., DecodePool], gate: Path
) -> None:
    pool = open_pool(processes=1)

    async def all_of_them() -> None:
        tasks = [
            asyncio.create_task(pool.run(SHARE, 0, Path.read_bytes, gate)),
            asyncio.create_task(pool.run(SHARE, 0, len, b"")),
        ]
        with await asyncio.to_thread(gate.open, "wb"):  # the reader is there
            pool.close()
            errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in errors] == [Unavailable, Unavailable]

    asyncio.run(all_of_them())
    with pytest.raises(Unavailable):
        run(pool, len, b"")


def test_after_a_slow_request_only_small_ones_of_its_project_are_inline(
    open_pool: Callable[..., DecodePool],
) -> None:
    pool = open_pool()
    pool.decoded_inline("fast", 0.001)
    pool.decoded_inline("slow", 0.1)
    assert pool.inline_bytes("fast", MIB) == MIB
    assert pool.inline_bytes("slow", MIB) < MIB // 16
