"""`retry_on_failure`: backoff and its bounds."""

import asyncio
from typing import Any

import pytest
from collector_samples import until
from otlp_peers import InstantTime
from structlog.testing import capture_logs

from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.exporters.retry import Clock, Retry, RetryConfig


class Attempts:
    """Fails as told, then succeeds."""

    def __init__(self, *failures: ConsumeError) -> None:
        self.failures, self.count = list(failures), 0

    async def __call__(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return "sent"


def retry(time: InstantTime, **config: Any) -> Retry:
    return Retry(RetryConfig.model_validate(config), "otlp_grpc", time.clock)


@pytest.mark.parametrize(
    ("config", "chance", "pauses_s"),
    [
        pytest.param({}, 0.5, [5, 7.5, 11.25, 16.875, 25.3125, 30, 30], id="defaults"),
        pytest.param({}, 0.0, [2.5, 3.75, 5.625, 8.4375, 12.65625, 15, 15], id="least"),
        pytest.param({}, 1.0, [7.5, 11.25, 16.875, 25.3125, 37.96875, 45, 45], id="most"),
        pytest.param(
            {"initial_interval": "1s", "multiplier": 2, "max_interval": "4s"},
            0.5,
            [1, 2, 4, 4, 4, 4, 4],
            id="set",
        ),
        pytest.param({"randomization_factor": 0}, 0.9, [5, 7.5, 11.25, 16.875, 25.3125, 30, 30],
                     id="no-chance"),
    ],
)  # fmt: skip
async def test_pauses_grow(config: dict[str, Any], chance: float, pauses_s: list[float]) -> None:
    time, attempts = InstantTime(chance), Attempts(*[Retryable("x")] * 7)
    assert await retry(time, max_elapsed_time="0s", **config).call(attempts) == "sent"
    assert time.pauses_s == pytest.approx(pauses_s)


async def test_waits_as_long_as_the_peer_asks() -> None:
    time = InstantTime()
    failures = [Retryable("x", after_s=60), Retryable("x", after_s=0.1)]
    await retry(time).call(Attempts(*failures))
    assert time.pauses_s == [60, 7.5]


@pytest.mark.parametrize(
    ("limit", "attempts_made"),
    [("20s", 3), ("5s", 2), ("4s", 1)],
)
async def test_gives_up_after_the_time(limit: str, attempts_made: int) -> None:
    time, attempts = InstantTime(), Attempts(*[Retryable("down", after_s=1)] * 100)
    with pytest.raises(Retryable, match=r"given up after .*max_elapsed_time.*down") as caught:
        await retry(time, max_elapsed_time=limit).call(attempts)
    assert attempts.count == attempts_made
    assert caught.value.after_s == 1


async def test_zero_never_gives_up() -> None:
    attempts = Attempts(*[Retryable("x")] * 500)
    await retry(InstantTime(), max_elapsed_time="0s").call(attempts)
    assert attempts.count == 501


@pytest.mark.parametrize(
    ("config", "failure"),
    [({"enabled": False}, Retryable("x")), ({}, Permanent("x"))],
    ids=["disabled", "permanent"],
)
async def test_does_not_retry(config: dict[str, Any], failure: ConsumeError) -> None:
    attempts = Attempts(failure)
    with pytest.raises(type(failure)):
        await retry(InstantTime(), **config).call(attempts)
    assert attempts.count == 1


async def test_a_stop_cuts_the_pause_and_leaves_one_attempt() -> None:
    forever = asyncio.Event()

    async def sleep(_: float) -> None:
        await forever.wait()

    attempts = Attempts(*[Retryable("x")] * 9)
    tested = Retry(RetryConfig(), "otlp_grpc", Clock(sleep=sleep))
    call = asyncio.create_task(tested.call(attempts))
    await until(lambda: attempts.count == 1)
    tested.stop()
    with pytest.raises(Retryable):
        await call
    assert attempts.count == 2


async def test_tells_of_retries() -> None:
    with capture_logs() as logs:
        await retry(InstantTime()).call(Attempts(Retryable("peer is away")))
    assert [(entry["error"], entry["pause_s"]) for entry in logs] == [("peer is away", 5.0)]
