"""What every registered component keeps to."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from collector_samples import Recorder, batch_of
from pydantic import BaseModel, ValidationError

from belvedere.collector.catalogue import catalogue
from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.errors import ConfigError
from belvedere.collector.registry import COMPONENTS, RENAMED, Kind, component_class
from belvedere.otlp.signal import Signal

REGISTERED = [(kind, name) for kind, names in COMPONENTS.items() for name in names]
every_component = pytest.mark.parametrize(
    ("kind", "name"), REGISTERED, ids=[f"{kind}-{name}" for kind, name in REGISTERED]
)

REQUIRED: dict[str, dict[str, Any]] = {
    "attributes": {"actions": [{"key": "a", "action": "delete"}]},
    "file_log": {"include": ["*.log"]},
    "clickhouse": {"endpoint": "http://127.0.0.1:1"},
    "file": {"path": "telemetry.json"},
    "basicauth": {"htpasswd": {"inline": "user:password"}},
    "bearertokenauth": {"token": "t"},
    "host_metrics": {"scrapers": {"load": None}},
    "loki": {"endpoint": "http://127.0.0.1:1/loki/api/v1/push"},
    "memory_limiter": {"limit_percentage": 80},
    "otlp_grpc": {"endpoint": "127.0.0.1:1"},
    "otlp_http": {"endpoint": "http://127.0.0.1:1"},
    "prometheus": {"endpoint": "127.0.0.1:0"},
    "prometheus_remote_write": {"endpoint": "http://127.0.0.1:1/api/v1/write"},
    "receivers/prometheus": {"config": {"scrape_configs": []}},
    "probabilistic_sampler": {"sampling_percentage": 100},
    "resource": {"attributes": [{"key": "a", "action": "delete"}]},
    "routing": {"table": [{"condition": 'attributes["a"] == "b"', "pipelines": ["traces/2"]}]},
    "tail_sampling": {"policies": [{"name": "all", "type": "always_sample"}]},
}
"""The least that must be written for components that have no complete defaults.

By their name, with the kind before it where components of several kinds have one.
"""

HERE: dict[str, dict[str, Any]] = {
    "k8s_attributes": {"passthrough": True},
    "probabilistic_sampler": {"fail_closed": False},
    "belvedere": {"directory": "data"},
    "file_storage": {"directory": ".", "create_directory": True},
    "health_check": {"endpoint": "127.0.0.1:0"},
    "pprof": {"endpoint": "127.0.0.1:0"},
    "zpages": {"endpoint": "127.0.0.1:0"},
    "otlp": {
        "protocols": {"grpc": {"endpoint": "127.0.0.1:0"}, "http": {"endpoint": "127.0.0.1:0"}}
    },
}
"""Folders and ports that are free, for components that would use others."""

NEEDS_A_SERVICE = {"belvedere"}
"""Components that start only in a process with a store; their own tests start them."""


def required(kind: Kind, name: str) -> dict[str, Any]:
    return REQUIRED.get(f"{kind}/{name}", REQUIRED.get(name, {}))


def make(kind: Kind, name: str) -> Any:
    component = component_class(kind, name)
    config = component.Config.model_validate(required(kind, name) | HERE.get(name, {}))
    host = Host(f"{name}/contract")
    if kind is Kind.RECEIVER:
        signals = getattr(component, "signals", Signal)
        return component(config, host, {signal: Recorder() for signal in signals})
    if kind is Kind.CONNECTOR:
        made = frozenset().union(*component.connects.values())
        return component(config, host, {signal: {f"{signal}/2": Recorder()} for signal in made})
    return component(config, host, *([Recorder()] if kind is Kind.PROCESSOR else []))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@every_component
async def test_stops_before_start_and_twice(kind: Kind, name: str) -> None:
    component = make(kind, name)
    await component.shutdown()
    await component.shutdown()


@every_component
async def test_starts_then_stops_twice(kind: Kind, name: str) -> None:
    component = make(kind, name)
    if name in NEEDS_A_SERVICE:
        with pytest.raises(ConfigError):
            await component.start()
    else:
        await component.start()
    await component.shutdown()
    await component.shutdown()


@every_component
def test_has_the_methods_of_its_kind(kind: Kind, name: str) -> None:
    component = component_class(kind, name)
    consumes = kind in {Kind.PROCESSOR, Kind.CONNECTOR, Kind.EXPORTER}
    methods = ["start", "shutdown"] + (["consume"] if consumes else [])
    for method in methods:
        assert inspect.iscoroutinefunction(getattr(component, method)), method
    assert frozenset(getattr(component, "signals", Signal)) <= set(Signal)


@every_component
def test_has_valid_defaults_or_says_what_is_required(kind: Kind, name: str) -> None:
    config = component_class(kind, name).Config
    if not required(kind, name):
        assert config.model_validate({}) == config()
        return
    with pytest.raises(ValidationError) as caught:
        config.model_validate({})
    (complaint,) = caught.value.errors()
    assert complaint["type"] == "missing" or "is required" in complaint["msg"]
    (key,) = required(kind, name)
    assert key in complaint["loc"] or key in complaint["msg"]


@every_component
def test_configuration_is_immutable_and_strict(kind: Kind, name: str) -> None:
    component = component_class(kind, name)
    assert issubclass(component.Config, ComponentConfig)
    for model in models_of(component.Config):
        assert model.model_config.get("frozen"), model
        assert model.model_config.get("extra") == "forbid", model


@every_component
def test_its_module_says_what_it_is_for(kind: Kind, name: str) -> None:
    """The first line of the docstring: `name`: summary."""
    (entry,) = (entry for entry in catalogue(name) if entry.kind is kind)
    assert entry.summary.endswith("."), entry.summary


@every_component
def test_every_key_is_documented(kind: Kind, name: str) -> None:
    for model in models_of(component_class(kind, name).Config):
        for key, field in model.model_fields.items():
            description = field.description or ""
            assert description.endswith("."), f"{model.__name__}.{key}: {description!r}"


@pytest.mark.parametrize("name", COMPONENTS[Kind.PROCESSOR])
async def test_a_processor_hands_on_what_it_takes(name: str) -> None:
    component = make(Kind.PROCESSOR, name)
    await component.start()
    consumer = component._consumer
    signals = getattr(component, "signals", Signal)
    for signal in signals:
        await component.consume(batch_of(signal, [1, 2]))
    await component.shutdown()
    assert sorted(consumer.numbers) == sorted([1, 2] * len(signals))


@pytest.mark.parametrize(
    ("kind", "older", "name"),
    [(kind, older, name) for kind, names in RENAMED.items() for older, name in names.items()],
)
def test_older_names_stand_for_registered_ones(kind: Kind, older: str, name: str) -> None:
    assert component_class(kind, older) is component_class(kind, name)
    assert older not in COMPONENTS[kind]


def models_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A configuration's model and all that its fields hold."""
    yield model
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            yield from models_of(inner)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
