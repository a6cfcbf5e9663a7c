"""One group of tests: its series, the rules evaluated over them, and what is expected."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from belvedere.query.go_format import quote
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import EMPTY, Labels
from belvedere.query.promql.duration import format_duration
from belvedere.query.promql.engine import Engine
from belvedere.query.promql.errors import PromQLError
from belvedere.query.promql.memory_source import MemorySource
from belvedere.query.promql.series_notation import parse_histogram, parse_metric, parse_series
from belvedere.rules.evaluation.alert import AlertState
from belvedere.rules.evaluation.alerting import ALERT_NAME, AlertingRule
from belvedere.rules.evaluation.group import Group, Workings
from belvedere.rules.evaluation.vector import VectorSample, engine_query
from belvedere.rules.unit_tests.model import AlertTest, ExpectedSample, QueryTest, TestGroup
from belvedere.rules.unit_tests.report import (
    FiringAlert,
    TestedSample,
    alerts_text,
    samples_text,
)

T = TypeVar("T")

_INDENT = "    "


class _Series:
    """The series of a test, which appear as time goes on."""

    def __init__(self, tests: TestGroup, interval_ms: int) -> None:
        """Raises `ValueError` where a series cannot be read."""
        self.memory = MemorySource()
        self._waiting: list[tuple[int, Labels, float | NativeHistogram]] = []
        for each in tests.input_series:
            labels, points = parse_series(f"{each.series} {each.values}")
            self._waiting += [
                (tests.start_timestamp + at * interval_ms, labels, point.value)
                for at, point in enumerate(points)
                if point.value is not None
            ]
        self._waiting.sort(key=lambda sample: -sample[0])

    def go_on_to(self, time_ms: int) -> None:
        """Let all samples appear up to a time."""
        while self._waiting and self._waiting[-1][0] <= time_ms:
            at_ms, labels, value = self._waiting.pop()
            self.memory.add(labels, [(at_ms, value)])

    async def write(self, at_ms: int, samples: Sequence[VectorSample]) -> None:
        """See `Workings.write`."""
        for labels, value in samples:
            self.memory.add(labels, [(at_ms, value)])


async def _at_once(function: Callable[[], T]) -> T:
    return function()


async def run_group(
    tests: TestGroup,
    groups: Sequence[Group],
    engine: Engine,
    *,
    interval_ms: int,
    fuzzy: bool,
) -> list[str]:
    """What is other than expected.

    Args:
        tests: The tests.
        groups: Of rules, new, in the order of their evaluation.
        engine: Answers queries.
        interval_ms: Of evaluations.
        fuzzy: Whether the last bit of a value does not matter.
    """
    for test in tests.alert_rule_test:
        if not test.alertname:
            where = f" (in TestGroup {tests.name})" if tests.name else ""
            at = f"{format_duration(test.eval_time)}{where}"
            missing = "an item under alert_rule_test misses required attribute alertname"
            return [f"{missing} at eval_time {at}"]
    try:
        series = _Series(tests, tests.interval or interval_ms)
    except ValueError as error:
        return [f"{_INDENT}input_series: {error}"]
    query = engine_query(engine, lambda: series.memory)
    workings = Workings(query, _at_once, series.write, lambda _rule, _alerts: None)
    problems: list[str] = []
    for passed_ms in range(0, _last_ms(tests) + 1, interval_ms):
        at_ms = tests.start_timestamp + passed_ms
        series.go_on_to(at_ms)
        failures = await _evaluate(groups, at_ms, passed_ms, workings)
        if failures:
            return problems + failures
        due = sorted(
            (
                test
                for test in tests.alert_rule_test
                if passed_ms <= test.eval_time < passed_ms + interval_ms
            ),
            key=lambda test: test.eval_time,
        )
        for alert_test in due:
            problems += _check_alerts(tests.name, alert_test, groups)
    for query_test in tests.promql_expr_test:
        problems += _check_query(tests, query_test, query, fuzzy=fuzzy)
    return problems


async def _evaluate(
    groups: Sequence[Group], at_ms: int, passed_ms: int, workings: Workings
) -> list[str]:
    failures = []
    at = format_duration(passed_ms)
    for group in groups:
        await group.evaluate(at_ms, workings)
        failures += [
            f"{_INDENT}rule: {rule.name}, time: {at}, err: {rule.last_error}"
            for rule in group.rules
            if rule.last_error
        ]
    return failures


def _last_ms(tests: TestGroup) -> int:
    alert_tests = (test.eval_time for test in tests.alert_rule_test)
    query_tests = (test.eval_time for test in tests.promql_expr_test)
    return max((*alert_tests, *query_tests), default=0)


def _firing(groups: Sequence[Group], name: str) -> Iterator[FiringAlert]:
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, AlertingRule) and rule.name == name:
                for alert in rule.alerts:
                    if alert.state is AlertState.FIRING:
                        yield FiringAlert(alert.labels, alert.annotations)


def _check_alerts(group_name: str, test: AlertTest, groups: Sequence[Group]) -> list[str]:
    expected = sorted(
        FiringAlert(
            Labels({**alert.exp_labels, ALERT_NAME: test.alertname}),
            Labels(alert.exp_annotations),
        )
        for alert in test.exp_alerts
    )
    got = sorted(_firing(groups, test.alertname))
    if expected == got:
        return []
    named = f"{_INDENT}name: {group_name},\n" if group_name else ""
    what = f"alertname: {test.alertname}, time: {format_duration(test.eval_time)}, "
    shown = f"exp:{alerts_text(expected)}, \n{_INDENT * 2}got:{alerts_text(got)}"
    return [f"{named}{_INDENT}{what}\n{_INDENT * 2}{shown}"]


def _check_query(
    tests: TestGroup,
    test: QueryTest,
    query: Callable[[str, int], list[VectorSample]],
    *,
    fuzzy: bool,
) -> list[str]:
    what = f"{_INDENT}expr: {quote(test.expr)}, time: {format_duration(test.eval_time)},"
    try:
        expected = [_expected(sample) for sample in test.exp_samples]
        vector = query(test.expr, tests.start_timestamp + test.eval_time)
    except (PromQLError, ValueError) as error:
        return [f"{what} err: {error}"]
    got = [TestedSample(*sample) for sample in vector]
    expected.sort(key=lambda sample: sample.labels)
    got.sort(key=lambda sample: sample.labels)
    if len(expected) == len(got) and all(
        _same(left, right, fuzzy=fuzzy) for left, right in zip(expected, got, strict=True)
    ):
        return []
    shown = f"exp: {samples_text(expected)}\n{_INDENT * 2}got: {samples_text(got)}"
    return [f"{what}\n{_INDENT * 2}{shown}"]


def _expected(sample: ExpectedSample) -> TestedSample:
    labels = parse_metric(sample.labels) if sample.labels else EMPTY
    value = parse_histogram(sample.histogram)[0] if sample.histogram else sample.value
    return TestedSample(labels, value)


def _same(expected: TestedSample, got: TestedSample, *, fuzzy: bool) -> bool:
    left, right = expected.value, got.value
    if expected.labels != got.labels:
        return False
    if isinstance(left, NativeHistogram) or isinstance(right, NativeHistogram):
        return (
            isinstance(left, NativeHistogram)
            and isinstance(right, NativeHistogram)
            and left.compact().equals(right.compact())
        )
    near = (math.nextafter(left, -math.inf), math.nextafter(left, math.inf))
    return left == right or (fuzzy and right in near)
