"""The receiver `prometheus`, scraping real servers."""

import asyncio
import gzip
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from collector_samples import Recorder, until
from real_prometheus import RealPrometheus, series_text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.receivers.prometheus import PrometheusReceiver
from belvedere.collector.receivers.prometheus.loop import Health
from belvedere.collector.receivers.prometheus.target import ScrapeTarget
from belvedere.collector.serving.http_server import HttpServer
from belvedere.collector.serving.tls import TlsConfig
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.signal import Signal
from belvedere.prometheus.from_otlp import Translation, series_of, translate
from belvedere.prometheus.model import is_stale

NO_SUFFIXES = Translation(scope_labels=False, target_info=False)


class Page:
    """A target. What it answers may be changed."""

    def __init__(self) -> None:
        self.text = "# TYPE a gauge\na 1\n"
        self.status, self.content_type = 200, "text/plain; version=0.0.4"
        self.wait_s = 0.0
        self.body, self.coding = b"", ""
        """What is answered instead of the text, and its Content-Encoding."""
        self.requests: list[Request] = []
        self.server = self._server()

    def _server(self, tls: TlsConfig | None = None) -> HttpServer:
        routes = [Route("/moved", self._moved), Route("/{path:path}", self._answer)]
        return HttpServer(Starlette(routes=routes), "127.0.0.1:0", "page", tls=tls)

    async def use_tls(self, tls: TlsConfig) -> None:
        await self.server.shutdown()
        self.server = self._server(tls)
        await self.server.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    async def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        await asyncio.sleep(self.wait_s)
        headers = {"content-type": self.content_type}
        if self.coding:
            headers["content-encoding"] = self.coding
        return Response(self.body or self.text, self.status, headers=headers)

    async def _moved(self, _: Request) -> Response:
        return RedirectResponse("/metrics")


class Scraped(Recorder):
    """What the receiver hands on, as series."""

    def scrapes(self) -> list[dict[str, float]]:
        """One a batch: series, without what the receiver says itself, and their values."""
        return [
            {name: value for name, value in each.items() if not name.startswith(("up", "scrape_"))}
            for each in self.all_scrapes()
        ]

    def all_scrapes(self) -> list[dict[str, float]]:
        return [
            {
                series_text(
                    {k: v for k, v in each.labels if k not in ("job", "instance")}
                ): each.samples[-1][1]
                for each in series_of(translate(batch.message, NO_SUFFIXES).points)
            }
            for batch in self.batches
        ]

    def reports(self) -> list[dict[str, float]]:
        return [
            {n: v for n, v in each.items() if n.startswith(("up", "scrape_"))}
            for each in self.all_scrapes()
        ]

    async def next(self, count: int = 1) -> None:
        """Wait for so many more batches."""
        have = len(self.batches)
        await until(lambda: len(self.batches) >= have + count)


Start = Callable[..., Awaitable[PrometheusReceiver]]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    page = Page()
    await page.server.start()
    yield page
    await page.server.shutdown()


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


@pytest.fixture
async def start(
    page: Page, scraped: Scraped, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Start]:
    """Starts a receiver that scrapes at once, then every `scrape_interval`: one that is long
    leaves a busy machine its time, since it bounds the time of a scrape, too."""
    monkeypatch.setattr(ScrapeTarget, "offset_s", lambda *_: time.time() + 0.01)
    running: list[PrometheusReceiver] = []

    async def start(
        global_: dict[str, Any] | None = None, receiver: dict[str, Any] | None = None, **job: Any
    ) -> PrometheusReceiver:
        job = {
            "job_name": "test",
            "scrape_interval": "30s",
            "static_configs": [{"targets": [page.address]}],
            **job,
        }
        job = {key: value for key, value in job.items() if value is not None}
        config = {"global": global_ or {}, "scrape_configs": [job]}
        made = PrometheusReceiver(
            PrometheusReceiver.Config.model_validate({"config": config, **(receiver or {})}),
            Host("prometheus/test"),
            {Signal.METRICS: scraped},
            look_s=0.02,
        )
        running.append(made)
        await made.start()
        return made

    yield start
    for each in running:
        await each.shutdown()


