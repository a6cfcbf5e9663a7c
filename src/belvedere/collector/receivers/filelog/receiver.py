"""The component `filelog`."""

import asyncio
import time
from collections.abc import Mapping
from typing import ClassVar

import structlog

from belvedere.collector.component import Consumer, Host
from belvedere.collector.errors import ConsumeError, Retryable
from belvedere.collector.exporters.retry import Clock, Retry
from belvedere.collector.receivers.filelog.checkpoints import Checkpoints
from belvedere.collector.receivers.filelog.config import FileLogConfig
from belvedere.collector.receivers.filelog.entry import Entry, batch_of
from belvedere.collector.receivers.filelog.files import Files, FileState, OpenFile
from belvedere.collector.receivers.filelog.operators import Chain
from belvedere.collector.receivers.filelog.reading import Piece, Reader
from belvedere.collector.registry import Kind
from belvedere.collector.storage import find_storage
from belvedere.internal_telemetry import (
    FILECONSUMER_OPEN_FILES,
    FILECONSUMER_READING_FILES,
    RECEIVER_ACCEPTED,
    RECEIVER_REFUSED,
)
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)

_TRANSPORT = "file"
_SAVE_EVERY_S = 1.0
"""Checkpoints are written at most this often while there is much to read."""


class FileLogReceiver:
    """Follows files and hands their records on.

    A file counts as read as far as the pipeline has accepted its records. With `storage` that
    survives a restart, so nothing is lost and nothing read twice; after a kill, what was accepted
    since the last checkpoint (a second at most) is read again. Records that the pipeline refuses
    for now stay in the file: reading pauses.
    """

    Config = FileLogConfig
    signals: ClassVar = frozenset({Signal.LOGS})

    def __init__(
        self,
        config: FileLogConfig,
        host: Host,
        consumers: Mapping[Signal, Consumer],
        *,
        clock: Clock | None = None,
    ) -> None:
        """Find the storage.

        Raises:
            ConfigError: there is no such extension.
        """
        self._config, self._id = config, host.component_id
        self._consumer = consumers[Signal.LOGS]
        self._files, self._reader = Files(config), Reader(config)
        self._chain = Chain(config.operators)
        self._retry = Retry(config.retry_on_failure, self._id, clock or Clock())
        self._checkpoints = _checkpoints(config, host)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused_from: dict[str, int] = {}
        """Source → least offset of what was refused by a pipeline that was stopping, too."""
        self._is_moved, self._saved_s = False, 0.0
        self._defective: set[str] = set()
        """Paths of files of which a defect was told."""

    async def start(self) -> None:
        """Take up the checkpoints and begin to read.

        Raises:
            ConfigError: the checkpoints cannot be read.
        """
        if self._checkpoints:
            self._files.restore(await asyncio.to_thread(self._checkpoints.load))
        self._task = asyncio.create_task(self._poll_again_and_again(), name=self._id)

    async def shutdown(self) -> None:
        """Stop reading; without storage, hand on what operators hold back."""
        self._stopping.set()
        self._retry.stop()
        task, self._task = self._task, None
        if task is None:
            return
        await task
        if self._checkpoints is None:
            await self._deliver(self._chain.flush(None))
        else:
            self._is_moved = True
            await self._save()
        await asyncio.to_thread(self._files.close)

    async def _poll_again_and_again(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._poll()
            except Exception:
                # A defect must not end the reading for good.
                log.exception("poll_failed", component=self._id)
            try:
                async with asyncio.timeout(self._config.poll_interval):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def _poll(self) -> None:
        active = await asyncio.to_thread(self._files.find)
        FILECONSUMER_OPEN_FILES.labels(self._id).set(len(self._files))
        while active and not self._stopping.is_set():
            # A piece of each file in turn, so that a large one does not hold up the others.
            FILECONSUMER_READING_FILES.labels(self._id).set(len(active))
            active = [file for file in active if await self._read_piece(file)]
            if time.monotonic() - self._saved_s >= _SAVE_EVERY_S:
                await self._save()
        FILECONSUMER_READING_FILES.labels(self._id).set(0)
        await self._deliver(self._chain.flush(time.monotonic()))
        await self._save()

    async def _read_piece(self, file: OpenFile) -> bool:
        """Read and deliver the next records of a file; whether there may be more."""
        if self._stopping.is_set():
            return False
        try:
            piece, entries = await asyncio.to_thread(self._prepared, file)
        except OSError as error:
            log.warning("file_not_readable", path=file.state.path, error=error.strerror)
            return False
        except Exception:
            # A defect with one file must not end the reading of all others.
            if file.state.path not in self._defective:
                self._defective.add(file.state.path)
                log.exception("file_not_read", path=file.state.path)
            return False
        if not await self._deliver(entries):
            return False
        if piece.offset != file.state.offset:
            file.state.offset, file.state.records = piece.offset, piece.records
            self._is_moved = True
        return not piece.is_last

    def _prepared(self, file: OpenFile) -> tuple[Piece, list[Entry]]:
        piece = self._reader.read(file)
        return piece, self._chain.process(piece.entries)

    async def _deliver(self, entries: list[Entry]) -> bool:
        """Whether the entries count as read: accepted, or given up and counted."""
        if not entries:
            return True
        batch = await asyncio.to_thread(batch_of, entries)
        try:
            await self._retry.call(lambda: self._consumer.consume(batch))
        except ConsumeError as error:
            if isinstance(error, Retryable) and self._stopping.is_set():
                for entry in entries:
                    refused = self._refused_from.get(entry.source, entry.offset)
                    self._refused_from[entry.source] = min(refused, entry.offset)
                return False
            self._give_up(batch, str(error))
        except Exception as error:  # noqa: BLE001 - the same records would meet the defect again, and no others be read
            self._give_up(batch, "a defect", defect=error)
        else:
            RECEIVER_ACCEPTED[Signal.LOGS].labels(self._id, _TRANSPORT).inc(batch.items)
        self._is_moved = True
        return True

    def _give_up(self, batch: Batch, error: str, *, defect: Exception | None = None) -> None:
        RECEIVER_REFUSED[Signal.LOGS].labels(self._id, _TRANSPORT).inc(batch.items)
        log.error(
            "records_dropped", component=self._id, n=batch.items, error=error, exc_info=defect
        )

    async def _save(self) -> None:
        if self._checkpoints is None or not self._is_moved:
            return
        self._is_moved, self._saved_s = False, time.monotonic()
        states = [(state, self._delivered(state)) for state in self._files.states()]
        try:
            await asyncio.to_thread(self._checkpoints.save, states)
        except OSError as error:
            self._is_moved = True
            log.warning("checkpoint_not_saved", component=self._id, error=error.strerror)

    def _delivered(self, state: FileState) -> int:
        """Up to where all of a file was accepted."""
        source = f"{state.device}:{state.inode}"
        held, refused = self._chain.held_from(source), self._refused_from.get(source)
        return min(offset for offset in (state.offset, held, refused) if offset is not None)


def _checkpoints(config: FileLogConfig, host: Host) -> Checkpoints | None:
    if config.storage is None:
        return None
    storage = find_storage(config.storage, host, Kind.RECEIVER, "storage")
    return Checkpoints(storage.folder(Kind.RECEIVER, host.component_id))
