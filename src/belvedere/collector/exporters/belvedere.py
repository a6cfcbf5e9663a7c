"""Exporter `belvedere`: to the store, by way of the durable queue.

Accepted means on disk: `consume` returns when the batch is in the queue. Workers take segments
from the queue and store them; what cannot be stored now waits there, across restarts.
"""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import ClassVar

import structlog
from pydantic import Field

from belvedere import internal_telemetry as telemetry
from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.durable_queue import DurableQueue, Sync
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.collector.segment_files import Segment
from belvedere.otlp.batch import CLIENT_ADDRESS, Batch
from belvedere.otlp.decode_pool import Share, shared_pool
from belvedere.otlp.errors import TooLarge, Unavailable
from belvedere.otlp.nested import flatten_nested, has_nested
from belvedere.otlp.signal import Signal
from belvedere.store.errors import InvalidProject, StoreError, StoreUnavailable
from belvedere.store.ingest import Door
from belvedere.store.metrics import MetricsNormalizer
from belvedere.store.projects import Projects
from belvedere.store.rejected import Rejected, RejectedFolder
from belvedere.store.writer import SCHEMA_GONE, SegmentWriter

log = structlog.get_logger(__name__)

_FAILING_AFTER_S = 5.0
"""How long inserts fail, and none succeeds, before that is a problem of the server."""
_FLATTEN_INLINE_BYTES = 32 << 10
_SCAN_INLINE_BYTES = 1 << 20


class QueueConfig(ComponentConfig):
    """The durable queue before the store."""

    capacity_mib: int = Field(
        1024, gt=0, description="Data waiting to be stored at which more is refused."
    )
    segment_mib: int = Field(32, gt=0, le=256, description="Size at which a segment is closed.")
    segment_age: Duration = Field(1.0, gt=0, description="Age at which a segment is closed.")
    sync: Sync = Field(
        Sync.ALWAYS,
        description="When data is forced to the device: always (before it is acknowledged),"
        " interval (when a segment is closed) or off.",
    )
    reserve_mib: int = Field(
        256, ge=0, description="Free disk space at which more data is refused."
    )
    initial_interval: Duration = Field(
        0.5, gt=0, description="Pause before a segment that could not be stored is tried again."
    )
    max_interval: Duration = Field(
        10.0, gt=0, description="Longest pause between two attempts; it doubles up to this."
    )


