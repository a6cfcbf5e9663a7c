"""Components made, connected, started and stopped in their order."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from collector_samples import SampleExporter, SampleReceiver, batch_of, events
from structlog.testing import capture_logs

from belvedere.collector.config import CollectorConfig
from belvedere.collector.errors import ConfigError, Permanent
from belvedere.collector.fan_out import FanOut
from belvedere.collector.registry import Kind
from belvedere.collector.service import Service
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.signal import Signal

Load = Callable[..., CollectorConfig]

CONFIG = """\
receivers: {sample: , sample/r2: , sample/unused: }
processors: {sample/p1: , sample/p2: }
exporters: {sample/e1: , sample/e2: , sample/unused: {fail_start: 'never asked'}}
service:
  pipelines:
    traces:   {receivers: [sample], processors: [sample/p1, sample/p2], exporters: [sample/e1]}
    traces/2: {receivers: [sample], processors: [sample/p1], exporters: [sample/e1, sample/e2]}
    logs:     {receivers: [sample, sample/r2], exporters: [sample/e2]}
"""


def receiver(service: Service, component_id: str = "sample") -> SampleReceiver:
    return cast(SampleReceiver, service.component(Kind.RECEIVER, component_id))


def exporter(service: Service, component_id: str) -> SampleExporter:
    return cast(SampleExporter, service.component(Kind.EXPORTER, component_id))


async def test_starts_downstream_first_and_stops_upstream_first(
    load: Load, journal: list[str]
) -> None:
    service = Service(load(CONFIG))
    await service.start()
    starts = ["e1", "e2", "p2", "p1", "p1", "", "r2"]
    assert journal == [f"start sample/{name}".rstrip("/") for name in starts]
    journal.clear()
    await service.shutdown()
    assert journal == [f"stop sample/{name}".rstrip("/") for name in reversed(starts)]


async def test_data_goes_the_way_of_the_pipelines(load: Load, journal: list[str]) -> None:
    service = Service(load(CONFIG))
    consumers = receiver(service).consumers
    assert set(consumers) == {Signal.TRACES, Signal.LOGS}
    await consumers[Signal.TRACES].consume(batch_of(Signal.TRACES, [7]))
    await receiver(service, "sample/r2").consumers[Signal.LOGS].consume(batch_of(Signal.LOGS, [8]))
    assert sorted(journal) == [
        "sample/e1 traces",
        "sample/e1 traces",
        "sample/e2 logs",
        "sample/e2 traces",
        "sample/p1 traces",
        "sample/p1 traces",
        "sample/p2 traces",
    ]
    assert exporter(service, "sample/e1").recorder.numbers == [7, 7]
    assert sorted(exporter(service, "sample/e2").recorder.numbers) == [7, 8]


async def test_a_failing_exporter_does_not_keep_others_from_data(load: Load) -> None:
    service = Service(load(CONFIG))
    exporter(service, "sample/e1").recorder.outcomes = [Permanent("full"), Permanent("full")]
    with pytest.raises(Permanent, match=r"^full$"):
        await receiver(service).consumers[Signal.TRACES].consume(batch_of(Signal.TRACES))
    assert exporter(service, "sample/e2").recorder.numbers == [1]


def test_what_is_shared_and_what_is_not(load: Load) -> None:
    service = Service(load(CONFIG))
    own = service.component(Kind.PROCESSOR, "sample/p1", pipeline="traces")
    assert own is not service.component(Kind.PROCESSOR, "sample/p1", pipeline="traces/2")
    assert own is not service.component(Kind.PROCESSOR, "sample/p2")
    entry = receiver(service).consumers[Signal.TRACES]
    assert isinstance(entry, FanOut)
    assert entry.consumers[0].consumer is own  # type: ignore[attr-defined]  # behind its counter


@pytest.mark.parametrize(
    ("kind", "component_id"),
    [(Kind.PROCESSOR, "sample/p1"), (Kind.RECEIVER, "sample/unused"), (Kind.EXPORTER, "nope")],
)
def test_components_that_are_not_one(load: Load, kind: Kind, component_id: str) -> None:
    with pytest.raises(KeyError, match=component_id):
        Service(load(CONFIG)).component(kind, component_id)


def test_components_get_their_configuration_and_host(load: Load) -> None:
    database = object()
    text = CONFIG.replace("sample/e1: ,", "sample/e1: {size: 7},")
    found: Any = exporter(Service(load(text), services={object: database}), "sample/e1")
    assert found.config.size == 7
    assert found.host.component_id == "sample/e1"
    assert found.host.services[object] is database


async def test_a_failed_start_stops_everything_and_says_where(
    load: Load, journal: list[str]
) -> None:
    text = CONFIG.replace("sample/p2: }", "sample/p2: {fail_start: 'port 1 is taken'}}")
    service = Service(load(text))
    with pytest.raises(ConfigError) as caught:
        await service.start()
    assert str(caught.value) == ("a.yaml:2: processors::sample/p2: port 1 is taken (another one)")
    assert [entry for entry in journal if entry.startswith("start")] == [
        "start sample/e1",
        "start sample/e2",
        "start sample/p2",
    ]
    assert journal[-3:] == ["stop sample/p2", "stop sample/e2", "stop sample/e1"]


async def test_an_error_that_names_its_key_gets_the_line_of_it(load: Load) -> None:
    key = "processors::sample/p2::size::inner"
    text = CONFIG.replace(
        "sample/p2: }", f"sample/p2: {{fail_start: no, fail_key: '{key}',\n  size: 1}}}}"
    )
    with pytest.raises(ConfigError, match=f"^a.yaml:3: {key}: no "):
        await Service(load(text)).start()


def test_a_component_that_cannot_be_made_says_where(load: Load) -> None:
    text = CONFIG.replace("sample/e2: ,", "sample/e2: {fail_make: 'no store here'},")
    with pytest.raises(ConfigError, match=r"^a\.yaml:3: exporters::sample/e2: no store here$"):
        Service(load(text))


async def test_shutdown_is_safe_before_start_and_when_repeated(
    load: Load, journal: list[str]
) -> None:
    service = Service(load(CONFIG))
    await service.shutdown()
    stopped = list(journal)
    await service.shutdown()
    assert journal == stopped


async def test_a_component_that_does_not_stop_is_logged(load: Load, journal: list[str]) -> None:
    service = Service(load(CONFIG.replace("sample/p2: }", "sample/p2: {fail_shutdown: true}}")))
    await service.start()
    with capture_logs() as logs:
        await service.shutdown()
    assert events(logs, "error") == ["component_not_stopped"]
    assert journal[-1] == "stop sample/e1"


CONNECTED = """\
receivers: {sample: }
processors: {sample/p1: , sample/p2: }
exporters: {sample/e1: , sample/e2: }
connectors: {counting: , forward: }
extensions: {sample/x1: , sample/x2: , sample/unused: }
service:
  extensions: [sample/x2, sample/x1]
  pipelines:
    traces: {receivers: [sample], processors: [sample/p1], exporters: [counting, forward]}
    logs: {receivers: [sample], exporters: [sample/e1, counting]}
    metrics: {receivers: [counting], processors: [sample/p2], exporters: [sample/e2]}
    traces/late: {receivers: [forward], processors: [sample/p2], exporters: [sample/e1]}
