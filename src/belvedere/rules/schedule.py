"""When a group is evaluated: at its slots in time, each once, one after another."""

from collections.abc import Awaitable, Callable

import structlog

from belvedere.query.promql.errors import PromQLError
from belvedere.query.promql.source import Source
from belvedere.rules import telemetry
from belvedere.rules.clock import Clock
from belvedere.rules.evaluation.alerting import AlertingRule
from belvedere.rules.evaluation.group import Group, Workings
from belvedere.rules.evaluation.restore import restore
from belvedere.store.errors import StoreError

log = structlog.get_logger(__name__)


async def run_group(
    group: Group, workings: Workings, source: Callable[[], Source], clock: Clock
) -> None:
    """Evaluate a group at its slots, until it is cancelled.

    Alerts' states are restored after the second evaluation: in the first one, recorded series
    that they depend on may not be there yet.
    """
    names = (group.project, group.key)
    telemetry.INTERVAL_S.labels(*names).set(group.interval_ms / 1000)
    telemetry.RULES.labels(*names).set(len(group.rules))
    iterations = telemetry.ITERATIONS.labels(*names)
    missed_iterations = telemetry.ITERATIONS_MISSED.labels(*names)
    evaluations = 0
    at_ms = group.slot_before(clock.now_ms()) + group.interval_ms
    while True:
        await clock.sleep_until(at_ms)
        iterations.inc()
        async with group.busy:
            await group.evaluate(at_ms, workings)
            evaluations += 1
            if evaluations == 2:
                await _restore(group, source, workings.run, clock.now_ms())
        missed = max(0, (clock.now_ms() - at_ms) // group.interval_ms - 1)
        missed_iterations.inc(missed)
        iterations.inc(missed)
        at_ms += (missed + 1) * group.interval_ms


async def _restore(
    group: Group,
    source: Callable[[], Source],
    run: Callable[[Callable[[], None]], Awaitable[None]],
    at_ms: int,
) -> None:
    for rule in group.rules:
        if not isinstance(rule, AlertingRule) or rule.restored:
            continue
        try:
            await run(lambda rule=rule: restore(rule, source(), at_ms))  # type: ignore[misc] # a lambda's default
        except (PromQLError, StoreError) as error:
            log.error(  # noqa: TRY400 - the message says what is wrong
                "alert_state_not_restored", alert=rule.name, error=str(error)
            )
