"""`/metrics` over HTTP: ASGI under uvicorn, WSGI on a port of its own."""

import asyncio
import errno
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import uvicorn
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from belvedere.sdk import metrics
from belvedere.sdk.metrics.prometheus import PrometheusReader, reader
from belvedere.sdk.metrics.table import NAMED

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


@pytest.fixture
async def asgi() -> AsyncIterator[str]:
    """The URL of the ASGI app under a real server."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(metrics.asgi_app(), lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve([listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
    server.should_exit = True
    await task


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    """The URL of the stand-alone port."""
    with metrics.serve(0, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}/metrics"


@pytest.fixture(params=["asgi", "port"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


async def get(url: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        return await client.get(url)


def record_each() -> None:
    for metric in NAMED:
        getattr(metric, "record", getattr(metric, "add", None))(
            1, **{next(iter(metric.attributes)): "x"}
        )  # type: ignore[misc] # one of the two is there


async def test_each_named_metric_comes_out_by_its_name(
    url: str, prometheus: PrometheusReader
) -> None:
    record_each()
    response = await get(url)
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {f.name: f for f in text_families(response.text)}
    for metric in NAMED:
        family = families.pop(metric.name.removesuffix("_total"))
        names = {sample.name for sample in family.samples}
        ends = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
        assert names == {metric.name + end for end in ends}
        assert family.documentation == metric.description
    assert list(families) == ["target_info"]
    assert families["target_info"].samples[0].labels["service_name"] == "agentstack"


async def test_openmetrics_where_it_is_asked_for(url: str, prometheus: PrometheusReader) -> None:
    record_each()
    response = await get(url, Accept=OPENMETRICS)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    families = {f.name: f for f in open_families(response.text)}  # type: ignore[no-untyped-call] # it has no types
    assert families["llm_call_duration_seconds"].unit == "seconds"
    assert families["llm_tokens_input"].type == "counter"


async def test_compressed_where_it_is_asked_for(url: str, prometheus: PrometheusReader) -> None:
    record_each()
    response = await get(url, **{"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert "llm_calls_total" in response.text


async def test_names_restrict_the_answer(url: str, prometheus: PrometheusReader) -> None:
    record_each()
    families = list(text_families((await get(f"{url}?name[]=agents_active")).text))
    assert [family.name for family in families] == ["agents_active"]


async def test_without_a_reader_it_says_what_to_do(url: str) -> None:
    response = await get(url)
    assert response.status_code == 503
    assert "belvedere.init()" in response.text


async def test_apps_made_before_the_reader_find_it(url: str) -> None:
    made = reader()
    provider = MeterProvider([made], shutdown_on_exit=False)
    provider.get_meter("m").create_counter("visits").add(1)
    assert "visits_total" in (await get(url)).text
    provider.shutdown()
    assert (await get(url)).status_code == 503


async def test_only_http_reaches_the_asgi_app() -> None:
    async def never() -> dict[str, object]:
        raise AssertionError

    with pytest.raises(ValueError, match="speaks HTTP, not websocket"):
        await metrics.asgi_app()({"type": "websocket"}, never, never)  # type: ignore[arg-type] # never called


def test_a_flush_before_a_scrape_shows_no_series_twice() -> None:
    made = PrometheusReader()
    provider = MeterProvider([made], shutdown_on_exit=False)
    provider.get_meter("m").create_counter("visits").add(1)
    provider.force_flush()
    provider.force_flush()
    [visits] = [family for family in made.families() if family.name == "visits"]
    assert len(visits.samples) == 1
    provider.shutdown()


def test_scrapes_at_the_same_time_are_each_whole(prometheus: PrometheusReader) -> None:
    record_each()
    found: list[int] = []

    def scrape() -> None:
        for _ in range(5):
            found.append(sum(len(family.samples) for family in prometheus.families()))  # noqa: PERF401 - one scrape after the other

    threads = [threading.Thread(target=scrape) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert len(set(found)) == 1


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            OSError, match=f"on 127.0.0.1:{port} .*OTEL_EXPORTER_PROMETHEUS_PORT"
        ) as e:
            metrics.serve(port, "127.0.0.1")
    assert e.value.errno == errno.EADDRINUSE


def test_host_and_port_come_from_opentelemetrys_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "0")
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")
    with metrics.serve() as server:
        assert server.port > 0
