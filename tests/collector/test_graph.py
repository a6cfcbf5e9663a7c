"""What the graph tells a processor about what follows it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from collector_samples import SampleProcessor

from belvedere.collector.config import CollectorConfig
from belvedere.collector.graph import build_graph
from belvedere.collector.registry import Kind

CONFIG = """\
receivers: {sample: }
processors:
  sample:
  batch:
  tail_sampling: {policies: [{name: all, type: always_sample}]}
connectors:
  forward:
  count:
  span_metrics:
  service_graph:
  routing: {table: [{condition: 'attributes["a"] == "b"', pipelines: [traces/2]}]}
extensions: {file_storage: {directory: 'FOLDER'}}
exporters:
  debug:
  file: {path: 'FOLDER/f'}
  belvedere: {directory: 'FOLDER/d'}
  otlp_grpc/memory: {endpoint: 'localhost:1'}
  otlp_grpc/waits: {endpoint: 'localhost:1', sending_queue: {enabled: false}}
  otlp_grpc/disk: {endpoint: 'localhost:1', sending_queue: {storage: file_storage}}
  otlp_http/disk: {endpoint: 'http://localhost:1', sending_queue: {storage: file_storage}}
service:
  extensions: [file_storage]
  pipelines:
    traces: {receivers: [sample], processors: [PROCESSORS], exporters: [EXPORTERS]}
"""
SECOND = "    SIGNAL/2: {receivers: [CONNECTOR], processors: [batch], exporters: [belvedere]}\n"
SECOND_SIGNALS = {
    "forward": "traces",
    "routing": "traces",
    "count": "metrics",
    "span_metrics": "metrics",
    "service_graph": "metrics",
}


@pytest.mark.parametrize(
    ("processors", "exporters", "leads_to", "durable"),
    [
        ("sample", "debug", "debug", False),
        ("sample", "otlp_grpc/memory", "otlp_grpc/memory", False),
        ("sample", "otlp_grpc/waits", "otlp_grpc/waits", False),
        ("sample", "otlp_grpc/disk", "otlp_grpc/disk", True),
        ("sample", "otlp_http/disk", "otlp_http/disk", True),
        ("sample", "belvedere", "belvedere", True),
        ("sample", "file", "file", True),
        ("sample", "otlp_grpc/memory, belvedere", "otlp_grpc/memory, belvedere", True),
        ("sample, batch", "belvedere", "belvedere", True),
        ("sample, tail_sampling", "belvedere", "", False),
        ("tail_sampling, sample", "belvedere", "belvedere", True),
        ("sample", "forward", "belvedere", True),
        ("sample", "routing", "belvedere", True),
        ("sample", "count", "belvedere", True),
        ("sample", "forward, belvedere", "belvedere", True),
        ("sample", "span_metrics", "", False),
        ("sample", "service_graph", "", False),
        ("sample", "span_metrics, otlp_grpc/memory", "otlp_grpc/memory", False),
    ],
)
def test_a_processor_knows_by_which_exporters_batches_are_acknowledged(
    load: Callable[..., CollectorConfig],
    tmp_path: Path,
    processors: str,
    exporters: str,
    leads_to: str,
    *,
    durable: bool,
) -> None:
    text = CONFIG.replace("PROCESSORS", processors).replace("EXPORTERS", exporters)
    for connector, signal in SECOND_SIGNALS.items():
        if connector in exporters:
            text += SECOND.replace("CONNECTOR", connector).replace("SIGNAL", signal)
        else:
            text = "".join(
                line
                for line in text.splitlines(keepends=True)
                if not line.startswith(f"  {connector}:")
            )
    graph = build_graph(load(text.replace("FOLDER", str(tmp_path))), {})
    names = {node.component: node.id for node in graph.nodes if node.kind is Kind.EXPORTER}
    found = graph.find(Kind.PROCESSOR, "sample")
    assert isinstance(found, SampleProcessor)
    assert [names[each] for each in found.host.leads_to] == leads_to.split(", ") * bool(leads_to)
    assert found.host.leads_to_durable is durable
    assert found.host.place == "traces::sample"