async def test_a_scrape_becomes_metrics(start: Start, page: Page, scraped: Scraped) -> None:
    page.text = "# HELP a Help of a.\n# TYPE a counter\na_total 1\nb 2\n"
    receiver = await start(
        receiver={"report_extra_scrape_metrics": True}, sample_limit=10, scrape_interval="2s"
    )
    await scraped.next(2)
    # The older text has counters by their full name, so a_total has no type here.
    assert scraped.scrapes()[0] == {"a_total": 1.0, "b": 2.0}
    first, second, *_ = scraped.reports()
    assert first.pop("scrape_duration_seconds") > 0
    assert first == {
        "up": 1.0,
        "scrape_samples_scraped": 2.0,
        "scrape_samples_post_metric_relabeling": 2.0,
        "scrape_series_added": 2.0,
        "scrape_timeout_seconds": 2.0,
        "scrape_sample_limit": 10.0,
        "scrape_body_size_bytes": float(len(page.text)),
    }
    assert second["scrape_series_added"] == 0.0
    (resource,) = scraped.batches[0].message.resource_metrics
    assert {each.key: each.value.string_value for each in resource.resource.attributes} == {
        "service.name": "test",
        "service.instance.id": page.address,
        "server.port": str(page.server.port),
        "url.scheme": "http",
    }
    (target,) = receiver.targets().active
    assert (target.job_name, target.last.health, target.last.error) == ("test", Health.UP, "")
    assert target.url == f"http://{page.address}/metrics"
    assert target.labels == (("instance", page.address), ("job", "test"))
    assert dict(target.discovered_labels) == {
        "__address__": page.address,
        "__metrics_path__": "/metrics",
        "__scheme__": "http",
        "__scrape_interval__": "2s",
        "__scrape_timeout__": "2s",
        "job": "test",
    }
    assert target.last.begin_s == pytest.approx(time.time(), abs=60)
    assert target.last.duration_s > 0


