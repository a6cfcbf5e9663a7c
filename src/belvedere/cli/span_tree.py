"""A trace as a tree: spans under their parents, events and log lines in time between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData


@dataclass(slots=True, eq=False)
class SpanNode:
    """A span with its place in the trace."""

    span: Span
    service: str
    resource: Mapping[str, str]
    scope: str
    children: list["SpanNode"] = field(default_factory=list)
    logs: list[Mapping[str, Any]] = field(default_factory=list)
    orphan: bool = False
    """Whether it names a parent that is not there."""


Item: TypeAlias = SpanNode | Span.Event | Mapping[str, Any]
"""What has a place in a tree: a span, an event of one, or a log line."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Something at its place."""

    item: Item
    time_ns: int
    depth: int
    is_last: bool
    """Whether nothing follows under the same parent."""
    open_above: tuple[bool, ...]
    """For each level above: whether something follows there."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole trace."""

    roots: Sequence[SpanNode]
    loose_logs: Sequence[Mapping[str, Any]]
    """Log lines of the trace whose span is not there."""
    start_ns: int
    end_ns: int
    spans: int
    errors: int

    def walk(self) -> Iterator[Placed]:
        """Everything from the first root on, each followed by what is under it."""
        pending = _placed([*self.loose_logs, *self.roots], 0, ())
        while pending:
            placed = pending.pop()
            yield placed
            if isinstance(placed.item, SpanNode):
                node = placed.item
                below: list[Item] = [*node.span.events, *node.logs, *node.children]
                above = (*placed.open_above, not placed.is_last)
                pending += _placed(below, placed.depth + 1, above)


def text_attributes(attributes: Sequence[KeyValue]) -> dict[str, str]:
    """Attributes with their values as text, which the store keeps them as."""
    return {attribute.key: attribute.value.string_value for attribute in attributes}


def build(trace: TracesData, logs: Sequence[Mapping[str, Any]] = ()) -> Tree:
    """The tree of a trace. Each span is in it once, whatever it says of its parent.

    Args:
        trace: at least one span.
        logs: log lines, with `span_id` (hexadecimal) and `time_ns`.
    """
    nodes = list(_nodes(trace))
    by_id: dict[bytes, SpanNode] = {}
    for node in nodes:
        by_id.setdefault(node.span.span_id, node)
    roots = []
    for node in nodes:
        parent = by_id.get(node.span.parent_span_id)
        if node.span.parent_span_id and parent is not None and parent is not node:
            parent.children.append(node)
        else:
            node.orphan = bool(node.span.parent_span_id)
            roots.append(node)
    roots += _cut_cycles(nodes, roots)
    loose: list[Mapping[str, Any]] = []
    for line in logs:
        home = by_id.get(bytes.fromhex(line["span_id"]))
        (loose if home is None else home.logs).append(line)
    spans = [node.span for node in nodes]
    return Tree(
        roots=roots,
        loose_logs=loose,
        start_ns=min(span.start_time_unix_nano for span in spans),
        end_ns=max(span.end_time_unix_nano for span in spans),
        spans=len(spans),
        errors=sum(span.status.code == span.status.STATUS_CODE_ERROR for span in spans),
    )


def _nodes(trace: TracesData) -> Iterator[SpanNode]:
    for resource_spans in trace.resource_spans:
        resource = text_attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield SpanNode(
                    span, resource.get("service.name", ""), resource, scope_spans.scope.name
                )


def _cut_cycles(nodes: Sequence[SpanNode], roots: Sequence[SpanNode]) -> list[SpanNode]:
    """Spans that are their own ancestors: the first of each circle becomes a root."""
    reached: set[int] = set()
    _reach(roots, reached)
    cut = []
    for node in nodes:
        if id(node) in reached:
            continue
        for parent in nodes:
            if node in parent.children:
                parent.children.remove(node)
        node.orphan = True
        cut.append(node)
        _reach([node], reached)
    return cut


def _reach(nodes: Sequence[SpanNode], reached: set[int]) -> None:
    pending = list(nodes)
    while pending:
        node = pending.pop()
        reached.add(id(node))
        pending += node.children


def _placed(
    items: Sequence[Item],
    depth: int,
    open_above: tuple[bool, ...],
) -> list[Placed]:
    """Items of one parent in time, the last one first (as a stack takes them)."""
    timed = sorted(((_time_ns(item), item) for item in items), key=lambda pair: pair[0])
    return [
        Placed(item, time_ns, depth, index == 0, open_above)
        for index, (time_ns, item) in enumerate(reversed(timed))
    ]


def _time_ns(item: Item) -> int:
    if isinstance(item, SpanNode):
        return item.span.start_time_unix_nano
    if isinstance(item, Mapping):
        time_ns: int = item["time_ns"]
        return time_ns
    return item.time_unix_nano
