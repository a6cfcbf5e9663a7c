"""A Collector that runs, stops, and is given another configuration meanwhile."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
import pytest
from collector_samples import SampleExporter, SampleReceiver, batch_of, events, until
from structlog.testing import capture_logs

from belvedere.collector.config import CollectorConfig
from belvedere.collector.errors import ConfigError
from belvedere.collector.registry import Kind
from belvedere.collector.running import Collector
from belvedere.collector.telemetry import own
from belvedere.otlp.signal import Signal

Load = Callable[..., CollectorConfig]

TEXT = """\
receivers: {sample: }
exporters: {sample: }
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [sample], exporters: [sample]}
"""
OTHER = TEXT.replace("{sample: }", "{sample: {size: 2}}", 1)


class Text:
    """A configuration that can be changed."""

    def __init__(self, load: Load) -> None:
        self.text, self._load = TEXT, load
        self.told: list[CollectorConfig] = []

    def collector(self) -> Collector:
        return Collector(lambda: self._load(self.text), on_load=self.told.append)


@pytest.fixture
def text(load: Load) -> Text:
    return Text(load)


@pytest.fixture
async def running(text: Text, journal: list[str]) -> AsyncIterator[Collector]:
    collector = text.collector()
    await collector.start()
    yield collector
    await collector.stop()
    await collector.stop()


def receiver(collector: Collector) -> SampleReceiver:
    return cast(SampleReceiver, collector.component(Kind.RECEIVER, "sample"))


def exporter(collector: Collector) -> SampleExporter:
    return cast(SampleExporter, collector.component(Kind.EXPORTER, "sample"))


async def test_a_valid_configuration_replaces_what_runs(
    text: Text, running: Collector, journal: list[str]
) -> None:
    text.text = OTHER
    before = receiver(running)
    with capture_logs() as told:
        assert await running.reload()
    assert "configuration_reloaded" in events(told, "info")
    assert receiver(running) is not before
    assert receiver(running).config.size == 2
    tried = ["stop sample"] * 2  # made, to see whether it can be, and never started
    assert journal == [*["start sample"] * 2, *tried, *["stop sample"] * 2, *["start sample"] * 2]
    assert len(text.told) == 2


async def test_an_unchanged_configuration_starts_anew(running: Collector) -> None:
    before = receiver(running)
    assert await running.reload()
    assert receiver(running) is not before


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(
            {"sample: }\nexp": "smple: }\nexp"},
            "a.yaml:1: receivers::smple: there is no receiver of the type 'smple'"
            " (did you mean 'sample'?)",
            id="not-valid",
        ),
        pytest.param(
            {"{sample: }\nserv": "{sample: {fail_make: no}}\nserv"},
            "a.yaml:2: exporters::sample: no",
            id="cannot-be-made",
        ),
    ],
)
async def test_an_invalid_configuration_is_refused(
    change: dict[str, str], error: str, text: Text, running: Collector
) -> None:
    for old, new in change.items():
        text.text = text.text.replace(old, new)
    before = receiver(running)
    with capture_logs() as told:
        assert not await running.reload()
    assert [(entry["error"], entry["runs"]) for entry in told] == [(error, "the old one, on")]
    assert receiver(running) is before
    await before.consumers[Signal.TRACES].consume(batch_of(Signal.TRACES))
    assert exporter(running).recorder.numbers == [1]


async def test_a_defect_while_it_is_read_is_refused_too(
    running: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> CollectorConfig:
        raise RuntimeError("a defect")

    monkeypatch.setattr(running, "_load", load)
    before = receiver(running)
    with capture_logs() as told:
        assert not await running.reload()
    assert [entry["error"] for entry in told] == ["a defect"]
    assert receiver(running) is before


async def test_one_that_does_not_start_is_refused_and_the_old_one_starts_again(
    text: Text, running: Collector
) -> None:
    text.text = TEXT.replace("{sample: }", "{sample: {fail_start: 'port 1 is taken'}}", 1)
    with capture_logs() as told:
        assert not await running.reload()
    (entry,) = (entry for entry in told if entry["event"] == "configuration_refused")
    assert entry["error"] == "a.yaml:1: receivers::sample: port 1 is taken (another one)"
    assert entry["runs"] == "the old one, again"
    assert receiver(running).config.fail_start == ""
    await receiver(running).consumers[Signal.TRACES].consume(batch_of(Signal.TRACES))
    assert exporter(running).recorder.numbers == [1]


async def test_the_old_one_is_tried_until_it_starts(
    text: Text, running: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("belvedere.collector.running._RESTART_PAUSE_S", 0)
    failures = [ConfigError("taken")] * 3

    async def start(self: SampleReceiver) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(SampleReceiver, "start", start)
    text.text = OTHER
    with capture_logs() as told:
        assert not await running.reload()
    assert events(told, "warning") == ["old_configuration_not_started"] * 2
    assert receiver(running).config.size == 1


async def test_what_waits_in_memory_outlives_a_reload(load: Load) -> None:
    """Its peer is away while the configuration changes."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    text = Text(load)
    text.text = TEXT.replace(
        "exporters: {sample: }",
        f"exporters: {{sample: {{endpoint: 'http://127.0.0.1:{port}'}}}}".replace(
            "sample", "otlp_http"
        ),
    ).replace("exporters: [sample]", "exporters: [otlp_http]")
    collector = text.collector()
    await collector.start()
    for number in range(30):
        await (
            receiver(collector).consumers[Signal.TRACES].consume(batch_of(Signal.TRACES, [number]))
        )
    text.text = text.text.replace("traces:", "traces/2:")
    assert await collector.reload()
    sink = Text(load)
    sink.text = TEXT.replace(
        "receivers: {sample: }",
        f"receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{port}'}}}}}}}}",
    ).replace("receivers: [sample]", "receivers: [otlp]")
    received = sink.collector()
    await received.start()
    text.text = text.text.replace("endpoint:", "retry_on_failure: {multiplier: 2}, endpoint:")
    assert await collector.reload()
    await until(lambda: len(exporter(received).recorder.numbers) >= 30)
    recorder = exporter(received).recorder
    await collector.stop()
    await received.stop()
    assert sorted(recorder.numbers) == list(range(30))


