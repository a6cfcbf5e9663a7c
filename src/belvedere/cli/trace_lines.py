"""How `belvedere trace` prints a trace: a line a span, and what belongs to it under it."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from rich.text import Text

from belvedere.cli.duration import format_duration
from belvedere.cli.log_lines import severity, without_code
from belvedere.cli.output import console, local_time, one_line
from belvedere.cli.span_tree import Placed, SpanNode, Tree, text_attributes

_BAR: Final = 20
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_TIMES: Final = 9
_MARGIN: Final = 2 * _TIMES + _BAR + 6
_MAX_DEPTH: Final = 40
"""Deeper spans are drawn at this depth, with their depth in words."""

CONCISE: Final[Mapping[str, str]] = {
    "gen_ai.agent.name": "agent",
    "gen_ai.request.model": "model",
    "gen_ai.tool.name": "tool",
    "gen_ai.usage.input_tokens": "in",
    "gen_ai.usage.output_tokens": "out",
    "gen_ai.response.finish_reasons": "finish",
    "http.request.method": "method",
    "http.route": "route",
    "http.response.status_code": "status",
    "url.full": "url",
    "rpc.method": "rpc",
    "db.query.text": "query",
    "db.statement": "query",
    "messaging.destination.name": "queue",
    "error.type": "error",
    "exception.type": "exception",
    "exception.message": "message",
}
"""Attributes that are shown without --attributes, in this order, and what they are called then."""

MESSAGES: Final[Mapping[str, str]] = {
    "gen_ai.input.messages": "prompt",
    "gen_ai.output.messages": "answer",
}
"""Attributes of which the last message is shown, after the others."""
_MESSAGE_CHARACTERS: Final = 100

_KINDS: Final = {
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
}


def print_trace(trace_id: str, tree: Tree, *, all_attributes: bool) -> None:
    """Print a trace to the terminal's width, or whole where there is no terminal."""
    out = console()
    plain = not out.is_terminal
    for line in _lines(trace_id, tree, plain=plain, all_attributes=all_attributes):
        line.rstrip()
        if plain:
            print(line.plain)
        else:
            line.truncate(out.width, overflow="ellipsis") if not all_attributes else None
            out.print(line, soft_wrap=all_attributes)


def _lines(trace_id: str, tree: Tree, *, plain: bool, all_attributes: bool) -> Iterator[Text]:
    yield from _head(trace_id, tree, plain=plain)
    for placed in tree.walk():
        stem, twig = _guides(placed)
        if isinstance(placed.item, SpanNode):
            yield from _span(placed, placed.item, tree, stem, twig, all_attributes)
        elif isinstance(placed.item, Mapping):
            yield _log(placed, placed.item, tree, twig, whole=plain or all_attributes)
        else:
            yield from _event(placed, placed.item, tree, stem, twig, all_attributes)


def _head(trace_id: str, tree: Tree, *, plain: bool) -> Iterator[Text]:
    started = local_time(tree.start_ns, plain=plain, now_ns=time.time_ns())
    spans = f"{tree.spans} span{'s' * (tree.spans != 1)}"
    yield Text.assemble(("trace ", "dim"), (trace_id, "cyan"))
    line = Text(f"{started} · {format_duration(tree.end_ns - tree.start_ns)} · {spans}")
    if tree.errors:
        line.append(" · ")
        line.append(f"{tree.errors} error{'s' * (tree.errors != 1)}", "bold red")
    yield line
    yield Text()


def _guides(placed: Placed) -> tuple[str, str]:
    """The lines that lead to something: below it, and to it."""
    if placed.depth == 0:
        return "", ""
    above = "".join("│  " if more else "   " for more in placed.open_above[1:_MAX_DEPTH])
    if placed.depth > _MAX_DEPTH:
        return f"{above}   ", f"{above}⋯ ({placed.depth}) "
    return above + ("   " if placed.is_last else "│  "), above + (
        "└─ " if placed.is_last else "├─ "
    )


