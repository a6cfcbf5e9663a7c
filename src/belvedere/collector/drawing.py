"""The pipelines of a configuration, drawn: as text for a terminal, and as a Mermaid flowchart.

traces
  otlp   ─┬─▶ memory_limiter ─▶ batch ─┬─▶ otlp_grpc
  otlp/2 ─┘                            └─▶ spanmetrics ⇒ metrics
"""

from collections.abc import Iterator, Sequence

from belvedere.collector.config import CollectorConfig
from belvedere.collector.pipelines import PipelineSettings, leads_to
from belvedere.collector.registry import Kind

_MERMAID_SHAPES = {
    Kind.RECEIVER: '(["{}"])',
    Kind.EXPORTER: '[["{}"]]',
    Kind.CONNECTOR: '{{{{"{}"}}}}',
}


def as_text(config: CollectorConfig) -> str:
    """All pipelines, one after another; connectors say where they lead and come from."""
    return "\n\n".join(
        "\n".join([pipeline.id, *(f"  {line}" for line in _lines(config, pipeline))])
        for pipeline in config.pipelines.values()
    )


def as_mermaid(config: CollectorConfig) -> str:
    """One flowchart, in which what pipelines share is there once."""
    return "\n".join(["flowchart LR", *(f"  {line}" for line in _flowchart(config))])


def _lines(config: CollectorConfig, pipeline: PipelineSettings) -> Iterator[str]:
    left = [_from(config, pipeline, each) for each in pipeline.receivers]
    right = [_to(config, pipeline, each) for each in pipeline.exporters]
    chain = "".join(f"─▶ {each} " for each in pipeline.processors)
    width = max(map(len, left))
    for row in range(max(len(left), len(right))):
        receiver = left[row] if row < len(left) else ""
        exporter = f"▶ {right[row]}" if row < len(right) else ""
        join, split = _joint(row, len(left), "─┬┘┤"), _joint(row, len(right), "─┬└├")
        line = f"{receiver:<{width}} {'─' if receiver else ' '}{join}"
        line += chain if row == 0 else " " * len(chain)
        line += f"{'─' if row == 0 else ' '}{split}{'─' if exporter else ''}{exporter}"
        yield line.rstrip()


def _joint(row: int, rows: int, parts: str) -> str:
    """What joins the rows of one side: `parts` for only, first, last and those between."""
    if row >= rows:
        return " "
    if rows == 1:
        return parts[0]
    return parts[1] if row == 0 else parts[2] if row == rows - 1 else parts[3]


def _from(config: CollectorConfig, pipeline: PipelineSettings, receiver_id: str) -> str:
    connector = config.components[Kind.CONNECTOR].get(receiver_id)
    if connector is None:
        return receiver_id
    before = [
        each.id
        for each in config.pipelines.values()
        if receiver_id in each.exporters
        and pipeline.signal in connector.connects.get(each.signal, ())
    ]
    return f"{', '.join(before)} ⇒ {receiver_id}"


def _to(config: CollectorConfig, pipeline: PipelineSettings, exporter_id: str) -> str:
    connector = config.components[Kind.CONNECTOR].get(exporter_id)
    if connector is None:
        return exporter_id
    after = [each.id for each in leads_to(connector, pipeline, config.pipelines)]
    return f"{exporter_id} ⇒ {', '.join(after)}"


def _flowchart(config: CollectorConfig) -> Iterator[str]:
    connectors = config.components[Kind.CONNECTOR]
    names: dict[tuple[Kind, str], str] = {}

    def node(kind: Kind, component_id: str) -> str:
        kind = Kind.CONNECTOR if component_id in connectors else kind
        return names.setdefault((kind, component_id), f"{kind[:-1]}{len(names)}")

    edges: list[str] = []
    for number, pipeline in enumerate(config.pipelines.values()):
        first = f"pipeline{number}_0"
        steps: Sequence[str] = pipeline.processors or ("·",)
        yield f'subgraph pipeline{number}["{pipeline.id}"]'
        for index, step in enumerate(steps):
            yield f'  pipeline{number}_{index}["{step}"]'
        for index in range(len(steps) - 1):
            yield f"  pipeline{number}_{index} --> pipeline{number}_{index + 1}"
        yield "end"
        last = f"pipeline{number}_{len(steps) - 1}"
        edges += [f"{node(Kind.RECEIVER, each)} --> {first}" for each in pipeline.receivers]
        edges += [f"{last} --> {node(Kind.EXPORTER, each)}" for each in pipeline.exporters]
    for (kind, component_id), name in names.items():
        yield name + _MERMAID_SHAPES[kind].format(component_id)
    yield from edges
