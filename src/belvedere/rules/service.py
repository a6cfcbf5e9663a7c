"""`RuleService`: all rules of a server, at work."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Final, TypeVar

import structlog

from belvedere.prometheus.model import Series
from belvedere.prometheus.points import encode_points
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.histogram.to_prometheus import to_prometheus
from belvedere.query.labels import Labels
from belvedere.query.promql.engine import Engine
from belvedere.query.promql.errors import QueryCanceledError, QueryTimeoutError
from belvedere.query.promql.source import Source
from belvedere.rules import telemetry
from belvedere.rules.clock import Clock
from belvedere.rules.evaluation.alert import Alert
from belvedere.rules.evaluation.build import Defaults, build_groups
from belvedere.rules.evaluation.group import Group, Workings
from belvedere.rules.evaluation.recent import Recent
from belvedere.rules.evaluation.rule import Rule
from belvedere.rules.evaluation.vector import VectorSample, vector_of
from belvedere.rules.files.read import load_rule_files
from belvedere.rules.schedule import run_group

log = structlog.get_logger(__name__)

T = TypeVar("T")

_QUERY_TIMEOUT_S: Final = 120.0
_THREADS: Final = 4

Write = Callable[[str, bytes, int], Awaitable[None]]
"""Project, serialized points, how many: see `StoreWriter.append_points`."""
Notify = Callable[[str, Rule, Sequence[Alert]], None]
"""Project, a rule, and alerts of it that fire or are resolved. Must not block."""


@dataclass(frozen=True, slots=True)
class RuleSources:
    """Where rules are, and what they work with.

    Attributes:
        files: Project → names and globs of rule files.
        engine: Answers queries.
        source: Project → what one query reads from. Called in threads.
        write: Takes what rules record. Raises `ConsumeError`.
        notify: Takes alerts.
        defaults: What groups have where they do not say it themselves.
        clock: Time.
    """

    files: Mapping[str, Sequence[str]]
    engine: Engine
    source: Callable[[str], Source]
    write: Write
    notify: Notify = lambda _project, _rule, _alerts: None
    defaults: Defaults = field(default_factory=Defaults)
    clock: Clock = field(default_factory=Clock)


class RuleService:
    """Loads rule files, and evaluates their groups. All calls come from one event loop."""

    def __init__(self, sources: RuleSources) -> None:
        """Read the files.

        Raises:
            ConfigError: one of them cannot be used.
        """
        self._sources = sources
        self._groups = self._load(restored=False)
        self._tasks: dict[Group, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._recent: dict[str, Recent] = {project: Recent() for project in sources.files}
        self._workings: dict[str, Workings] = {}
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="rules")
        self._stopping = Event()

    def groups(self, project: str) -> Sequence[Group]:
        """The groups of a project, in the order of files, then of names in a file."""
        return [group for group in self._groups if group.project == project]

    async def start(self) -> None:
        """Begin to evaluate."""
        for group in self._groups:
            self._begin(group)

    async def reload(self) -> None:
        """Read the files again. Groups that are as before go on; the others take over state.

        Raises:
            ConfigError: a file cannot be used; all goes on as before.
        """
        new = await asyncio.to_thread(self._load, restored=True)
        before = {_identity(group): group for group in self._groups}
        groups = []
        for group in new:
            old = before.pop(_identity(group), None)
            if old is not None and _is_equal(old, group):
                groups.append(old)
                continue
            if old is not None:
                await self._end(old)
                group.take_over(old)
            groups.append(group)
            self._begin(group)
        self._groups = groups
        for gone in before.values():
            await self._end(gone)
            self._forget(gone)

    async def shutdown(self) -> None:
        """Stop evaluating. Safe before `start` and when repeated."""
        self._stopping.set()
        tasks = [*self._tasks.values(), *self._ending]
        self._tasks, self._ending = {}, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

    def _load(self, *, restored: bool) -> list[Group]:
        defaults = self._sources.defaults
        return [
            group
            for project, patterns in self._sources.files.items()
            for group in build_groups(
                project, load_rule_files(patterns, defaults.parser), defaults, restored=restored
            )
        ]

    def _begin(self, group: Group) -> None:
        self._tasks[group] = asyncio.create_task(
            run_group(
                group,
                self._workings_of(group.project),
                partial(self._sources.source, group.project),
                self._sources.clock,
            ),
            name=f"rules {group.key}",
        )

    async def _end(self, group: Group) -> None:
        async with group.busy:
            task = self._tasks.pop(group)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def _forget(self, group: Group) -> None:
        """Mark the series of a group that is gone as ended, when others had time to write them."""
        for rule in group.rules:
            group.stale.update(rule.written)
            rule.written = {}

        async def end() -> None:
            clock = self._sources.clock
            await clock.sleep_until(clock.now_ms() + 2 * group.interval_ms)
            for other in self.groups(group.project):
                for rule in other.rules:
                    for labels in rule.written:
                        group.stale.pop(labels, None)
            await group.end_stale(clock.now_ms(), self._workings_of(group.project))

        telemetry.forget_group(group.project, group.key)
        task = asyncio.create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _workings_of(self, project: str) -> Workings:
        if project not in self._workings:
            self._workings[project] = Workings(
                self._query(project),
                self._run,
                partial(self._write, project),
                partial(self._sources.notify, project),
            )
        return self._workings[project]

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def _query(self, project: str) -> Callable[[str, int], list[VectorSample]]:
        engine = self._sources.engine
        source = self._recent[project].over(partial(self._sources.source, project))

        def query(text: str, at_ms: int) -> list[VectorSample]:
            ends_s = time.monotonic() + _QUERY_TIMEOUT_S

            def check() -> None:
                if self._stopping.is_set():
                    raise QueryCanceledError("rule evaluation")
                if time.monotonic() > ends_s:
                    raise QueryTimeoutError("rule evaluation")

            return vector_of(engine.instant(text, source(), at_ms, check=check))

        return query

    async def _write(self, project: str, at_ms: int, samples: Sequence[VectorSample]) -> None:
        points = await self._run(
            lambda: encode_points(_series(labels, at_ms, value) for labels, value in samples)
        )
        await self._sources.write(project, points, len(samples))
        recent, now_ms = self._recent[project], self._sources.clock.now_ms()
        await self._run(lambda: recent.add(at_ms, samples, now_ms))


def _series(labels: Labels, at_ms: int, value: float | NativeHistogram) -> Series:
    series = Series(tuple(labels.items()))
    if isinstance(value, NativeHistogram):
        series.histograms.append((at_ms, to_prometheus(value)))
    else:
        series.samples.append((at_ms, value))
    return series


def _identity(group: Group) -> tuple[str, str]:
    return group.project, group.key


def _is_equal(left: Group, right: Group) -> bool:
    return (left.config, left.interval_ms, left.query_offset_ms) == (
        right.config,
        right.interval_ms,
        right.query_offset_ms,
    )
