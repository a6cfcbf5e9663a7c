"""`tail_sampling`: what is held, when it is decided about, and where it goes."""

import asyncio
from typing import Any

import pytest
from collector_samples import Recorder, events, until
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs
from telemetry_samples import items_of, resources_of, span, traces

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.processors.tail_sampling import TailSampling, outbox, processor, telemetry
from belvedere.collector.processors.tail_sampling.config import TailSamplingConfig
from belvedere.collector.processors.tail_sampling.trace import parts_of
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

KEEP = {
    "name": "keep",
    "type": "boolean_attribute",
    "boolean_attribute": {"key": "keep", "value": True},
}
ALL = {"name": "all", "type": "always_sample"}
DROP = {
    "name": "drop",
    "type": "drop",
    "drop": {"drop_sub_policy": [KEEP | {"name": "marked"}]},
}


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Sampler:
    """A processor with a clock that stands still."""

    def __init__(self, *outcomes: BaseException | None, **config: Any) -> None:
        self.recorder, self.clock = Recorder(*outcomes), Clock()
        model = TailSamplingConfig.model_validate(
            {"decision_wait": "10s", "policies": [KEEP], **config}
        )
        self.processor = TailSampling(model, Host("tail_sampling"), self.recorder, self.clock)

    async def take(self, *spans: Any, **of: Any) -> None:
        await self.processor.consume(traces(*spans, **of))

    async def after(self, seconds: float) -> list[str]:
        """The names of all spans that have been sent on by then."""
        self.clock.now_s += seconds
        await self.processor.tick()
        await asyncio.sleep(0)
        return self.names

    @property
    def names(self) -> list[str]:
        return sorted(item.name for batch in self.recorder.batches for item in items_of(batch))


def one(trace: int, name: str, *, keep: bool = False) -> Any:
    return span({"keep": True} if keep else {}, trace_id=bytes([trace]) * 16, name=name)


async def test_a_trace_is_decided_as_a_whole_when_its_time_has_come() -> None:
    sampler = Sampler()
    await sampler.take(one(1, "a"), one(2, "b"))
    assert await sampler.after(9) == []
    await sampler.take(one(1, "c", keep=True))
    assert await sampler.after(0.5) == []
    assert await sampler.after(0.5) == ["a", "c"]
    assert await sampler.after(100) == ["a", "c"]


async def test_spans_keep_resource_and_scope_and_project() -> None:
    sampler = Sampler(policies=[ALL])
    for project in ("p", "q"):
        await sampler.take(
            one(1, project), resource={"r": project}, scope=("lib", "1"), project=project
        )
    await sampler.after(10)
    assert [(b.project, resources_of(b)) for b in sampler.recorder.batches] == [
        ("p", [{"r": "p"}]),
        ("q", [{"r": "q"}]),
    ]
    (scope,) = sampler.recorder.batches[0].message.resource_spans[0].scope_spans  # type: ignore[union-attr] # a batch of traces
    assert (scope.scope.name, scope.scope.version) == ("lib", "1")


@pytest.mark.parametrize(
    ("keep", "expected"), [(True, ["early", "late"]), (False, [])], ids=["sampled", "not"]
)
async def test_late_spans_follow_the_decision_at_once(keep: bool, expected: list[str]) -> None:  # noqa: FBT001 - a parameter of a test
    sampler = Sampler()
    await sampler.take(one(1, "early", keep=keep))
    await sampler.after(10)
    await sampler.take(one(1, "late", keep=True))
    assert sampler.names == expected


async def test_late_spans_are_acknowledged_when_they_are_accepted() -> None:
    sampler = Sampler(None, Retryable("later"))
    await sampler.take(one(1, "early", keep=True))
    await sampler.after(10)
    with pytest.raises(Retryable, match="later"):
        await sampler.take(one(1, "late"), one(2, "new", keep=True))
    await sampler.take(one(1, "late"), one(2, "new", keep=True))
    assert await sampler.after(10) == ["early", "late", "late", "new"]


@pytest.mark.parametrize("cache", [{}, {"sampled_cache_size": 9}], ids=["none", "cache"])
async def test_decisions_are_remembered_for_as_many_traces_as_configured(
    cache: dict[str, int],
) -> None:
    sampler = Sampler(num_traces=2, decision_cache=cache)
    for number in (1, 2, 3):
        await sampler.take(one(number, f"early{number}", keep=True))
        await sampler.after(10)
    await sampler.take(one(1, "late1"))
    await sampler.take(one(3, "late3"))
    early = ["early1", "early2", "early3"]
    assert sampler.names == [*early, *(["late1"] if cache else []), "late3"]


async def test_more_traces_than_fit_are_decided_early() -> None:
    sampler = Sampler(num_traces=2)
    before = telemetry.DROPPED_TOO_EARLY._value.get()
    for number in (1, 2, 3):
        await sampler.take(one(number, str(number), keep=True))
    assert telemetry.DROPPED_TOO_EARLY._value.get() == before + 1
    assert await sampler.after(0) == ["1"]
    assert await sampler.after(10) == ["1", "2", "3"]


@pytest.mark.parametrize("first_match", [True, False])
async def test_drop_beats_sample(first_match: bool) -> None:  # noqa: FBT001 - a parameter of a test
    sampler = Sampler(policies=[ALL, DROP], sample_on_first_match=first_match)
    await sampler.take(one(1, "dropped", keep=True), one(2, "sampled"))
    assert await sampler.after(10) == ["sampled"]


