"""The named metrics: their table, their typed use, their names on the wire."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, TypedDict

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, Metric

from belvedere.otlp.prometheus import Kind, label_name, metric_name
from belvedere.sdk import metrics
from belvedere.sdk.metrics.instruments import Counter, Histogram, Instrument, bind
from belvedere.sdk.metrics.table import NAMED


class OnlyModel(TypedDict, total=False):
    model: str


KINDS = {
    "Counter": Kind.COUNTER,
    "UpDownCounter": Kind.UP_DOWN_COUNTER,
    "Histogram": Kind.HISTOGRAM,
}
named = pytest.mark.parametrize("metric", NAMED, ids=lambda metric: metric.name)


def collected(reader: InMemoryMetricReader) -> dict[str, Metric]:
    data = reader.get_metrics_data()
    return {
        metric.name: metric
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def point(reader: InMemoryMetricReader, name: str) -> Any:
    [only] = collected(reader)[name].data.data_points
    return only


def test_the_table_is_the_designs() -> None:
    table = [
        (type(m).__name__, m.name, m.unit, " ".join(m.attributes.values()), *_ends(m))
        for m in NAMED
    ]
    chat, deployed = "agent.id project.id model", "project.id framework"
    assert table == [
        ("Counter", "http_requests_total", "{request}", "method path status"),
        ("Histogram", "http_request_duration_seconds", "s", "method path", 0.005, 10),
        ("UpDownCounter", "agents_active", "{agent}", deployed),
        ("Histogram", "agent_deploy_duration_seconds", "s", f"{deployed} status", 0.5, 600),
        ("Counter", "chat_tokens_total", "{token}", chat),
        ("Histogram", "chat_latency_seconds", "s", chat, 0.1, 120),
        ("Counter", "llm_calls_total", "{call}", "provider model status"),
        ("Histogram", "llm_call_duration_seconds", "s", "provider model status", 0.1, 60),
        ("Counter", "llm_tokens_input_total", "{token}", "provider model"),
        ("Counter", "llm_tokens_output_total", "{token}", "provider model"),
    ]


def _ends(metric: Instrument[..., Any]) -> tuple[float, ...]:
    return (metric.buckets[0], metric.buckets[-1]) if isinstance(metric, Histogram) else ()


@named
def test_each_is_public_by_its_name(metric: Instrument[..., Any]) -> None:
    assert getattr(metrics, metric.name) is metric
    assert metric.name in metrics.__all__


@named
def test_translation_from_otlp_leaves_the_name_as_it_is(metric: Instrument[..., Any]) -> None:
    kind = KINDS[type(metric).__name__]
    assert metric_name(metric.name, metric.unit, kind) == metric.name


@named
def test_labels_are_the_parameters(metric: Instrument[..., Any]) -> None:
    assert all(label_name(key) == name for name, key in metric.attributes.items())


@named
def test_a_value_arrives_with_unit_description_and_attributes(
    metric: Instrument[..., Any], memory: InMemoryMetricReader
) -> None:
    record = metric.record if isinstance(metric, Histogram) else metric.add  # type: ignore[attr-defined] # the other two kinds
    record(2, **dict.fromkeys(metric.attributes, "x"))
    found = collected(memory)[metric.name]
    assert (found.unit, found.description) == (metric.unit, metric.description)
    [only] = found.data.data_points
    assert dict(only.attributes or {}) == dict.fromkeys(metric.attributes.values(), "x")
    if isinstance(metric, Histogram):
        assert isinstance(only, HistogramDataPoint)
        assert tuple(only.explicit_bounds) == metric.buckets


def test_a_counter_counts_one_unless_told(memory: InMemoryMetricReader) -> None:
    metrics.http_requests_total.add(method="GET", path="/", status=200)
    metrics.http_requests_total.add(3, method="GET", path="/", status=200)
    found = point(memory, "http_requests_total")
    assert found.value == 4
    assert found.attributes == {"method": "GET", "path": "/", "status": 200}


def test_agents_come_and_go(memory: InMemoryMetricReader) -> None:
    for change in (1, 1, -1):
        metrics.agents_active.add(change, project_id="p")
    assert point(memory, "agents_active").value == 1


def test_time_records_the_block_also_if_it_raises(memory: InMemoryMetricReader) -> None:
    with metrics.chat_latency_seconds.time(model="m"):
        pass
    with pytest.raises(KeyError), metrics.chat_latency_seconds.time(model="m"):
        raise KeyError
    assert point(memory, "chat_latency_seconds").count == 2


WRONG_USES = """
from belvedere import metrics
metrics.llm_calls_total.add(1, provider="openai", model="m", status="ok")
metrics.http_requests_total.add(status=200)
metrics.llm_calls_total.add(1, user="u")
metrics.http_requests_total.add(status="200")
metrics.llm_call_duration_seconds.record(1.0, "openai")
metrics.chat_latency_seconds.time(user="u")
"""


def test_the_type_checker_knows_the_attributes(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(WRONG_USES)
    command = ["mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), str(program)]
    run = subprocess.run(
        [sys.executable, "-m", *command], check=False, capture_output=True, text=True
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    assert [int(line.split(":")[1]) for line in errors] == [5, 6, 7, 8], run.stdout


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda m: m.add(1, model="m", user="u"), "has no attribute 'user'; it has: model"),
        (lambda m: m.add("one", model="m"), "could not take 'one'"),
    ],
    ids=["unknown attribute", "no number"],
)
def test_wrong_use_is_said_once_and_breaks_nothing(
    use: Any, said: str, memory: InMemoryMetricReader, caplog: pytest.LogCaptureFixture
) -> None:
    metric = Counter("tried_total", unit="", description="", attributes=OnlyModel)
    use(metric)
    use(metric)
    assert [record.getMessage() for record in caplog.records] == [
        f"Metric tried_total {said} (said once)"
    ]
    for found in collected(memory).values():
        assert [p.attributes for p in found.data.data_points] == [{"model": "m"}]


def test_values_that_are_no_attributes_become_text_and_none_is_left_out(
    memory: InMemoryMetricReader,
) -> None:
    metrics.llm_calls_total.add(model=ValueError("v"), provider=None)  # type: ignore[arg-type] # wrong on purpose
    assert point(memory, "llm_calls_total").attributes == {"model": "v"}


def test_the_last_bound_provider_counts_until_its_undo() -> None:
    readers = InMemoryMetricReader(), InMemoryMetricReader()
    providers = [MeterProvider([reader], shutdown_on_exit=False) for reader in readers]
    undo = [bind(provider) for provider in providers]
    metrics.llm_calls_total.add()
    undo[1]()
    undo[1]()
    metrics.llm_calls_total.add()
    undo[0]()
    metrics.llm_calls_total.add()
    assert [point(reader, "llm_calls_total").value for reader in readers] == [1, 1]


GLOBAL_PROVIDER = """
import json
from opentelemetry import metrics as api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from belvedere.sdk import metrics

