"""Fixtures of the Collector's tests: sample components, under `sample` and `traces_only`."""

from collections.abc import Callable

import pytest
from collector_samples import JOURNAL

from belvedere.collector.config import CollectorConfig, load_config
from belvedere.collector.registry import COMPONENTS, Kind
from belvedere.collector.source import Source


@pytest.fixture
def journal() -> list[str]:
    JOURNAL.clear()
    return JOURNAL


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the sample components."""
    for kind, name, target in (
        (Kind.RECEIVER, "sample", "SampleReceiver"),
        (Kind.RECEIVER, "traces_only", "TracesReceiver"),
        (Kind.PROCESSOR, "sample", "SampleProcessor"),
        (Kind.EXPORTER, "sample", "SampleExporter"),
        (Kind.CONNECTOR, "sample", "CountingConnector"),
        (Kind.CONNECTOR, "counting", "CountingConnector"),
        (Kind.EXTENSION, "sample", "SampleExtension"),
    ):
        monkeypatch.setitem(COMPONENTS[kind], name, f"collector_samples:{target}")


@pytest.fixture
def load(samples: None) -> Callable[..., CollectorConfig]:
    """Loads configuration texts, named a.yaml, b.yaml, ..., with the environment given."""

    def load(*texts: str, **env: str) -> CollectorConfig:
        sources = [Source(f"{'abc'[index]}.yaml", text) for index, text in enumerate(texts)]
        return load_config(*sources, env=env)

    return load