"""


async def test_extensions_start_first_and_connectors_in_their_place(
    load: Load, journal: list[str]
) -> None:
    service = Service(load(CONNECTED))
    await service.start()
    starts = [entry.removeprefix("start sample/") for entry in journal]
    assert starts == ["x2", "x1", "e1", "e2", "p2", "start counting", "p2", "p1", "start sample"]
    journal.clear()
    await service.shutdown()
    stops = [entry.removeprefix("stop sample/") for entry in journal]
    assert stops == ["stop sample", "p1", "p2", "stop counting", "p2", "e2", "e1", "x1", "x2"]


async def test_connectors_carry_data_from_pipeline_to_pipeline(load: Load) -> None:
    service = Service(load(CONNECTED))
    consumers = receiver(service).consumers
    await consumers[Signal.TRACES].consume(batch_of(Signal.TRACES, [7, 8]))
    await consumers[Signal.LOGS].consume(batch_of(Signal.LOGS, [9]))
    assert exporter(service, "sample/e1").recorder.numbers == [7, 8, 9]
    assert exporter(service, "sample/e2").recorder.numbers == [2, 1]


def test_components_get_the_extensions_that_run(load: Load) -> None:
    service = Service(load(CONNECTED))
    extensions = receiver(service).host.extensions
    assert list(extensions) == ["sample/x2", "sample/x1"]
    assert extensions["sample/x1"] is service.component(Kind.EXTENSION, "sample/x1")


async def test_what_passes_a_processor_is_counted(load: Load) -> None:
    text = CONNECTED.replace("sample/p1", "batch/counted").replace("{batch/counted: ,",
        "{batch/counted: {timeout: 0s},")  # fmt: skip
    service = Service(load(text))
    await receiver(service).consumers[Signal.TRACES].consume(batch_of(Signal.TRACES, [7, 8]))
    labels = {"processor": "batch/counted", "otel_signal": "traces"}
    for name in ("incoming", "outgoing"):
        assert REGISTRY.get_sample_value(f"otelcol_processor_{name}_items_total", labels) == 2
    await service.shutdown()


async def test_a_stop_does_not_wait_for_a_batch_to_fill(load: Load) -> None:
    text = CONNECTED.replace("sample/p1", "batch").replace("{batch: ,", "{batch: {timeout: 1h},")
    service = Service(load(text))
    await service.start()
    waiting = asyncio.create_task(
        receiver(service).consumers[Signal.TRACES].consume(batch_of(Signal.TRACES, [7]))
    )
    await asyncio.sleep(0)
    receivers_stop = receiver(service).shutdown

    async def stop_when_answered() -> None:
        await waiting
        await receivers_stop()

    receiver(service).shutdown = stop_when_answered  # type: ignore[method-assign]  # as a door that waits for its requests
    await service.shutdown()
    assert exporter(service, "sample/e1").recorder.numbers == [7]
