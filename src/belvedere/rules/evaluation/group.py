"""A group: rules that are evaluated one after another, at the same times."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from belvedere.collector.errors import ConsumeError
from belvedere.query.labels import Labels
from belvedere.query.promql.errors import PromQLError, QueryCanceledError
from belvedere.query.samples import STALE_NAN
from belvedere.rules import telemetry
from belvedere.rules.evaluation.alert import Alert
from belvedere.rules.evaluation.alerting import AlertingRule
from belvedere.rules.evaluation.rule import Health, Rule, RuleError
from belvedere.rules.evaluation.vector import Query, VectorSample
from belvedere.rules.files.model import RuleGroup
from belvedere.store.errors import StoreError

log = structlog.get_logger(__name__)

T = TypeVar("T")

RESEND_DELAY_MS: Final = 60_000
"""How long an alert that goes on is not told of again, as upstream."""


@dataclass(frozen=True, slots=True)
class Workings:
    """What groups work with.

    Attributes:
        query: Answers queries; blocks.
        run: Runs what blocks; it may use a thread.
        write: Takes samples of one time, Unix milliseconds. Raises `ConsumeError`.
        notify: Takes alerts that fire or are resolved, with the expression of their rule. Must
            not block.
    """

    query: Query
    run: Callable[[Callable[[], T]], Awaitable[T]]
    write: Callable[[int, Sequence[VectorSample]], Awaitable[None]]
    notify: Callable[[Rule, Sequence[Alert]], None]


class Group:
    """See the module. One evaluation at a time."""

    def __init__(
        self,
        project: str,
        file: str,
        config: RuleGroup,
        rules: Sequence[Rule],
        *,
        interval_ms: int,
        query_offset_ms: int = 0,
    ) -> None:
        """A group.

        Args:
            project: Whose series it works on.
            file: Where it is written.
            config: As it is written.
            rules: Its rules.
            interval_ms: Of its evaluations.
            query_offset_ms: How far in the past its queries look.
        """
        self.project, self.file, self.config, self.rules = project, file, config, rules
        self.interval_ms, self.query_offset_ms = interval_ms, query_offset_ms
        self.evaluated_at_s: float | None = None
        self.evaluation_s = 0.0
        self.busy = asyncio.Lock()
        """Held by an evaluation: who holds it can stop the group between two of them."""
        self.stale: dict[Labels, None] = {}
        """Series of rules that are gone, to be marked as ended."""

    @property
    def name(self) -> str:
        """As it is written."""
        return self.config.name

    @property
    def key(self) -> str:
        """What counters call it: groups of several files may have one name."""
        return f"{self.file};{self.name}"

    def slot_before(self, now_ms: int) -> int:
        """The last time of evaluation up to `now_ms`: groups have different places in intervals."""
        digest = hashlib.blake2b(f"{self.project}\0{self.key}".encode(), digest_size=8).digest()
        offset_ms = int.from_bytes(digest, "big") % self.interval_ms
        shifted_ms = now_ms - offset_ms
        return shifted_ms - shifted_ms % self.interval_ms + offset_ms

    def take_over(self, before: "Group") -> None:
        """Go on where the group of this name, as it was before, has stopped."""
        self.evaluated_at_s, self.evaluation_s = before.evaluated_at_s, before.evaluation_s
        self.stale = dict(before.stale)
        old = list(before.rules)
        for rule in self.rules:
            same = next((each for each in old if _is_same(each, rule)), None)
            if same is None:
                continue
            old.remove(same)
            rule.written = same.written
            if isinstance(rule, AlertingRule) and isinstance(same, AlertingRule):
                rule.active, rule.restored = dict(same.active), same.restored
        for gone in old:
            self.stale.update(gone.written)

    async def evaluate(self, at_ms: int, workings: Workings) -> None:
        """Evaluate all rules at a time. What fails is counted, and shown by its rule."""
        began_s, began = time.time(), time.perf_counter()
        samples = 0
        for rule in self.rules:
            samples += await self._evaluate(rule, at_ms, workings)
        await self.end_stale(at_ms, workings)
        self.evaluated_at_s, self.evaluation_s = began_s, time.perf_counter() - began
        names = (self.project, self.key)
        telemetry.LAST_EVALUATION_S.labels(*names).set(began_s)
        telemetry.LAST_DURATION_S.labels(*names).set(self.evaluation_s)
        telemetry.LAST_SAMPLES.labels(*names).set(samples)

    async def end_stale(self, at_ms: int, workings: Workings) -> None:
        """Mark the series of rules that are gone as ended."""
        written = {labels for rule in self.rules for labels in rule.written}
        ended = [VectorSample(labels, STALE_NAN) for labels in self.stale if labels not in written]
        if ended:
            try:
                await workings.write(at_ms - self.query_offset_ms, ended)
            except ConsumeError as error:
                log.warning("stale_markers_not_written", group=self.name, error=str(error))
                return
        self.stale = {}

    async def _evaluate(self, rule: Rule, at_ms: int, workings: Workings) -> int:
        names = (self.project, self.key)
        telemetry.EVALUATIONS.labels(*names).inc()
        rule.evaluated_at_s, began = time.time(), time.perf_counter()
        try:
            vector = await workings.run(
                lambda: rule.evaluate(
                    workings.query,
                    at_ms,
                    query_offset_ms=self.query_offset_ms,
                    limit=self.config.limit,
                )
            )
            rule.health, rule.last_error = Health.GOOD, ""
            self._tell(rule, at_ms, workings)
            await self._write(rule, vector, at_ms, workings)
        except (RuleError, PromQLError, StoreError, ConsumeError) as error:
            self._failed(rule, error)
            return 0
        except Exception as error:
            # Whatever it is, the rules after this one are evaluated.
            log.exception("rule_evaluation_broke", group=self.name, rule=rule.name)
            self._failed(rule, error)
            return 0
        finally:
            rule.evaluation_s = time.perf_counter() - began
        return len(vector)

    def _failed(self, rule: Rule, error: Exception) -> None:
        rule.health, rule.last_error = Health.BAD, str(error)
        telemetry.EVALUATION_FAILURES.labels(self.project, self.key).inc()
        if not isinstance(error, QueryCanceledError):
            log.warning(
                "rule_evaluation_failed",
                file=self.file,
                group=self.name,
                rule=rule.name,
                error=str(error),
            )

    def _tell(self, rule: Rule, at_ms: int, workings: Workings) -> None:
        due = [alert for alert in rule.alerts if alert.needs_sending(at_ms, RESEND_DELAY_MS)]
        for alert in due:
            alert.last_sent_at_ms = at_ms
            # Three evaluations, or messages, may get lost before the alert counts as resolved.
            alert.valid_until_ms = at_ms + 4 * max(self.interval_ms, RESEND_DELAY_MS)
        if due:
            workings.notify(rule, due)

    async def _write(
        self, rule: Rule, vector: Sequence[VectorSample], at_ms: int, workings: Workings
    ) -> None:
        now = {sample.labels: None for sample in vector}
        others = [each.written for each in self.rules if each is not rule]
        ended = [
            VectorSample(labels, STALE_NAN)
            for labels in rule.written
            if labels not in now and not any(labels in written for written in others)
        ]
        if vector or ended:
            await workings.write(at_ms - self.query_offset_ms, [*vector, *ended])
        rule.written = now


def _is_same(left: Rule, right: Rule) -> bool:
    return (
        left.type_name == right.type_name
        and left.name == right.name
        and left.labels == right.labels
    )
