"""From the bytes of a file to its records."""

from collections.abc import Callable
from typing import Any, NamedTuple

import re2

from belvedere.collector.receivers.filelog.config import FileLogConfig, MultilineConfig, codec


class Span(NamedTuple):
    """A record within some bytes."""

    begin: int
    end: int
    after: int
    """Where the next one may begin."""


Split = Callable[[bytes, bool], list[Span]]
"""From bytes that begin with a record to the whole records among them.

With `True` the rest is a record as well. Bytes after the last `Span.after` are not read yet.
"""


def splitter(config: FileLogConfig) -> Split:
    """How the files of a receiver are split; no record is longer than `max_log_size`."""
    newline = "\n".encode(codec(config.encoding))
    if config.multiline:
        split = _by_pattern(config.multiline)
    elif len(newline) == 1:
        split = _lines
    else:
        split = _wide_lines(newline)
    is_utf8 = codec(config.encoding) == "utf-8" and config.encoding != "nop"
    width, limit = len(newline), config.max_log_size // len(newline) * len(newline)

    def limited(data: bytes, final: bool) -> list[Span]:  # noqa: FBT001 - part of the type
        spans = split(data, final)
        after = spans[-1].after if spans else 0
        if not final and len(data) - after > limit:
            # What is already too long ends somewhere later, but its parts can go now.
            spans.append(Span(after, len(data) // width * width, len(data) // width * width))
            return _limited(data, spans, limit, is_utf8=is_utf8, whole=False)
        return _limited(data, spans, limit, is_utf8=is_utf8, whole=True)

    return limited


def _limited(
    data: bytes, spans: list[Span], limit: int, *, is_utf8: bool, whole: bool
) -> list[Span]:
    """Parts of `limit` bytes at most; with `whole` unset, the last part is left for later."""
    if whole and all(span.end - span.begin <= limit for span in spans):
        return spans
    result = []
    for span in spans:
        begin = span.begin
        while span.end - begin > limit:
            end = begin + limit
            while is_utf8 and end > begin + 1 and data[end] & 0xC0 == 0x80:
                end -= 1
            result.append(Span(begin, end, end))
            begin = end
        result.append(Span(begin, span.end, span.after))
    return result if whole else result[:-1]


def _lines(data: bytes, final: bool) -> list[Span]:  # noqa: FBT001 - part of the type
    spans, begin = [], 0
    while (end := data.find(b"\n", begin)) >= 0:
        spans.append(Span(begin, end, end + 1))
        begin = end + 1
    return _with_rest(spans, begin, data, final=final)


def _wide_lines(newline: bytes) -> Split:
    def split(data: bytes, final: bool) -> list[Span]:  # noqa: FBT001 - part of the type
        spans, begin, at = [], 0, 0
        while (end := data.find(newline, at)) >= 0:
            at = end + 1
            if end % 2 == 0:
                spans.append(Span(begin, end, end + 2))
                begin = at = end + 2
        return _with_rest(spans, begin, data, final=final)

    return split


def _with_rest(spans: list[Span], begin: int, data: bytes, *, final: bool) -> list[Span]:
    if final and begin < len(data):
        spans.append(Span(begin, len(data), len(data)))
    return spans


def _by_pattern(config: MultilineConfig) -> Split:
    text = config.line_start_pattern or config.line_end_pattern
    options = re2.Options()
    options.log_errors = False
    pattern: Any = re2.compile(f"(?m){text}".encode(), options)
    split = _from_starts if config.line_start_pattern else _to_ends

    def split_by_pattern(data: bytes, final: bool) -> list[Span]:  # noqa: FBT001 - part of the type
        # A match at the very end may become longer with more data.
        found = [
            match.span() for match in pattern.finditer(data) if final or match.end() < len(data)
        ]
        return split(data, found, final=final, omit=config.omit_pattern)

    return split_by_pattern


def _from_starts(
    data: bytes, found: list[tuple[int, int]], *, final: bool, omit: bool
) -> list[Span]:
    starts = [(begin, end if omit else begin) for begin, end in found]
    if starts and starts[0][0] > 0:
        starts.insert(0, (0, 0))
    if final and (not starts):
        starts = [(0, 0)]
    ends = [begin for begin, _ in starts[1:]] + ([len(data)] if final else [])
    return [
        Span(begin, end, end)
        for (_, begin), end in zip(starts, ends, strict=False)
        if end > 0 or begin < end
    ]


def _to_ends(data: bytes, found: list[tuple[int, int]], *, final: bool, omit: bool) -> list[Span]:
    spans, begin = [], 0
    for match_begin, match_end in found:
        if match_end > begin:
            spans.append(Span(begin, match_begin if omit else match_end, match_end))
            begin = match_end
    return _with_rest(spans, begin, data, final=final)
