"""A trace as a tree: each span once, in time, whatever the parents say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from belvedere.cli.span_tree import SpanNode, Tree, build


def trace(*spans: tuple[int, int, int]) -> TracesData:
    """Spans of (id, parent, start); a parent of 0 is none."""
    data = TracesData()
    made = data.resource_spans.add().scope_spans.add().spans
    for number, parent, start in spans:
        made.add(
            span_id=number.to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"",
            name=str(number),
            start_time_unix_nano=start,
            end_time_unix_nano=start + 1,
        )
    return data


def line(span_id: str, time_ns: int, body: str = "log") -> dict[str, Any]:
    return {"span_id": span_id, "time_ns": time_ns, "body": body}


def outline(tree: Tree) -> list[str]:
    """`..name` for each thing at its depth; `!` marks an orphan, `$` the last of its parent."""
    shown = []
    for placed in tree.walk():
        item = placed.item
        if isinstance(item, SpanNode):
            text = item.span.name + "!" * item.orphan
        else:
            text = item.name if isinstance(item, Span.Event) else item["body"]
        shown.append("." * placed.depth + text + "$" * placed.is_last)
    return shown


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(1, 0, 0)], ["1$"]),
        ([(1, 0, 0), (2, 1, 5), (3, 1, 2), (4, 3, 3)], ["1$", ".3", "..4$", ".2$"]),
        ([(2, 1, 0)], ["2!$"]),
        ([(1, 0, 0), (2, 9, 1)], ["1", "2!$"]),
        ([(1, 1, 0)], ["1!$"]),
        ([(1, 2, 0), (2, 1, 1)], ["1!$", ".2$"]),
        ([(1, 0, 0), (2, 3, 1), (3, 2, 2), (4, 2, 3)], ["1", "2!$", ".3", ".4$"]),
        ([(1, 0, 0), (1, 0, 1), (2, 1, 2)], ["1", ".2$", "1$"]),
    ],
    ids=["one", "family", "orphan", "with an orphan", "own parent", "circle", "circle beside",
         "twins"],
)  # fmt: skip
def test_shapes(spans: list[tuple[int, int, int]], expected: list[str]) -> None:
    assert outline(build(trace(*spans))) == expected


def test_events_and_logs_stand_between_children_in_time() -> None:
    data = trace((1, 0, 0), (2, 1, 10), (3, 1, 30))
    data.resource_spans[0].scope_spans[0].spans[0].events.add(name="event", time_unix_nano=20)
    logs = [line("0" * 15 + "1", 25), line("0" * 15 + "2", 11, "inner"), line("", 5, "loose")]
    tree = build(data, logs)
    assert outline(tree) == ["1", ".2", "..inner$", ".event", ".log", ".3$", "loose$"]
    assert (tree.spans, tree.errors, tree.start_ns, tree.end_ns) == (3, 0, 0, 31)


def test_at_the_same_time_what_is_said_comes_before_what_is_done() -> None:
    tree = build(trace((1, 0, 0), (2, 1, 0)), [line("0" * 15 + "1", 0)])
    assert outline(tree) == ["1$", ".log", ".2$"]


@given(
    st.lists(
        st.tuples(st.integers(1, 8), st.integers(0, 9), st.integers(0, 20)), min_size=1, max_size=20
    )
)
def test_each_span_is_in_the_tree_once(spans: list[tuple[int, int, int]]) -> None:
    tree = build(trace(*spans))
    walked = [placed.item for placed in tree.walk() if isinstance(placed.item, SpanNode)]
    assert len(walked) == len({id(node) for node in walked}) == len(spans) == tree.spans


def test_a_chain_of_thousands_does_no_harm() -> None:
    tree = build(trace(*((n, n - 1, n) for n in range(1, 5001))))
    assert sum(1 for _ in tree.walk()) == 5000