async def test_a_reload_before_the_start_or_after_the_stop_does_nothing(text: Text) -> None:
    collector = text.collector()
    assert not await collector.reload()
    await collector.start()
    await collector.stop()
    assert not await collector.reload()
    with pytest.raises(KeyError):
        collector.component(Kind.RECEIVER, "sample")


METRICS = TEXT.replace("{level: none}", "{address: '127.0.0.1:0'}")
READERS = TEXT.replace(
    "{level: none}",
    "{readers: [{pull: {exporter: {prometheus: {host: '127.0.0.1', port: 0}}}}]}",
)


@pytest.mark.parametrize("config", [METRICS, READERS], ids=["address", "readers"])
async def test_own_metrics(config: str, text: Text) -> None:
    text.text = config
    collector = text.collector()
    await collector.start()
    (port,) = collector.metrics_ports
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    await collector.stop()
    values = {line.split(" ")[0]: line for line in answer.text.splitlines() if line[:1] != "#"}
    for name in ("uptime_total", "cpu_seconds_total", "memory_rss"):
        assert f"otelcol_process_{name}" in values
    assert "otelcol_exporter_queue_size" in answer.text


async def test_a_default_address_that_is_taken_is_a_warning(
    text: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(own, "DEFAULT_ADDRESS", address)
        text.text = TEXT.replace("{level: none}", "{}")
        collector = text.collector()
        with capture_logs() as told:
            await collector.start()
        await collector.stop()
        assert events(told, "warning") == ["own_metrics_not_served"]
        text.text = TEXT.replace("{level: none}", f"{{address: '{address}'}}")
        with pytest.raises(ConfigError, match="is taken by another process"):
            await text.collector().start()


OWN = """\
receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}, grpc: {endpoint: '127.0.0.1:0'}}}}
exporters: {sample: }
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [sample]}
    logs: {receivers: [otlp], exporters: [sample]}
"""


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_own_spans_and_log_records(protocol: str, text: Text) -> None:
    text.text = OWN
    sink = text.collector()
    await sink.start()
    otlp: Any = sink.component(Kind.RECEIVER, "otlp")
    port = otlp.grpc_port if protocol == "grpc" else otlp.http_port
    to = f"{{exporter: {{otlp: {{protocol: {protocol}, endpoint: 'http://127.0.0.1:{port}'}}}}}}"
    text.text = TEXT.replace(
        "{metrics: {level: none}}",
        f"{{metrics: {{level: none}}, traces: {{processors: [batch: {to}]}},"
        f" logs: {{processors: [batch: {to}]}}, resource: {{service.name: watched}}}}",
    )
    collector = text.collector()
    await collector.start()
    import logging

    logging.getLogger("belvedere.test").error("something happened")
    await receiver(collector).consumers[Signal.TRACES].consume(batch_of(Signal.TRACES, [1, 2]))
    await asyncio.to_thread(lambda: None)
    await collector.stop()
    batches = {batch.signal: batch.message for batch in exporter(sink).recorder.batches}
    await sink.stop()
    traces: Any = batches[Signal.TRACES]
    resource = traces.resource_spans[0]
    names = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert names["service.name"] == "watched"
    spans = {span.name: span for span in resource.scope_spans[0].spans}
    assert set(spans) == {"receiver/sample/traces", "exporter/sample/traces"}
    child, parent = spans["exporter/sample/traces"], spans["receiver/sample/traces"]
    assert child.parent_span_id == parent.span_id
    logs: Any = batches[Signal.LOGS]
    records = logs.resource_logs[0].scope_logs[0].log_records
    assert "something happened" in [record.body.string_value for record in records]
