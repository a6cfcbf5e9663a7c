"""The exporter `prometheus`: what is scraped is what was sent."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from otlp_metrics import CUMULATIVE, DELTA, STALE_FLAG, Metrics, all_kinds
from pydantic import ValidationError
from real_prometheus import RealPrometheus, series_text
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError, Retryable
from belvedere.collector.exporters.prometheus import PrometheusExporter
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.batch import Batch
from belvedere.otlp.errors import Unauthenticated
from belvedere.otlp.signal import Signal
from belvedere.prometheus.exposition import protobuf
from belvedere.prometheus.exposition.parse import parse_text, read_series
from belvedere.prometheus.from_otlp import Translation, series_of, translate

Start = Callable[..., Awaitable["Scraped"]]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Scraped:
    """A running exporter, and what a scraper sees of it."""

    def __init__(self, exporter: PrometheusExporter, clock: Clock) -> None:
        self.exporter, self.clock = exporter, clock
        self.url = f"http://127.0.0.1:{exporter.port}/metrics"

    async def send(self, *metrics: Metrics) -> None:
        for each in metrics:
            await self.exporter.consume(Batch.of(Signal.METRICS, each.request))

    async def get(self, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(self.url, headers=headers)

    async def values(self) -> dict[str, float]:
        """All but target_info, whose labels are no matter here."""
        answer = await self.get()
        assert answer.status_code == 200
        return {
            series_text(dict(read_series(series))): value
            for series, value, _, _ in parse_text(answer.text).entries
            if "target_info" not in series
        }


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    running: list[PrometheusExporter] = []

    async def start(extensions: Any = None, **config: Any) -> Scraped:
        clock = Clock()
        exporter = PrometheusExporter(
            PrometheusExporter.Config.model_validate({"endpoint": "127.0.0.1:0", **config}),
            Host("prometheus/test", extensions=extensions or {}),
            now_s=clock,
        )
        running.append(exporter)
        await exporter.start()
        return Scraped(exporter, clock)

    yield start
    for exporter in running:
        await exporter.shutdown()


def bare(resource: dict[str, Any] | None = None, **of: Any) -> Metrics:
    return Metrics({} if resource is None else resource, **of)


KINDS = {
    "text": {},
    "timed_text": {"send_timestamps": True},
    "openmetrics": {"enable_open_metrics": True},
    "timed_openmetrics": {"enable_open_metrics": True, "send_timestamps": True},
}
"""Namespace → configuration of an exporter that the real Prometheus scrapes."""


async def test_a_real_prometheus_scrapes_it_without_a_warning(start: Start, tmp_path: Path) -> None:
    """Two of them: one that asks for protobuf (it knows native histograms), and one for text.

    Both scrape exporters of all kinds at once, since they wait 5 s before their first scrape.
    """
    sent = all_kinds(int(time.time() * 1000))
    exemplar = (
        sent.scope.metrics[2].sum.data_points[0].exemplars.add(as_double=0.5, trace_id=b"\1" * 16)
    )
    exemplar.time_unix_nano = sent.time_ms * 1_000_000
    scraped = {kind: await start(namespace=kind, **config) for kind, config in KINDS.items()}
    for each in scraped.values():
        await each.send(sent)
    job = {"honor_labels": True, "scrape_interval": "100ms", "scrape_timeout": "100ms"}
    config = {
        "scrape_configs": [
            job
            | {
                "job_name": kind,
                "static_configs": [{"targets": [f"127.0.0.1:{each.exporter.port}"]}],
            }
            for kind, each in scraped.items()
        ]
    }

    def check(directory: Path, *, native: bool) -> None:
        directory.mkdir()
        with RealPrometheus(directory, config=config, native_histograms=native) as prometheus:
            for kind in KINDS:
                _compare(prometheus, sent, kind, native=native)
            assert prometheus.warnings == []

    await asyncio.gather(
        asyncio.to_thread(check, tmp_path / "protobuf", native=True),
        asyncio.to_thread(check, tmp_path / "text", native=False),
    )


def _compare(prometheus: RealPrometheus, sent: Metrics, kind: str, *, native: bool) -> None:
    points = translate(sent.request, Translation(namespace=kind)).points
    expected = {
        series_text(dict(each.labels)): value
        for each in series_of(points)
        for _, value in each.samples
    }
    prometheus.until(lambda: prometheus.values(f"{kind}_requests_total"))
    found = prometheus.values(f'{{__name__=~"{kind}_.+"}}')
    if native:
        ((_, histogram),) = [each["histogram"] for each in prometheus.query(f"{kind}_size")]
        assert (histogram["count"], histogram["sum"]) == ("10", "12.5")
    else:
        sizes = {name: found.pop(name) for name in list(found) if "_size" in name}
        assert sorted(sizes.values()) == [10, 10, 12.5]
    # Protobuf and OpenMetrics have the bound 1 as 1.0.
    assert {name.replace('le="1.0"', 'le="1"'): value for name, value in found.items()} == expected
    if native or "openmetrics" in kind:
        at = {"start": sent.time_ms / 1000 - 60, "end": sent.time_ms / 1000 + 60}
        (series,) = prometheus.api("query_exemplars", query=f"{kind}_requests_total", **at)
        assert series["exemplars"][0]["labels"] == {"trace_id": "01" * 16}


async def test_points_of_different_resources_do_not_collide(start: Start) -> None:
    scraped = await start(without_scope_info=True)
    for number in (1, 2):
        one = bare({"service.name": "api", "service.instance.id": f"i-{number}"})
        one.gauge("g", number)
        await scraped.send(one)
    assert await scraped.values() == {
        'g{instance="i-1", job="api"}': 1.0,
        'g{instance="i-2", job="api"}': 2.0,
    }


async def test_resources_that_share_a_series_are_told(start: Start) -> None:
    scraped = await start()
    first, second = bare({"host.name": "a"}), bare({"host.name": "b"})
    first.gauge("g", 1)
    second.gauge("g", 2)
    with capture_logs() as logs:
        await scraped.send(first, second)
        assert logs == [], "a process that was restarted"
        await scraped.send(first)
    assert [entry["event"] for entry in logs] == ["resources_share_series"]
    assert await scraped.values() == {"g": 1.0}


async def test_many_resources_that_share_a_series_are_told(start: Start) -> None:
    """As processes do, of which each scrape of the machine has all."""
    scraped = await start()
    together = bare()
    for pid in range(5):
        process = bare({"process.pid": str(pid)})
        process.gauge("g", pid)
        together.request.MergeFrom(process.request)
    with capture_logs() as logs:
        await scraped.send(together)
    assert [entry["event"] for entry in logs] == ["resources_share_series"]


async def test_the_newest_point_counts(start: Start) -> None:
    scraped = await start()
    newer, older = bare(time_ms=2000), bare(time_ms=1000)
    newer.gauge("g", 2)
    older.gauge("g", 1)
    await scraped.send(newer, older)
    assert await scraped.values() == {"g": 2.0}


async def test_series_expire(start: Start) -> None:
    scraped = await start(metric_expiration="1m")
    one, other = bare(), bare()
    one.gauge("one", 1)
    other.gauge("other", 1)
    await scraped.send(one)
    scraped.clock.now_s += 40
    await scraped.send(other)
    scraped.clock.now_s += 40
    assert await scraped.values() == {"other": 1.0}


async def test_a_stale_point_ends_its_series(start: Start) -> None:
    scraped = await start()
    one, end = bare(), bare()
    one.gauge("g", 1)
    end.gauge("g", 0).flags = STALE_FLAG
    await scraped.send(one, end)
    assert await scraped.values() == {}


def delta(start_ms: int, time_ms: int, *, sum_: float = 1) -> Metrics:
    metrics = bare(time_ms=time_ms)
    points = [
        metrics.sum("s", sum_, temporality=DELTA),
        metrics.histogram("h", [1, 2], [1.0], 2.0, temporality=DELTA),
    ]
    for point in points:
        point.start_time_unix_nano = start_ms * 1_000_000
    return metrics


@pytest.mark.parametrize(
    ("times", "total"),
    [
        pytest.param([(0, 10), (10, 20), (20, 30)], 3, id="one after another"),
        pytest.param([(0, 10), (15, 20)], 2, id="with a gap"),
        pytest.param([(0, 10), (0, 20)], 2, id="without start"),
        pytest.param([(1, 10), (5, 20), (10, 20)], 2, id="overlapping ones are refused"),
        pytest.param([(1, 10), (1, 10)], 1, id="the same again is refused"),
    ],
)
async def test_deltas_become_totals(
    start: Start, times: list[tuple[int, int]], total: float
) -> None:
    scraped = await start()
    for each in times:
        await scraped.send(delta(*each))
    assert await scraped.values() == {
        "s_total": total,
        'h_bucket{le="1"}': total,
        'h_bucket{le="+Inf"}': 3 * total,
        "h_sum": 2 * total,
        "h_count": 3 * total,
    }


async def test_deltas_that_come_at_once_are_added_in_their_order(start: Start) -> None:
    scraped = await start()
    deltas = (delta(time_ms, time_ms + 1) for time_ms in range(100))
    await asyncio.gather(*(scraped.send(each) for each in deltas))
    assert (await scraped.values())["s_total"] == 100


async def test_deltas_of_exponential_histograms_meet_at_the_coarser_scale(start: Start) -> None:
    scraped = await start()
    for time_ms, scale, counts in ((10, 1, [1, 2, 3, 4]), (20, 0, [5, 6])):
        metrics = bare(time_ms=time_ms)
        point = metrics.exponential("e", scale, 0, counts, 1.0, temporality=DELTA)
        point.start_time_unix_nano = 0
        await scraped.send(metrics)
    (family,) = scraped.exporter._held.families()
    histogram = family.points[0].histogram
    assert histogram is not None
    assert (histogram.schema, histogram.positive) == (0, ((1, 8), (2, 13)))
    assert await scraped.values() == {'e_bucket{le="+Inf"}': 21.0, "e_sum": 2.0, "e_count": 21.0}


def counter(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"exporter": "prometheus/test"}) or 0.0


async def test_what_cannot_be_shown_is_counted_and_told_once(start: Start) -> None:
    scraped = await start()
    sent, failed = (
        counter(f"otelcol_exporter_{what}_metric_points_total") for what in ("sent", "send_failed")
    )
    metrics = bare()
    metrics.sum("falls", 1, monotonic=False, temporality=DELTA)
    metrics.gauge("g", 1)
    metrics.sum("g", 1, monotonic=False, temporality=CUMULATIVE)
    metrics.histogram("g", [1], [], 1.0)
    with capture_logs() as logs:
        await scraped.send(metrics, metrics)
    assert counter("otelcol_exporter_sent_metric_points_total") - sent == 4
    assert counter("otelcol_exporter_send_failed_metric_points_total") - failed == 4
    assert [entry["event"] for entry in logs] == ["points_dropped"] * 2
    assert "delta_to_cumulative" in logs[0]["reason"]
    assert await scraped.values() == {"g": 1.0}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"add_metric_suffixes": False}, 'a_b{job="api", own="o"}'),
        ({"namespace": "n.s"}, 'n_s_a_b_seconds_total{job="api", own="o"}'),
        ({"const_labels": {"c.d": "x"}}, 'a_b_seconds_total{c_d="x", job="api", own="o"}'),
        (
            {"resource_to_telemetry_conversion": {"enabled": True}},
            'a_b_seconds_total{host="h", job="api", own="o", service_name="api"}',
        ),
        (
            {
                "resource_to_telemetry_conversion": {
                    "enabled": True,
                    "exclude_service_attributes": True,
                }
            },
            'a_b_seconds_total{host="h", job="api", own="o"}',
        ),
        (
            {"resource_constant_labels": {"excluded": ["service*"]}},
            'a_b_seconds_total{host="h", job="api", own="o"}',
        ),
        (
            {"translation_strategy": "UnderscoreEscapingWithoutSuffixes"},
            'a_b{job="api", own="o"}',
        ),
        ({"translation_strategy": "NoTranslation"}, 'a_b{job="api", own="o"}'),
        (
            {"without_scope_info": False},
            'a_b_seconds_total{job="api", otel_scope_name="lib", own="o"}',
        ),
    ],
    ids=str,
)
async def test_names_and_labels(start: Start, config: dict[str, Any], expected: str) -> None:
    scraped = await start(**{"without_scope_info": True, **config})
    metrics = Metrics({"service.name": "api", "host": "h"}, scope="lib")
    metrics.sum("a.b", 1, "s", own="o")
    await scraped.send(metrics)
    assert list(await scraped.values()) == [expected]


async def test_target_info_is_one_a_target(start: Start) -> None:
    scraped = await start()
    for version in ("1", "2"):
        metrics = Metrics({"service.name": "api", "service.version": version})
        metrics.gauge("g", 1)
        await scraped.send(metrics)
    text = (await scraped.get()).text
    lines = [line for line in text.splitlines() if line.startswith("target_info")]
    assert lines == ['target_info{job="api",service_version="2"} 1']


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
        ("application/openmetrics-text;q=0.1, text/plain", "text/plain; version=0.0.4"),
        (
            protobuf.CONTENT_TYPE,
            "application/vnd.google.protobuf",
        ),
        ("application/json", "text/plain"),
        ("nonsense;q=x,,", "text/plain"),
    ],
)
async def test_the_scraper_chooses_the_format(start: Start, accept: str, content_type: str) -> None:
    scraped = await start(enable_open_metrics=True)
    answer = await scraped.get(accept=accept)
    assert answer.headers["content-type"].startswith(content_type)


async def test_names_with_any_character_for_scrapers_that_take_them(start: Start) -> None:
    scraped = await start(translation_strategy="NoTranslation")
    metrics = bare()
    metrics.gauge("a.b", 1)
    await scraped.send(metrics)
    assert '{"a.b"} 1' in (await scraped.get(accept="text/plain;escaping=allow-utf-8")).text
    assert "\na_b 1" in (await scraped.get()).text


async def test_answers_are_compressed_for_those_who_ask(start: Start) -> None:
    scraped = await start()
    await scraped.send(all_kinds())
    answer = await scraped.get(**{"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "queue_depth" in answer.text
    assert "content-encoding" not in (await scraped.get(**{"accept-encoding": "identity"})).headers


class OneClient:
    """An authenticator extension, as components see them."""

    def authenticate(self, headers: Any) -> None:
        if headers.get("authorization") != ("Bearer x",):
            raise Unauthenticated("who are you")


async def test_an_extension_says_who_may_scrape(start: Start) -> None:
    scraped = await start({"one": OneClient()}, auth={"authenticator": "one"})
    assert (await scraped.get()).status_code == 401
    assert (await scraped.get(authorization="Bearer x")).status_code == 200
    with pytest.raises(ConfigError, match="no extension 'two' authenticates"):
        await start(auth={"authenticator": "two"})


async def test_what_is_not_running_takes_nothing(start: Start) -> None:
    scraped = await start()
    await scraped.exporter.shutdown()
    with pytest.raises(Retryable):
        await scraped.send(bare())


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"endpoint": "nowhere"}, "is no endpoint"),
        ({"const_labels": {"a": ""}}, "needs a name and a value"),
        ({"const_labels": {"a.b": "1", "a_b": "2"}}, "have one name"),
        ({"metric_expiration": "0s"}, "greater than 0"),
        ({"translation_strategy": "Nonsense"}, "UnderscoreEscapingWithSuffixes"),
        ({"cors": {"allowed_origins": ["*"]}}, "not supported"),
        ({"read_timeout": "1s"}, "not supported"),
    ],
    ids=str,
)
def test_configurations_that_are_refused(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        PrometheusExporter.Config.model_validate({"endpoint": "127.0.0.1:0", **config})
