"""`health_check`, `zpages` and `pprof`: what they serve."""

import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from collector_samples import SampleReceiver, batch_of, until

from belvedere import __version__
from belvedere.collector.component import Host
from belvedere.collector.config import CollectorConfig
from belvedere.collector.extensions.health_check import HealthCheck
from belvedere.collector.extensions.pprof import PprofExtension
from belvedere.collector.registry import Kind
from belvedere.collector.service import Service
from belvedere.collector.status import ServiceStatus, State
from belvedere.otlp.signal import Signal

Load = Callable[..., CollectorConfig]

TEXT = """
extensions: {zpages: {endpoint: '127.0.0.1:0'}, health_check: {endpoint: '127.0.0.1:0'}}
receivers: {sample: }
processors: {batch/zpages: {timeout: 0s}}
exporters: {debug/zpages: }
service:
  extensions: [zpages, health_check]
  pipelines:
    traces: {receivers: [sample], processors: [batch/zpages], exporters: [debug/zpages]}
    logs: {receivers: [sample], exporters: [debug/zpages]}
"""


@pytest.fixture
async def service(load: Load) -> AsyncIterator[Service]:
    service = Service(load(TEXT))
    await service.start()
    yield service
    await service.shutdown()


async def get(component: Any, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{component.port}{path}", headers=headers)


@pytest.mark.parametrize(
    ("state", "code", "status"),
    [
        (State.STARTING, 503, "Server not available"),
        (State.RUNNING, 200, "Server available"),
        (State.STOPPING, 503, "Server not available"),
    ],
    ids=str,
)
@pytest.mark.parametrize("texts", [None, {"healthy": "fine", "unhealthy": "ill"}], ids=str)
async def test_health(texts: dict[str, str] | None, state: State, code: int, status: str) -> None:
    config = {"endpoint": "127.0.0.1:0", "path": "/health", "response_body": texts}
    shared = ServiceStatus()
    shared.become(state)
    host = Host("health_check", {ServiceStatus: shared})
    tested = HealthCheck(HealthCheck.Config.model_validate(config), host)
    await tested.start()
    answer = await get(tested, "/health")
    assert answer.status_code == code
    if texts:
        assert answer.text == ("fine" if code == 200 else "ill")
    else:
        assert answer.json()["status"] == status
        assert (answer.json()["upSince"] > "2020") == (code == 200)
    assert (await get(tested, "/other")).status_code == 404
    await tested.shutdown()


async def test_health_of_a_service(service: Service) -> None:
    tested = service.component(Kind.EXTENSION, "health_check")
    assert (await get(tested, "/")).status_code == 200


async def test_pipelines_with_their_counters(service: Service) -> None:
    receiver = cast(SampleReceiver, service.component(Kind.RECEIVER, "sample"))
    for signal in (Signal.TRACES, Signal.LOGS):
        await receiver.consumers[signal].consume(batch_of(signal, [1, 2]))
    zpages = service.component(Kind.EXTENSION, "zpages")
    text = (await get(zpages, "/debug/pipelinez")).text
    assert text.splitlines()[:4] == [
        "traces",
        "  receiver   sample",
        "  processor  batch/zpages              incoming_items=2  outgoing_items=2",
        "  exporter   debug/zpages              sent_spans=2",
    ]
    answer = (await get(zpages, "/debug/pipelinez", accept="application/json")).json()
    assert answer["pipelines"][1] == {
        "id": "logs",
        "signal": "logs",
        "receivers": [{"id": "sample", "counters": {}}],
        "processors": [],
        "exporters": [{"id": "debug/zpages", "counters": {"sent_log_records": 2.0}}],
    }


async def test_the_other_pages(service: Service) -> None:
    zpages = service.component(Kind.EXTENSION, "zpages")
    process = (await get(zpages, "/debug/servicez?format=json")).json()
    assert (process["version"], process["state"]) == (__version__, "running")
    assert process["pipelines"] == ["traces", "logs"]
    assert "state             running" in (await get(zpages, "/debug/servicez")).text
    assert (await get(zpages, "/debug/extensionz")).text == "zpages\nhealth_check\n"
    assert "/debug/pipelinez" in (await get(zpages, "/debug/")).text


@pytest.fixture
def busy() -> Any:
    """A thread that uses its CPU in a function of this name."""
    stop = threading.Event()

    def spins_for_the_profile() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spins_for_the_profile, name="busy")
    thread.start()
    yield thread
    stop.set()
    thread.join()


@asynccontextmanager
async def pprof(**config: Any) -> AsyncIterator[PprofExtension]:
    given = {"endpoint": "127.0.0.1:0", **config}
    tested = PprofExtension(PprofExtension.Config.model_validate(given), Host("pprof"))
    await tested.start()
    try:
        yield tested
    finally:
        await tested.shutdown()


async def profile_with(tested: PprofExtension, query: str, expected: str) -> str:
    """A CPU profile that shows what is expected: a busy machine may sample nothing for a while."""
    profile = ""
    for _ in range(60):
        profile = (await get(tested, f"/debug/pprof/profile?seconds=0.5{query}")).text
        if re.search(expected, profile, re.MULTILINE):
            return profile
    raise AssertionError(f"{expected} is not in the profile:\n{profile}")


async def test_a_cpu_profile(busy: threading.Thread) -> None:
    async with pprof() as tested:
        await profile_with(tested, "", r"^busy;.*spins_for_the_profile")
        speedscope = json.loads(await profile_with(tested, "&format=speedscope", "spins_for_the"))
    (profile,) = (each for each in speedscope["profiles"] if each["name"] == "busy")
    names = [frame["name"] for frame in speedscope["shared"]["frames"]]
    assert "spins_for_the_profile" in json.dumps(
        [names[i] for sample in profile["samples"] for i in sample]
    )
    assert sum(profile["weights"]) == pytest.approx(profile["endValue"])


async def test_many_threads_that_wait_do_not_keep_a_profile_from_its_samples(
    busy: threading.Thread,
) -> None:
    ended = threading.Event()
    waiting = [threading.Thread(target=ended.wait) for _ in range(300)]
    for thread in waiting:
        thread.start()
    try:
        async with pprof() as tested:
            await profile_with(tested, "", r"^busy;.*spins_for_the_profile")
    finally:
        ended.set()
        for thread in waiting:
            thread.join()


async def test_stacks_of_threads_and_tasks(busy: threading.Thread) -> None:
    async with pprof() as tested:
        threads = (await get(tested, "/debug/pprof/threads")).text
        assert "busy\n" in threads
        assert "spins_for_the_profile" in threads
        assert "test_stacks_of_threads_and_tasks" in (await get(tested, "/debug/pprof/tasks")).text
        assert "/debug/pprof/profile" in (await get(tested, "/debug/pprof/")).text


@pytest.mark.parametrize("query", ["seconds=x", "seconds=0", "seconds=1e9", "format=svg"])
async def test_refuses_a_profile(query: str) -> None:
    async with pprof() as tested:
        answer = await get(tested, f"/debug/pprof/profile?{query}")
        assert (answer.status_code, answer.text[:7]) == (400, "seconds")


async def test_a_profile_of_the_whole_run(busy: threading.Thread, tmp_path: Path) -> None:
    async with pprof(save_to_file=str(tmp_path / "profile")) as tested:
        profiler = tested._profiler
        assert profiler
        await until(lambda: any(stack[0] == "busy" for stack in list(profiler.seconds)))
    assert "busy;" in (tmp_path / "profile").read_text()
