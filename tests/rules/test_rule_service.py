"""Groups at their slots in time: what they write, tell, count, restore, and take over."""

import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from fake_clock import FakeClock

from belvedere.collector.errors import ConfigError, Retryable
from belvedere.internal_telemetry import REGISTRY
from belvedere.prometheus import points
from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.engine import Engine
from belvedere.query.promql.matcher import Matcher
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.samples import Samples, is_stale
from belvedere.rules.evaluation.alert import Alert
from belvedere.rules.evaluation.build import Defaults
from belvedere.rules.evaluation.rule import Rule
from belvedere.rules.service import RuleService, RuleSources

T0_MS = 1_700_000_000_000
_LEVEL = Labels({METRIC_NAME: "level", "room": "a"})


class Store:
    """A store in memory. What is written appears at once, unless it `lags`."""

    def __init__(self) -> None:
        self.memory = MemorySource()
        self.refuses = self.lags = False
        self.holds: threading.Event | None = None

    def level(self, value: float, at_ms: int = T0_MS) -> None:
        self.memory.add(_LEVEL, [(at_ms, value)])

    async def write(self, _project: str, data: bytes, items: int) -> None:
        if self.refuses:
            raise Retryable("the queue is full")
        assert points.count_points(data) == items
        for series in () if self.lags else points.Points.FromString(data).series:
            labels = {each.name: each.value for each in series.labels}
            samples = [(sample.timestamp, sample.value) for sample in series.samples]
            self.memory.add(Labels(labels), samples)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        if self.holds:
            self.holds.wait(10)
        return self.memory.select(matchers, start_ms, end_ms)

    def values(self, query: str, at_ms: int) -> dict[str, float]:
        value = Engine().instant(query, self.memory, at_ms).value
        assert isinstance(value, SeriesMatrix)
        return {str(labels): value.values[row, 0] for row, labels in enumerate(value.labels)}


