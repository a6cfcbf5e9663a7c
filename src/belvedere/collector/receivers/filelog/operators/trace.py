"""`trace_parser`, and the block `trace` of parsers: which trace and span an entry belongs to."""

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.fields import MISSING, FieldPath, parse_field
from belvedere.collector.receivers.filelog.fields import Field as EntryField
from belvedere.collector.receivers.filelog.operators.base import EachConfig


class TraceIdConfig(ComponentConfig):
    """`trace_id` of a trace."""

    parse_from: FieldPath = Field(
        parse_field("body.trace_id"), description="Field with 32 hexadecimal digits."
    )


class SpanIdConfig(ComponentConfig):
    """`span_id` of a trace."""

    parse_from: FieldPath = Field(
        parse_field("body.span_id"), description="Field with 16 hexadecimal digits."
    )


class TraceFlagsConfig(ComponentConfig):
    """`trace_flags` of a trace."""

    parse_from: FieldPath = Field(
        parse_field("body.trace_flags"), description="Field with 2 hexadecimal digits."
    )


class TraceConfig(ComponentConfig):
    """`trace` of a parser. What an entry does not have is not set."""

    trace_id: TraceIdConfig = Field(
        default_factory=TraceIdConfig, description="Where the trace id is."
    )
    span_id: SpanIdConfig = Field(default_factory=SpanIdConfig, description="Where the span id is.")
    trace_flags: TraceFlagsConfig = Field(
        default_factory=TraceFlagsConfig, description="Where the trace flags are."
    )

    def worker(self) -> Callable[[Entry], None]:
        """What sets an entry's trace; all of it, or nothing and an error."""
        trace_id, span_id = self.trace_id.parse_from, self.span_id.parse_from
        trace_flags = self.trace_flags.parse_from

        def work(entry: Entry) -> None:
            found = (
                _bytes(entry, trace_id, 16),
                _bytes(entry, span_id, 8),
                _bytes(entry, trace_flags, 1),
            )
            entry.trace_id, entry.span_id = found[0], found[1]
            entry.trace_flags = int.from_bytes(found[2])

        return work


class TraceParserConfig(EachConfig, TraceConfig):
    """`trace_parser`: the block as an operator."""

    type: Literal["trace_parser"] = Field(description="trace_parser.")

    def worker(self) -> Callable[[Entry], None]:
        """What sets an entry's trace."""
        return TraceConfig.worker(self)


def _bytes(entry: Entry, field: EntryField, size_bytes: int) -> bytes:
    """The bytes that a field's digits stand for; none if there is no such field.

    Raises:
        ValueError: it holds something else.
    """
    text = field.get(entry)
    if text is MISSING or text in ("", None):
        return b""
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError):
        value = b""
    if len(value) != size_bytes:
        raise ValueError(f"{field} has not {2 * size_bytes} hexadecimal digits: {text!r:.80}")
    return value