async def test_the_target_is_asked_as_prometheus_would(start: Start, page: Page) -> None:
    await start(
        metrics_path="/probe",
        params={"target": ["x y"], "m": ["1", "2"]},
        scrape_protocols=["PrometheusText0.0.4", "OpenMetricsText1.0.0"],
        authorization={"credentials": "token"},
        http_headers={"X-Tenant": {"values": ["a"]}},
        relabel_configs=[{"target_label": "__param_target", "replacement": "z"}],
    )
    await until(lambda: bool(page.requests))
    request = page.requests[0]
    assert str(request.url.path) == "/probe"
    assert request.query_params.multi_items() == [("m", "1"), ("m", "2"), ("target", "z")]
    assert request.headers["accept"] == (
        "text/plain;version=0.0.4;q=0.9,"
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.8,*/*;q=0.1"
    )
    assert request.headers["authorization"] == "Bearer token"
    assert request.headers["x-tenant"] == "a"
    assert request.headers["x-prometheus-scrape-timeout-seconds"] == "10"
    assert request.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"basic_auth": {"username": "u", "password_file": "FILE"}}, "Basic dTpzZWNyZXQ="),
        ({"authorization": {"type": "T", "credentials_file": "FILE"}}, "T secret"),
        ({"bearer_token_file": "FILE"}, "Bearer secret"),
    ],
    ids=str,
)
async def test_credentials_are_read_from_files(
    start: Start, page: Page, tmp_path: Path, job: dict[str, Any], expected: str
) -> None:
    file = tmp_path / "secret"
    file.write_text("secret\n")
    await start(**json.loads(json.dumps(job).replace("FILE", str(file))))
    await until(lambda: bool(page.requests))
    assert page.requests[0].headers["authorization"] == expected


async def test_openmetrics_is_read_as_such(start: Start, page: Page, scraped: Scraped) -> None:
    page.text, page.content_type = (
        "# TYPE a counter\na_total 1\n# EOF\n",
        ("application/openmetrics-text; version=1.0.0"),
    )
    await start()
    await scraped.next()
    (metric, *_) = scraped.batches[0].message.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.sum.is_monotonic) == ("a_total", True)


@pytest.mark.parametrize(
    ("change", "job", "complaint"),
    [
        pytest.param({"status": 500}, {}, "answered 500", id="status"),
        pytest.param({"text": "<html>"}, {}, "line 1", id="no metrics"),
        pytest.param({"wait_s": 1}, {"scrape_timeout": "500ms"}, "scrape_timeout", id="too slow"),
        pytest.param(
            {"text": "a 1\nb 2\nc 3\n"}, {"sample_limit": 2}, "sample_limit", id="samples"
        ),
        pytest.param({}, {"body_size_limit": 5}, "body_size_limit", id="body"),
        pytest.param(
            {"body": gzip.compress(b"a 1\n" * 1000), "coding": "gzip"}, {"body_size_limit": 3999},
            "body_size_limit", id="inflated body",
        ),
        pytest.param({"body": b"a 1\n", "coding": "gzip"}, {}, "gzip", id="no gzip"),
        pytest.param({"coding": "br"}, {}, "'br'", id="coding"),
        pytest.param({"body": b"a\xff 1\n"}, {}, "no UTF-8", id="bytes"),
        pytest.param({"text": f"a 1 {10**20}\n"}, {}, "no time", id="time"),
        pytest.param({"text": 'a{b="1"} 1'}, {"label_limit": 3}, "label_limit", id="labels"),
        pytest.param(
            {"text": 'a{bcdefghijkl="1"} 1'}, {"label_name_length_limit": 10},
            "label_name_length_limit", id="label names",
        ),
        pytest.param(
            {"text": f'a{{b="{"x" * 30}"}} 1'}, {"label_value_length_limit": 25},
            "label_value_length_limit", id="label values",
        ),
        pytest.param({}, {"target_limit": 0, "static_configs": [
            {"targets": ["127.0.0.1:1"]}]}, "connection refused", id="nobody there"),
    ],
)  # fmt: skip
async def test_a_failed_scrape(
    *,
    start: Start,
    page: Page,
    scraped: Scraped,
    change: dict[str, Any],
    job: dict[str, Any],
    complaint: str,
) -> None:
    for name, value in change.items():
        setattr(page, name, value)
    receiver = await start(**job)
    await scraped.next()
    (target,) = receiver.targets().active
    assert (target.last.health, complaint in target.last.error) == (Health.DOWN, True)
    report = scraped.reports()[0]
    assert (report["up"], report["scrape_samples_scraped"]) == (0.0, 0.0)
    assert scraped.scrapes()[0] == {}


async def test_a_failure_that_goes_on_is_told_once(
    start: Start, page: Page, scraped: Scraped
) -> None:
    page.status = 503
    with capture_logs() as logs:
        await start(scrape_interval="2s")
        await scraped.next(2)
    assert [entry["event"] for entry in logs] == ["scrape_failed"]


@pytest.mark.parametrize("time_ms", ["-5", "0", "99999999999999"])
async def test_samples_whose_times_cannot_be_are_left_out(
    start: Start, page: Page, scraped: Scraped, time_ms: str
) -> None:
    page.text = f"a 1 {time_ms}\nb 2\n"
    with capture_logs() as logs:
        await start(scrape_interval="2s")
        await scraped.next(2)
    assert scraped.scrapes()[:2] == [{"b": 2.0}] * 2
    assert scraped.reports()[0]["up"] == 1.0
    told = [entry["event"] for entry in logs]
    assert told == ["samples_out_of_time"], "once"
    await start(honor_timestamps=False)
    await until(lambda: {"a": 1.0, "b": 2.0} in scraped.scrapes())


@pytest.mark.parametrize("when", ["NaN", "-1", "1e300", "+Inf"])
async def test_starts_and_exemplars_whose_times_cannot_be_are_none(
    start: Start, page: Page, scraped: Scraped, when: str
) -> None:
    page.content_type = "application/openmetrics-text; version=1.0.0"
    page.text = (
        f"# TYPE a counter\na_total 1 # {{}} 1 99999999999999\na_created {when}\n"
        f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {when}\n# EOF\n"
    )
    await start(receiver={"use_start_time_metric": True})
    await scraped.next()
    assert scraped.scrapes()[0]["a_total"] == 1.0
    assert scraped.reports()[0]["up"] == 1.0


async def test_a_compressed_answer_is_read(start: Start, page: Page, scraped: Scraped) -> None:
    page.body, page.coding = gzip.compress(b"a 1\n") + gzip.compress(b"b 2\n"), "gzip"
    await start()
    await scraped.next()
    assert scraped.scrapes()[0] == {"a": 1.0, "b": 2.0}


async def test_more_targets_than_allowed_fail_all(
    start: Start, page: Page, scraped: Scraped
) -> None:
    targets = [page.address, page.address.replace("127.0.0.1", "localhost")]
    receiver = await start(target_limit=1, static_configs=[{"targets": targets}])
    await scraped.next(2)
    assert {target.last.health for target in receiver.targets().active} == {Health.DOWN}
    assert page.requests == []


async def test_series_that_vanish_end(start: Start, page: Page, scraped: Scraped) -> None:
    page.text = "a 1\nb 1\n"
    await start(scrape_interval="2s")
    await scraped.next()
    page.text = "a 1\n"
    await until(lambda: any(is_stale(each.get("b", 0.0)) for each in scraped.scrapes()))
    await scraped.next(2)
    ends = [each["b"] for each in scraped.scrapes() if is_stale(each.get("b", 0.0))]
    assert len(ends) == 1
    assert scraped.scrapes()[-1] == {"a": 1.0}


async def test_all_series_end_when_a_scrape_fails(
    start: Start, page: Page, scraped: Scraped
) -> None:
    await start(scrape_interval="2s")
    await scraped.next()
    page.status = 503
    await until(lambda: scraped.reports()[-1]["up"] == 0.0)
    failed = next(i for i, each in enumerate(scraped.reports()) if each["up"] == 0.0)
    assert is_stale(scraped.scrapes()[failed]["a"])
    page.status = 200
    await until(lambda: scraped.reports()[-1]["up"] == 1.0)
    assert scraped.scrapes()[-1] == {"a": 1.0}


async def test_times_of_their_own(start: Start, page: Page, scraped: Scraped) -> None:
    page.text = "a 1 1700000000000\n"
    await start(scrape_interval="2s")
    await scraped.next()
    page.text = ""
    await scraped.next(2)
    times = {
        point.time_unix_nano
        for batch in scraped.batches
        for point in translate_points(batch)
        if point.flags & 1 == 0
    }
    assert times == {1_700_000_000_000_000_000}
    assert not any(is_stale(each.get("a", 0.0)) for each in scraped.scrapes())


def translate_points(batch: Any) -> list[Any]:
    return [
        point
        for resource in batch.message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "a"
        for point in metric.gauge.data_points
    ]


async def test_times_are_not_honoured_if_told(start: Start, page: Page, scraped: Scraped) -> None:
    page.text = "a 1 1700000000000\n"
    await start(honor_timestamps=False)
    await scraped.next()
    (point,) = translate_points(scraped.batches[0])
    assert point.time_unix_nano > 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(
            {}, 'a{exported_instance="i", exported_job="j", x="1"}', id="the target's labels win"
        ),
        pytest.param({"honor_labels": True}, 'a{x="1"}', id="the sample's labels win"),
        pytest.param(
            {"honor_labels": True, "metric_relabel_configs": [
                {"source_labels": ["x"], "target_label": "y", "replacement": "<$1>"},
                {"regex": "x", "action": "labeldrop"}]},
            'a{y="<1>"}', id="rules",
        ),
        pytest.param(
            {"honor_labels": True, "global_": {"external_labels": {"x": "e", "z": "e"}}},
            'a{x="e", z="e"}', id="external labels",
        ),
    ],
)  # fmt: skip
async def test_labels(
    start: Start, page: Page, scraped: Scraped, job: dict[str, Any], expected: str
) -> None:
    page.text = 'a{x="1",job="j",instance="i"} 1\n'
    await start(**job)
    await scraped.next()
    assert list(scraped.scrapes()[0]) == [expected]
    (name,) = {
        value
        for each in series_of(translate(scraped.batches[0].message, NO_SUFFIXES).points)
        if each.name == "a"
        for label, value in each.labels
        if label == "job"
    }
    assert name == ("j" if job.get("honor_labels") else "test")


async def test_rules_drop_samples(start: Start, page: Page, scraped: Scraped) -> None:
    page.text = "a 1\nb 1\n"
    rule = {"source_labels": ["__name__"], "regex": "b", "action": "Drop"}
    await start(metric_relabel_configs=[rule])
    await scraped.next()
    assert scraped.scrapes()[0] == {"a": 1.0}
    report = scraped.reports()[0]
    assert report["scrape_samples_scraped"] == 2.0
    assert report["scrape_samples_post_metric_relabeling"] == 1.0


async def test_rules_drop_and_change_targets(start: Start, page: Page, scraped: Scraped) -> None:
    receiver = await start(
        static_configs=[
            {"targets": [page.address], "labels": {"team": "a"}},
            {"targets": ["nowhere:1"], "labels": {"drop": True}},
        ],
        relabel_configs=[
            {"source_labels": ["drop"], "regex": True, "action": "drop"},
            {"source_labels": ["team"], "target_label": "instance", "replacement": "of-$1"},
            {"target_label": "__metrics_path__", "replacement": "/other"},
        ],
    )
    await scraped.next()
    targets = receiver.targets()
    (target,) = targets.active
    assert target.labels == (("instance", "of-a"), ("job", "test"), ("team", "a"))
    assert target.url.endswith("/other")
    assert [(name, dict(labels)["__address__"]) for name, labels in targets.dropped] == [
        ("test", "nowhere:1")
    ]


@pytest.mark.parametrize("suffix", [".json", ".yml"])
async def test_targets_in_files_come_and_go(
    start: Start, page: Page, scraped: Scraped, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"targets{suffix}"
    receiver = await start(
        static_configs=None, file_sd_configs=[{"files": [str(tmp_path / f"*{suffix}")]}]
    )
    assert receiver.targets().active == []
    file.write_text(json.dumps([{"targets": [page.address], "labels": {"x": "1"}}]))
    await scraped.next()
    (target,) = receiver.targets().active
    assert dict(target.labels)["x"] == "1"
    assert dict(target.discovered_labels)["__meta_filepath"] == str(file)
    with capture_logs() as logs:
        file.write_text("[{")
        await until(lambda: bool(logs))
    assert logs[0]["event"] == "targets_not_read"
    assert len(receiver.targets().active) == 1, "a broken file changes nothing"
    file.write_text("[]")
    await until(lambda: not receiver.targets().active)
    await until(lambda: is_stale(scraped.reports()[-1]['up{x="1"}']))
    assert is_stale(scraped.scrapes()[-1]['a{x="1"}'])


async def test_https_and_redirects(
    start: Start, page: Page, scraped: Scraped, tmp_path: Path
) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("target.example")
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    leaf.cert_chain_pems[0].write_to_path(cert)
    leaf.private_key_pem.write_to_path(key)
    await page.use_tls(TlsConfig(cert_file=cert, key_file=key))
    await start(
        scheme="https",
        metrics_path="/moved",
        scrape_interval="1s",
        static_configs=[{"targets": [page.address]}],
        tls_config={"ca_file": str(ca), "server_name": "target.example"},
    )
    await scraped.next()
    assert scraped.scrapes()[0] == {"a": 1.0}


async def test_the_process_start_is_that_of_counters_if_told(
    start: Start, page: Page, scraped: Scraped
) -> None:
    page.text = "process_start_time_seconds 1.7e9\n# TYPE a counter\na 1\n"
    await start(receiver={"use_start_time_metric": True})
    await scraped.next()
    (start_ns,) = {
        point.start_time_unix_nano
        for scope in scraped.batches[0].message.resource_metrics[0].scope_metrics
        for metric in scope.metrics
        if metric.name == "a"
        for point in metric.sum.data_points
    }
    assert start_ns == 1_700_000_000_000_000_000


async def test_scrapes_are_spread_over_the_interval(page: Page) -> None:
    from belvedere.collector.receivers.prometheus.scrape_config import ScrapeConfig
    from belvedere.collector.receivers.prometheus.target import make_target

    job = ScrapeConfig(job_name="j", scrape_interval="1m", scrape_timeout="10s")
    targets = [make_target(job, {"__address__": f"h:{port}"}) for port in range(200)]
    offsets = [target.offset_s("seed") for target in targets if target]
    assert all(0 <= offset < 60 for offset in offsets)
    assert {int(offset // 10) for offset in offsets} == set(range(6))
    assert offsets == [target.offset_s("seed") for target in targets if target]


def counted(name: str) -> float:
    labels = {"receiver": "prometheus/test", "transport": "http"}
    return REGISTRY.get_sample_value(f"otelcol_receiver_{name}_metric_points_total", labels) or 0.0


async def test_what_follows_is_asked_again_then_it_is_dropped(
    start: Start, scraped: Scraped
) -> None:
    before, accepted = counted("refused"), counted("accepted")
    scraped.outcomes = [Retryable("full", after_s=0.001), None, Permanent("no")]
    with capture_logs() as logs:
        await start(scrape_interval="2s")
        await until(lambda: counted("refused") > before)
    assert counted("refused") - before == 6
    assert counted("accepted") - accepted >= 6
    assert scraped.batches[0] is scraped.batches[1]
    assert [entry["event"] for entry in logs] == ["scrape_dropped"]


EXPORTER = """
import sys
from prometheus_client import Counter, Gauge, Histogram, Summary, start_http_server
Counter("jobs", "Jobs.", ["queue"]).labels("a").inc(3)
Gauge("depth", "Depth.").set(2.5)
Histogram("wait_seconds", "Wait.", buckets=(1, 5)).observe(0.5)
Summary("size_bytes", "Size.").observe(4)
server, thread = start_http_server(0, "127.0.0.1")
print(server.server_port, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def exporter_process() -> Iterator[str]:
    """The address of a process with Prometheus's client library."""
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield f"127.0.0.1:{process.stdout.readline().strip()}"
    process.communicate()


async def test_a_real_exporter(start: Start, scraped: Scraped, exporter_process: str) -> None:
    await start(static_configs=[{"targets": [exporter_process]}])
    await scraped.next()
    found = scraped.scrapes()[0]
    expected = {
        'jobs_total{queue="a"}': 3.0,
        "depth": 2.5,
        'wait_seconds_bucket{le="1"}': 1.0,
        'wait_seconds_bucket{le="+Inf"}': 1.0,
        "wait_seconds_sum": 0.5,
        "wait_seconds_count": 1.0,
        "size_bytes_sum": 4.0,
        "size_bytes_count": 1.0,
    }
    assert expected.items() <= found.items()
    types = {
        metric.name: metric.WhichOneof("data")
        for scope in scraped.batches[0].message.resource_metrics[0].scope_metrics
        for metric in scope.metrics
    }
    assert types["jobs_total"] == "sum"
    assert types["wait_seconds"] == "histogram"
    assert types["size_bytes"] == "summary"


async def test_a_real_prometheus_scraped_is_what_it_says_of_itself(
    start: Start, scraped: Scraped, tmp_path: Path
) -> None:
    """What it has of itself, scraped by us, and what it answers to a query of it."""
    prometheus = await asyncio.to_thread(RealPrometheus, tmp_path)
    try:
        address = prometheus.url.removeprefix("http://")
        await start(static_configs=[{"targets": [address]}], scrape_interval="1s")
        await scraped.next()
        found = scraped.scrapes()[0]
        build = await asyncio.to_thread(prometheus.api, "status/buildinfo")
        (info,) = [name for name in found if name.startswith("prometheus_build_info")]
        assert f'version="{build["version"]}"' in info
        assert found["prometheus_ready"] == 1.0
        assert scraped.reports()[0]["up"] == 1.0
        assert len(found) > 200
    finally:
        await asyncio.to_thread(prometheus.stop)