class BelvedereExporter:
    """Batches become rows of the store, each once, across crashes."""

    class Config(ComponentConfig):
        """Keys of `belvedere`."""

        directory: Path = Field(
            Path("belvedere-data"),
            description="Folder of the queue (`queue/`) and of data that cannot be stored"
            " (`rejected/`).",
        )
        num_consumers: int = Field(2, gt=0, le=16, description="Segments stored at once.")
        queue: QueueConfig = Field(QueueConfig(), description="The durable queue.")
        drain_timeout: Duration = Field(
            30.0,
            description="How long a shutdown waits for the queue to empty; the rest is stored"
            " after the next start.",
        )

    signals: ClassVar = frozenset(Signal)
    durable: ClassVar = True

    def __init__(self, config: Config, host: Host) -> None:
        self._config = config
        self._id = host.component_id
        self._services = host.services
        self._workers: list[asyncio.Task[None]] = []
        self._failing_since_s: float | None = None
        self._metrics = MetricsNormalizer()
        self.queue = DurableQueue(
            config.directory / "queue",
            capacity_bytes=config.queue.capacity_mib << 20,
            segment_bytes=config.queue.segment_mib << 20,
            segment_age_s=config.queue.segment_age,
            sync=config.queue.sync,
            reserve_bytes=config.queue.reserve_mib << 20,
            join_segments=True,
            retry_pauses_s=(config.queue.initial_interval, config.queue.max_interval),
            on_lost=_count_lost,
        )
        self._rejected = RejectedFolder(config.directory / "rejected")

    @property
    def _projects(self) -> Projects:
        projects: Projects = self._services[Projects]
        return projects

    async def start(self) -> None:
        if Projects not in self._services:
            raise ConfigError(
                "this process has no store",
                key=f"exporters::{self._id}",
                hint="the exporter belvedere runs in `belvedere up`; elsewhere use otlp_grpc",
            )
        try:
            self.queue.start()
        except OSError as error:
            raise ConfigError(
                f"cannot use the folder {self.queue.directory}: {error.strerror}",
                key=f"exporters::{self._id}::directory",
            ) from None
        writer = SegmentWriter(self._projects.db, self._projects, self._rejected)
        telemetry.EXPORTER_QUEUE_CAPACITY.labels(self._id).set(self.queue.capacity_bytes)
        telemetry.EXPORTER_QUEUE_SIZE.labels(self._id).set_function(lambda: self.queue.size_bytes)
        telemetry.STORE_RETRYING_SEGMENTS.labels(self._id).set_function(self.queue.failing)
        telemetry.STORE_INSERTING.labels(self._id).set_function(
            lambda: float(self._failing_since_s is None)
        )
        self._workers = [
            asyncio.create_task(self._work(writer), name=f"{self._id}-{number}")
            for number in range(self._config.num_consumers)
        ]

    async def consume(self, batch: Batch) -> None:
        """Put the batch into the queue. When this returns, it is on disk.

        Raises:
            Retryable: the queue or the disk is full, or a new project cannot be made now.
            Permanent: the name of the project is not allowed.
        """
        if not batch.items:
            return
        await self._ensure(batch.project)
        data = await _flattened(batch)
        try:
            if batch.signal is Signal.METRICS and self._metrics.needs_work(data):
                # Shielded: what is on disk has to be known to the sums that the next deltas add to.
                await asyncio.shield(self._append_normalized(batch, data))
            else:
                await self.queue.append(_lane(batch), data, batch.items)
        except Retryable:
            telemetry.EXPORTER_ENQUEUE_FAILED[batch.signal].labels(self._id).inc(batch.items)
            raise

    def problem(self) -> str:
        """Why data is not accepted, or not stored: '' if it is, else a sentence."""
        if problem := self.queue.problem():
            return problem
        since_s = self._failing_since_s
        if since_s is None or (failing_s := time.monotonic() - since_s) < _FAILING_AFTER_S:
            return ""
        return f"nothing could be stored for {failing_s:.0f} s; the log says why"

    async def rejected(self, project: str | None = None) -> list[Rejected]:
        """What the store rejected, of one project or of all. See `RejectedFolder.entries`."""
        return await asyncio.to_thread(self._rejected.entries, project)

    async def replay(self, entry: Rejected) -> None:
        """Put what was rejected into the queue again.

        Raises:
            OSError: it cannot be moved there; it stays where it is.
        """
        await self.queue.restore(f"{entry.project}/{entry.data}", entry.path)
        await asyncio.to_thread(self._rejected.forget, entry)
        log.info("rejected_replayed", project=entry.project, data=entry.data, id=entry.id)

    async def append_points(self, project: str, points: bytes, items: int) -> None:
        """Put Prometheus series (`prometheus.points`) into the queue, as `consume` does batches.

        Raises:
            Retryable: the queue or the disk is full, or a new project cannot be made now.
            Permanent: the name of the project is not allowed.
        """
        await self._ensure(project)
        await self.queue.append(f"{project}/{Door.POINTS}", points, items)

    async def _ensure(self, project: str) -> None:
        """Make the project's tables, unless that is done."""
        if self._projects.is_ready(project):
            return
        try:
            await asyncio.to_thread(self._projects.ensure, project)
        except InvalidProject as error:
            raise Permanent(str(error)) from None
        except StoreError as error:
            raise Retryable(f"the store is not available: {error}", after_s=5) from None

    async def _append_normalized(self, batch: Batch, data: bytes) -> None:
        """Queue metrics that the tables cannot hold as they come: deltas, extreme scales."""
        async with self._metrics.lock(batch.project):
            normalized = await asyncio.to_thread(self._metrics.normalize, batch.project, data)
            dropped = sum(normalized.dropped.values())
            await self.queue.append(_lane(batch), normalized.data, batch.items - dropped)
            normalized.commit()
        for reason, points in normalized.dropped.items():
            telemetry.STORE_DROPPED[batch.signal].labels(batch.project, reason).inc(points)

    async def shutdown(self) -> None:
        if not self._workers:
            return
        await self.queue.close_segments()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_timeout):
                await self.queue.drain()
        if not self.queue.is_empty():
            log.warning("queue_not_empty", bytes=self.queue.size_bytes, next="stored at next start")
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await self.queue.shutdown()

    async def _work(self, writer: SegmentWriter) -> None:
        """Store segment after segment; one that cannot be stored now is tried again, for good."""
        while True:
            segment = await self.queue.take()
            try:
                await asyncio.to_thread(_store, writer, segment)
                await self.queue.done(segment)
                self._failing_since_s = None
            except Exception as error:
                if _is_deleted(segment, error) and not self.queue.problem():
                    await self._give_up(segment)
                    continue
                if not _is_of_one_project(error):
                    self._failing_since_s = self._failing_since_s or time.monotonic()
                pause_s = await self.queue.put_back(segment)
                log.warning(
                    "segment_not_stored",
                    error=str(error),
                    segment=segment.id,
                    lane=segment.lane,
                    retry_in_s=round(pause_s, 1),
                    exc_info=not isinstance(error, StoreError | OSError),
                )

    async def _give_up(self, segment: Segment) -> None:
        """Forget a segment whose file somebody deleted."""
        log.error("queue_segment_lost", error="its file was deleted", segment=str(segment.path))
        _count_lost(segment.lane, segment.items or 0)
        await self.queue.done(segment)


async def _flattened(batch: Batch) -> bytes:
    """The batch's data without nested values, flattened where it does not hold the event loop.

    Raises:
        Retryable: if it cannot be done now.
        Permanent: if it takes too much memory or CPU time.
    """
    signal, data = batch.signal, batch.data
    if len(data) <= _FLATTEN_INLINE_BYTES:
        return flatten_nested(signal, data)
    if len(data) <= _SCAN_INLINE_BYTES and not has_nested(signal, data):
        return data
    share = Share(batch.project, *batch.metadata.get(CLIENT_ADDRESS, ("",))[:1])
    try:
        return await shared_pool().run(share, len(data), flatten_nested, signal, data)
    except Unavailable as error:
        raise Retryable(str(error), after_s=error.after_s) from None
    except TooLarge as error:
        raise Permanent(str(error)) from None


def _lane(batch: Batch) -> str:
    return f"{batch.project}/{batch.signal}"


def _project_and_door(lane: str) -> tuple[str, Door]:
    project, _, door = lane.rpartition("/")
    return project, Door(door)


def _is_deleted(segment: Segment, error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) and str(error.filename) == str(segment.path)


def _is_of_one_project(error: Exception) -> bool:
    """Whether an error says nothing about other projects."""
    return isinstance(error, InvalidProject) or (
        isinstance(error, StoreUnavailable) and error.code in SCHEMA_GONE
    )


def _store(writer: SegmentWriter, segment: Segment) -> None:
    project, door = _project_and_door(segment.lane)
    writer.write(project, door, segment.id, segment.path, segment.items)


def _count_lost(lane: str, items: int) -> None:
    project, door = _project_and_door(lane)
    telemetry.STORE_DROPPED[door.signal].labels(project, "segment deleted").inc(items)
