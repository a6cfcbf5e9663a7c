"""Where the agent API records to, with several telemetries in one process."""

from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from belvedere.sdk.agents import providers, task


def bound() -> tuple[InMemorySpanExporter, Any]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, providers.bind(provider)


@pytest.mark.parametrize("ends", [0, 1], ids=["the first ends", "the second ends"])
def test_who_ends_takes_nothing_from_the_other(ends: int) -> None:
    both = [bound(), bound()]
    both[ends][1]()
    with task("t"):
        pass
    assert [len(exporter.get_finished_spans()) for exporter, _ in both] == [ends, 1 - ends]
    both[1 - ends][1]()
    with task("after"):
        pass
    assert sum(len(exporter.get_finished_spans()) for exporter, _ in both) == 1
