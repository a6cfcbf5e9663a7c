"""From a file that is followed to entries, a piece at a time."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from belvedere.collector.receivers.filelog.config import FileLogConfig, codec
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.files import OpenFile
from belvedere.collector.receivers.filelog.splitting import Span, splitter


@dataclass(frozen=True, slots=True)
class Piece:
    """What was read at once; it counts as read when the file's state says so."""

    entries: list[Entry]
    offset: int
    """Up to where it goes."""
    records: int
    """Records of the file up to there."""
    is_last: bool
    """Whether there was no more."""


class Reader:
    """Reads pieces."""

    def __init__(self, config: FileLogConfig, now_s: Callable[[], float] = time.monotonic) -> None:
        self._config, self._now_s = config, now_s
        self._split = splitter(config)
        self._codec = "" if config.encoding == "nop" else codec(config.encoding)
        self._size = max(config.initial_buffer_size, config.max_log_size) + 8

    def read(self, file: OpenFile) -> Piece:
        """The next records after the file's offset; none if there are no whole ones.

        Raises:
            OSError: the file cannot be read.
        """
        config, state, now_s = self._config, file.state, self._now_s()
        data = os.pread(file.descriptor, self._size, state.offset)
        fingerprint = os.pread(file.descriptor, config.fingerprint_size, 0)
        if not fingerprint.startswith(state.fingerprint or data[: config.fingerprint_size]):
            # Truncated since it was found, so `data` may begin anywhere: `Files` will see.
            return Piece([], state.offset, state.records, is_last=True)
        state.fingerprint = fingerprint
        is_last = len(data) < self._size
        if len(data) != file.rest_bytes:
            file.grown_s, file.rest_bytes = now_s, len(data)
        period_s = config.force_flush_period
        final = bool(is_last and period_s and data and now_s - file.grown_s >= period_s)
        spans = self._split(data, final)
        after = spans[-1].after if spans else 0
        file.rest_bytes -= after
        entries, records = self._entries(file, data, spans)
        return Piece(entries, state.offset + after, records, is_last or not spans)

    def _entries(self, file: OpenFile, data: bytes, spans: list[Span]) -> tuple[list[Entry], int]:
        config, state, observed_ns = self._config, file.state, time.time_ns()
        fixed = {**config.attributes, **file.attributes}
        source, records, entries = source_of(file), state.records, []
        for span in spans:
            body = self._body(data[span.begin : span.end])
            if not body:
                continue
            records += 1
            entry = Entry(
                body,
                fixed.copy(),
                config.resource.copy(),
                observed_ns=observed_ns,
                source=source,
                offset=state.offset + span.begin,
            )
            if config.include_file_record_number:
                entry.attributes["log.file.record_number"] = records
            if config.include_file_record_offset:
                entry.attributes["log.file.record_offset"] = entry.offset
            entries.append(entry)
        return entries, records

    def _body(self, data: bytes) -> str | bytes:
        text: str | bytes = data.decode(self._codec, "replace") if self._codec else data
        if not self._config.preserve_leading_whitespaces:
            text = text.lstrip()
        if not self._config.preserve_trailing_whitespaces:
            text = text.rstrip()
        return text


def source_of(file: OpenFile) -> str:
    """A name of the file that stays when it is renamed."""
    return f"{file.state.device}:{file.state.inode}"