async def test_the_first_match_ends_the_voting() -> None:
    votes = telemetry.TRACES_SAMPLED.labels("second", "true", "sampled")._value
    for first_match, counted in ((True, 0), (False, 1)):
        before = votes.get()
        sampler = Sampler(
            policies=[ALL, ALL | {"name": "second"}], sample_on_first_match=first_match
        )
        await sampler.take(one(1, "a"))
        await sampler.after(10)
        assert votes.get() - before == counted


async def test_a_policy_that_fails_has_no_vote() -> None:
    failing = {
        "name": "failing",
        "type": "ottl_condition",
        "ottl_condition": {"span": ['Substring(attributes["keep"], 0, 1) == "x"']},
    }
    before = telemetry.EVALUATION_ERROR._value.get()
    sampler = Sampler(policies=[failing, ALL])
    await sampler.take(one(1, "a", keep=True))
    assert await sampler.after(10) == ["a"]
    assert telemetry.EVALUATION_ERROR._value.get() == before + 1


async def test_sampled_spans_are_sent_until_they_are_accepted() -> None:
    sampler = Sampler(Retryable("later", after_s=0.001), Retryable("again", after_s=0.001))
    await sampler.take(one(1, "a", keep=True))
    await sampler.after(10)
    await until(lambda: len(sampler.recorder.batches) == 3)
    await sampler.processor.shutdown()
    assert len({batch.data for batch in sampler.recorder.batches}) == 1


async def test_what_will_never_be_accepted_is_given_up_and_said() -> None:
    sampler = Sampler(Permanent("too bad"))
    await sampler.take(one(1, "a", keep=True))
    with capture_logs() as logs:
        await sampler.after(10)
        await sampler.processor.shutdown()
    assert events(logs, "error") == ["sampled_spans_refused"]


async def test_new_spans_are_refused_while_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_MAX_WAITING_BYTES", 1)
    sampler = Sampler()
    sampler.recorder.gate.clear()
    await sampler.take(one(1, "a", keep=True))
    await sampler.after(10)
    with pytest.raises(Retryable, match="wait to be accepted"):
        await sampler.take(one(2, "b"))
    sampler.recorder.gate.set()
    await sampler.processor.shutdown()


@pytest.mark.parametrize("drop", [False, True])
async def test_shutdown_decides_about_what_waits(drop: bool) -> None:  # noqa: FBT001 - a parameter of a test
    sampler = Sampler(drop_pending_traces_on_shutdown=drop)
    await sampler.processor.start()
    await sampler.take(one(1, "a", keep=True), one(2, "b"))
    await sampler.processor.shutdown()
    assert sampler.names == ([] if drop else ["a"])
    with pytest.raises(Retryable, match="shutting down"):
        await sampler.take(one(1, "c"))


async def test_shutdown_does_not_wait_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "_FLUSH_S", 0.001)
    sampler = Sampler()
    sampler.recorder.gate.clear()
    await sampler.take(one(1, "a", keep=True))
    with capture_logs() as logs:
        await sampler.processor.shutdown()
    assert events(logs, "error") == ["sampled_spans_lost_at_stop"]


async def test_time_comes_by_itself() -> None:
    recorder = Recorder()
    config = TailSamplingConfig.model_validate({"decision_wait": "1ms", "policies": [ALL]})
    sampler = TailSampling(config, Host("tail_sampling/x"), recorder)
    await sampler.start()
    await sampler.consume(traces({}))
    await until(lambda: bool(recorder.batches))
    await sampler.shutdown()


SPANS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), max_size=12)
"""Trace, resource and scope of each span."""


def batch_of(spans: list[tuple[int, int, int]]) -> Batch:
    request = Signal.TRACES.request_type()
    for number, (trace, resource, scope) in enumerate(spans):
        batch = traces(one(trace, f"{number}"), resource={"r": resource}, scope=(str(scope), ""))
        request.MergeFromString(batch.data)
    return Batch.of(Signal.TRACES, request)


@settings(deadline=None, max_examples=50)
@given(SPANS)
def test_parts_have_each_span_once_with_its_trace_and_resource(
    spans: list[tuple[int, int, int]],
) -> None:
    batch = batch_of(spans)
    found = []
    for trace_id, part in parts_of(batch).items():
        message: Any = Signal.TRACES.request_type.FromString(part.data)
        inside = [
            (
                each.trace_id[0],
                entry.resource.attributes[0].value.int_value,
                int(scope.scope.name),
                each.name,
            )
            for entry in message.resource_spans
            for scope in entry.scope_spans
            for each in scope.spans
        ]  # fmt: skip - one tuple
        assert {trace for trace, *_ in inside} == {trace_id[0]}
        assert len(inside) == part.spans
        found += inside
    expected = [(*each, f"{number}") for number, each in enumerate(spans)]
    assert sorted(found) == sorted(expected)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(SPANS, st.floats(0, 12)), max_size=8), st.integers(1, 4))
async def test_nothing_that_is_sampled_is_lost_or_doubled(
    steps: list[tuple[list[tuple[int, int, int]], float]], num_traces: int
) -> None:
    sampler = Sampler(policies=[ALL], num_traces=num_traces)
    for spans, pause_s in steps:
        await sampler.processor.consume(batch_of(spans))
        await sampler.after(pause_s)
    await sampler.processor.shutdown()
    assert len(sampler.names) == sum(len(spans) for spans, _ in steps)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "Field required"),
        ({"policies": []}, "at least one entry"),
        ({"policies": [ALL, ALL]}, "two policies have the same name"),
        ({"policies": [ALL], "decision_wait": "0s"}, "greater than 0"),
        ({"policies": [ALL], "num_traces": 0}, "greater than 0"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TailSamplingConfig.model_validate(config)