class World:
    """A store, a clock, rule files, and what is told of alerts."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "rules.yml"
        self.store, self.time = Store(), FakeClock(T0_MS)
        self.told: list[tuple[str, str, int]] = []

    def notify(self, _project: str, rule: Rule, alerts: Sequence[Alert]) -> None:
        seconds = (self.time.now_ms - T0_MS) // 1000
        self.told += [(rule.name, str(alert.state), seconds) for alert in alerts]

    @contextlib.asynccontextmanager
    async def rules(self, text: str) -> AsyncIterator[RuleService]:
        self.file.write_text(text)
        service = RuleService(
            RuleSources(
                files={"default": [str(self.file)]},
                engine=Engine(),
                source=lambda _: self.store,
                write=self.store.write,
                notify=self.notify,
                defaults=Defaults(interval_ms=10_000),
                clock=self.time.clock,
            )
        )
        await service.start()
        try:
            yield service
        finally:
            await service.shutdown()

    def counted(self, name: str, group: str = "g") -> float:
        labels = {"project": "default", "rule_group": f"{self.file};{group}"}
        return REGISTRY.get_sample_value(f"prometheus_rule_{name}", labels) or 0.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _group(*rules: str, **keys: str) -> str:
    head = "".join(f", {key}: {value}" for key, value in keys.items())
    return f"groups: [{{name: g{head}, rules: [{', '.join(rules)}]}}]"


_DOUBLE = "{record: double, expr: level * 2, labels: {by: rule}}"
_HIGH = "{alert: High, expr: level > 3, for: 20s}"


async def test_recorded_series_have_the_times_of_their_slots(world: World) -> None:
    world.store.level(2)
    async with world.rules(_group(_DOUBLE)) as service:
        await world.time.go_on(30)
        (group,) = service.groups("default")
        slot_ms = group.slot_before(world.time.now_ms)
    samples = world.store.memory.select(_matchers("double"), 0, world.time.now_ms)
    assert samples.timestamps_ms.tolist() == [slot_ms - 20_000, slot_ms - 10_000, slot_ms]
    assert samples.labels == [Labels({METRIC_NAME: "double", "room": "a", "by": "rule"})]
    assert samples.values.tolist() == [4, 4, 4]
    assert world.counted("evaluations_total") == world.counted("group_iterations_total") == 3
    assert service.groups("other") == []


def _matchers(name: str) -> list[Matcher]:
    from belvedere.query.promql.parse import parse_selector

    return list(parse_selector(name))


async def test_groups_have_different_slots(world: World) -> None:
    names = [f"g{at}" for at in range(8)]
    text = ", ".join(f"{{name: {name}, rules: []}}" for name in names)
    async with world.rules(f"groups: [{text}]") as service:
        slots = {group.slot_before(T0_MS) for group in service.groups("default")}
    assert len(slots) > 4
    assert all(T0_MS - 10_000 < slot <= T0_MS for slot in slots)


async def test_queries_may_look_into_the_past(world: World) -> None:
    world.store.level(2, T0_MS - 60_000)
    world.store.level(7)
    async with world.rules(_group(_DOUBLE, query_offset="30s")):
        await world.time.go_on(10)
    samples = world.store.memory.select(_matchers("double"), 0, T0_MS)
    assert samples.values.tolist() == [4]
    assert samples.timestamps_ms[0] <= T0_MS - 20_000


async def test_a_rule_sees_the_one_before_it_while_the_store_lags(world: World) -> None:
    world.store.lags = True
    world.store.level(2)
    alert = "{alert: Same, expr: double == 4}"
    async with world.rules(_group(_DOUBLE, alert)):
        await world.time.go_on(10)
    assert [name for name, _, _ in world.told] == ["Same"]


async def test_series_that_are_not_given_any_more_end(world: World) -> None:
    world.store.level(2)
    async with world.rules(_group("{record: low, expr: level < 3}")):
        await world.time.go_on(10)
        world.store.level(9, world.time.now_ms)
        await world.time.go_on(20)
    samples = world.store.memory.select(_matchers("low"), 0, world.time.now_ms)
    assert is_stale(samples.values).tolist() == [False, True]


async def test_an_alert_is_pending_fires_and_is_resolved(world: World) -> None:
    world.store.level(5)
    async with world.rules(_group(_HIGH)) as service:
        (rule,) = service.groups("default")[0].rules
        await world.time.go_on(10)
        assert [str(alert.state) for alert in rule.alerts] == ["pending"]
        assert not world.told
        await world.time.go_on(20)
        assert [str(alert.state) for alert in rule.alerts] == ["firing"]
        for _ in range(4):
            world.store.level(5, world.time.now_ms)
            await world.time.go_on(30)
        firing = len(world.told)
        assert 2 <= firing <= 3  # again each minute
        world.store.level(1, world.time.now_ms)
        await world.time.go_on(60)
        assert [state for _, state, _ in world.told[firing:]] == ["inactive"]
        await world.time.go_on(14 * 60)
        assert [str(alert.state) for alert in rule.alerts] == ["inactive"]
        await world.time.go_on(3 * 60)
        assert rule.alerts == []
    states = world.store.values('ALERTS{alertname="High"}', T0_MS + 60_000)
    assert [key for key in states if "firing" in key]


@pytest.mark.parametrize(
    ("down_s", "pending_s", "active_s"),
    [
        # (stopped before the restart, pending at the stop) → active since, before now
        pytest.param(300, 1200, 1200, id="waits on: the time that nobody looked does not count"),
        pytest.param(300, 3600, 3900, id="fired: fires on"),
        pytest.param(300, 3300, 3000, id="nearly fired: has the grace period"),
        pytest.param(4000, 1200, 0, id="too long ago: begins anew"),
    ],
)
async def test_states_survive_a_restart(
    world: World, down_s: int, pending_s: int, active_s: int
) -> None:
    labels = Labels({METRIC_NAME: "ALERTS_FOR_STATE", "alertname": "Long", "room": "a"})
    down_ms = T0_MS - down_s * 1000
    world.store.memory.add(labels, [(down_ms, float(down_ms // 1000 - pending_s))])
    world.store.level(5)
    async with world.rules(_group("{alert: Long, expr: level, for: 1h}")) as service:
        (rule,) = service.groups("default")[0].rules
        await world.time.go_on(20)
        (alert,) = rule.alerts
        (restored,) = (rule.alerts[0].active_at_ms,)
    at_ms = world.time.now_ms
    assert abs((at_ms - restored) / 1000 - active_s) <= 25
    assert alert.labels == Labels({"alertname": "Long", "room": "a"})


async def test_what_fails_is_counted_and_shown(world: World) -> None:
    same = "{record: a, expr: level}"
    limited = "{record: b, expr: 'level or other'}"
    world.store.level(5)
    world.store.memory.add(Labels({METRIC_NAME: "other"}), [(T0_MS, 1.0)])
    async with world.rules(_group(same, limited, _DOUBLE, limit="1")) as service:
        await world.time.go_on(10)
        rules = service.groups("default")[0].rules
        assert [str(rule.health) for rule in rules] == ["ok", "err", "ok"]
        assert rules[1].last_error == "exceeded limit of 1 with 2 series"
        assert world.counted("evaluation_failures_total") == 1
        world.store.refuses = True
        await world.time.go_on(10)
        assert [rule.last_error for rule in rules][::2] == ["the queue is full"] * 2
        world.store.refuses = False
        await world.time.go_on(10)
        assert [str(rule.health) for rule in rules] == ["ok", "err", "ok"]


async def test_slots_that_are_missed_are_counted(world: World) -> None:
    world.store.level(2)
    world.store.holds = threading.Event()
    async with world.rules(_group(_DOUBLE)):
        world.time._patience_ms = 20
        await world.time.go_on(45)  # the first evaluation holds all the while
        world.store.holds.set()
        world.store.holds = None
        world.time._patience_ms = 5000
        await world.time.go_on(10)
    assert world.counted("group_iterations_missed_total") >= 2
    assert world.counted("evaluations_total") < world.counted("group_iterations_total")


async def test_files_are_read_again(world: World) -> None:
    world.store.level(5)
    async with world.rules(_group(_HIGH, _DOUBLE)) as service:
        await world.time.go_on(40)
        (before,) = service.groups("default")
        world.file.write_text(_group(_HIGH, _DOUBLE))
        await service.reload()
        assert service.groups("default") == [before]  # nothing has changed
        world.file.write_text(_group(_HIGH, "{record: triple, expr: level * 3}"))
        await service.reload()
        (after,) = service.groups("default")
        assert [str(alert.state) for alert in after.rules[0].alerts] == ["firing"]
        await world.time.go_on(10)
        assert world.store.values("double", world.time.now_ms) == {}
        assert world.store.values("triple", world.time.now_ms)
        world.file.write_text("groups: [{name: g, rules: [{record: x, expr: 'sum('}]}]")
        with pytest.raises(ConfigError, match="could not parse expression"):
            await service.reload()
        assert service.groups("default") == [after]
        world.file.write_text("")
        await service.reload()
        assert service.groups("default") == []
        await world.time.go_on(30)  # after two intervals
        assert world.store.values("triple", world.time.now_ms) == {}
        assert world.store.values("ALERTS", world.time.now_ms) == {}


def test_files_that_cannot_be_used_are_refused(world: World) -> None:
    world.file.write_text("groups: 1")

    def service() -> RuleService:
        return RuleService(
            RuleSources(
                {"default": [str(world.file)]}, Engine(), lambda _: world.store, world.store.write
            )
        )

    with pytest.raises(ConfigError, match="groups"):
        service()