metrics.llm_call_duration_seconds.record(1.0, model="before")
reader = InMemoryMetricReader()
api.set_meter_provider(MeterProvider([reader]))
metrics.llm_call_duration_seconds.record(1.0, model="after")
metrics.llm_calls_total.add(model="after")
[resource] = reader.get_metrics_data().resource_metrics
[scope] = resource.scope_metrics
print(json.dumps([scope.scope.name, *(
    [m.name, [[*p.attributes.values()] for p in m.data.data_points]] for m in scope.metrics)]))
"""


def test_a_global_provider_that_comes_later_is_found() -> None:
    """What comes before it goes nowhere, and breaks nothing. Needs no extra."""
    run = subprocess.run(
        [sys.executable, "-c", GLOBAL_PROVIDER], check=True, capture_output=True, text=True
    )
    assert json.loads(run.stdout) == [
        "belvedere",
        ["llm_call_duration_seconds", [["after"]]],
        ["llm_calls_total", [["after"]]],
    ]


@named
def test_the_readme_has_it_with_unit_attributes_and_buckets(metric: Any) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    [row] = [
        line for line in readme.splitlines() if line.startswith("|") and f"`{metric.name}`" in line
    ]
    _, _, unit, attributes, buckets, _ = (cell.strip() for cell in row.split("|"))
    assert unit == metric.unit
    assert attributes == ", ".join(metric.attributes)
    assert buckets == ", ".join(f"{bucket:g}" for bucket in getattr(metric, "buckets", ()))