def _span(
    placed: Placed,
    node: SpanNode,
    tree: Tree,
    stem: str,
    twig: str,
    all_attributes: bool,  # noqa: FBT001 - the option it stands for
) -> Iterator[Text]:
    span = node.span
    duration_ns = max(0, span.end_time_unix_nano - span.start_time_unix_nano)
    failed = span.status.code == Status.STATUS_CODE_ERROR
    line = _times(placed.time_ns - tree.start_ns, format_duration(duration_ns))
    line.append(
        _bar(placed.time_ns - tree.start_ns, duration_ns, tree), "red" if failed else "cyan"
    )
    line.append("  ")
    line.append(twig, "dim")
    line.append(f"{one_line(node.service)} " if node.service else "", "cyan")
    line.append(one_line(span.name), "bold red" if failed else "bold")
    if kind := _KINDS.get(span.kind):
        line.append(f" [{kind}]", "dim")
    if failed:
        line.append(" ✗ error", "bold red")
        line.append(f": {one_line(span.status.message)}" if span.status.message else "", "red")
    if node.orphan:
        line.append(" (its parent is not here)", "dim italic")
    attributes = text_attributes(span.attributes)
    if not all_attributes:
        line.append(_concise(attributes), "dim")
    yield line
    rest = " " * _MARGIN + stem + ("│  " if node.children or span.events or node.logs else "   ")
    if all_attributes:
        scope = {"otel.scope.name": node.scope} if node.scope else {}
        for prefix, values in (("", attributes), ("resource ", node.resource), ("", scope)):
            for key, value in sorted(values.items()):
                yield Text.assemble((f"{rest}{prefix}{one_line(key)}=", "dim"), one_line(value))
    for link in span.links:
        text = f"{rest}link → trace {link.trace_id.hex()} span {link.span_id.hex()}"
        yield Text(text + _all(text_attributes(link.attributes)), "dim")


def _event(
    placed: Placed,
    event: Span.Event,
    tree: Tree,
    stem: str,
    twig: str,
    all_attributes: bool,  # noqa: FBT001 - the option it stands for
) -> Iterator[Text]:
    attributes = text_attributes(event.attributes)
    line = _times(placed.time_ns - tree.start_ns, "")
    line.append(" " * _BAR + "  ")
    line.append(f"{twig}◆ ", "dim")
    line.append(one_line(event.name), "red" if event.name == "exception" else "magenta")
    if not all_attributes:
        line.append(_concise(attributes) or _all(attributes), "dim")
    yield line
    if all_attributes:
        for key, value in sorted(attributes.items()):
            yield Text.assemble(
                (f"{' ' * _MARGIN}{stem}   {one_line(key)}=", "dim"), one_line(value)
            )


def _log(placed: Placed, line: Mapping[str, Any], tree: Tree, twig: str, *, whole: bool) -> Text:
    level, style = severity(line)
    text = _times(placed.time_ns - tree.start_ns, "")
    text.append(" " * _BAR + "  ")
    text.append(twig, "dim")
    text.append(level or "LOG", style)
    text.append(f" {one_line(line['body'] or line['event_name'])}")
    text.append(_all(line["attributes"] if whole else without_code(line["attributes"])), "dim")
    return text


def _times(offset_ns: int, duration: str) -> Text:
    sign = "-" if offset_ns < 0 else "+"
    offset = f"{sign}{format_duration(abs(offset_ns))}" if offset_ns else "0"
    return Text.assemble((f"{offset:>{_TIMES}}  {duration:>{_TIMES}}  ", "dim"))


def _bar(offset_ns: int, duration_ns: int, tree: Tree) -> str:
    """The time of a span within its trace, drawn in eighths of characters."""
    total_ns = max(1, tree.end_ns - tree.start_ns)
    begin = min(_BAR * 8 - 1, offset_ns * _BAR * 8 // total_ns)
    length = max(1, min(_BAR * 8 - begin, round(duration_ns * _BAR * 8 / total_ns)))
    cells = []
    for cell in range(_BAR):
        covered = min(begin + length, cell * 8 + 8) - max(begin, cell * 8)
        # Eighths grow from the left; one that begins within a cell is drawn from its left edge.
        cells.append(_EIGHTHS[max(0, min(8, covered))])
    return "".join(cells)


def _concise(attributes: Mapping[str, str]) -> str:
    shown = [
        f" {short}={one_line(attributes[key])}"
        for key, short in CONCISE.items()
        if key in attributes
    ]
    for key, short in MESSAGES.items():
        if text := last_message(attributes.get(key, "")):
            more = "…" if len(text) > _MESSAGE_CHARACTERS else ""
            cut = text[:_MESSAGE_CHARACTERS] + more
            shown.append(f" {short}={one_line(json.dumps(cut, ensure_ascii=False))}")
    return "".join(shown)


def last_message(encoded: str) -> str:
    """The text of the last of these messages, as the GenAI conventions have them; else nothing."""
    try:
        parts = json.loads(encoded)[-1]["parts"]
        return " ".join(
            part["content"] for part in parts if part["type"] == "text" and part["content"]
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _all(attributes: Mapping[str, str]) -> str:
    return "".join(
        f" {one_line(key)}={one_line(value)}" for key, value in sorted(attributes.items())
    )
