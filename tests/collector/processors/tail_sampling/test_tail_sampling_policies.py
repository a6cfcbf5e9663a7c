"""The policies of `tail_sampling`, one by one and combined."""

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import ValidationError
from telemetry_samples import span, traces

from belvedere.collector.processors.tail_sampling.decision import PolicyError, Vote, is_sampled
from belvedere.collector.processors.tail_sampling.policies.make import evaluator
from belvedere.collector.processors.tail_sampling.policy import TopPolicy
from belvedere.collector.processors.tail_sampling.trace import Trace

MS = 10**6
YES, NO = Vote.SAMPLED, Vote.NOT_SAMPLED
INVERT_YES, INVERT_NO = Vote.INVERT_SAMPLED, Vote.INVERT_NOT_SAMPLED


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def policy(kind: str, section: Any = None, **of: Any) -> TopPolicy:
    sections = {} if section is None else {kind: section}
    return TopPolicy.model_validate({"name": "p", "type": kind, **sections, **of})


def trace(
    *spans: Any, resource: dict[str, Any] | None = None, trace_id: bytes = b"t" * 16
) -> Trace:
    batch = traces(*spans, resource=resource)
    return Trace(trace_id, 0, [batch.data], batch.items)


def vote(on: Trace, kind: str, section: Any = None, clock: Clock | None = None) -> Vote:
    return evaluator(policy(kind, section), clock or Clock()).vote(on)


SLOW = trace(
    span(start_time_unix_nano=5 * MS, end_time_unix_nano=8 * MS),
    span(start_time_unix_nano=3 * MS, end_time_unix_nano=6 * MS),
)
"""Of 5 ms, of which no span lasts longer than 3 ms."""
TAGGED = trace(
    {"s": "value1", "n": 42, "d": 1.5, "b": True, "e": ""},
    {"s": "other", "n": -1},
    resource={"service.name": "shop", "zone": 3},
)
ERROR = trace(span(), span(status=Status(code=Status.STATUS_CODE_ERROR)))
STATE = trace(span(), span(trace_state="a=1, key=v=1"))
EVENT = trace(span(name="a", events=[Span.Event(name="boom")]))


@pytest.mark.parametrize(
    ("on", "kind", "section", "expected"),
    [
        (SLOW, "always_sample", None, YES),
        (SLOW, "latency", {"threshold_ms": 5}, YES),
        (SLOW, "latency", {"threshold_ms": 6}, NO),
        (SLOW, "latency", {"threshold_ms": 4, "upper_threshold_ms": 5}, YES),
        (SLOW, "latency", {"threshold_ms": 5, "upper_threshold_ms": 9}, NO),
        (SLOW, "latency", {"threshold_ms": 1, "upper_threshold_ms": 4}, NO),
        (TAGGED, "numeric_attribute", {"key": "n", "min_value": 42, "max_value": 42}, YES),
        (TAGGED, "numeric_attribute", {"key": "n", "min_value": 43}, NO),
        (TAGGED, "numeric_attribute", {"key": "n", "max_value": -1}, YES),
        (TAGGED, "numeric_attribute", {"key": "d", "min_value": 1, "max_value": 2}, YES),
        (TAGGED, "numeric_attribute", {"key": "zone", "min_value": 3}, YES),
        (TAGGED, "numeric_attribute", {"key": "s", "max_value": 9}, NO),
        (
            TAGGED,
            "numeric_attribute",
            {"key": "n", "min_value": 40, "invert_match": True},
            INVERT_NO,
        ),
        (
            TAGGED,
            "numeric_attribute",
            {"key": "n", "min_value": 50, "invert_match": True},
            INVERT_YES,
        ),
        (TAGGED, "string_attribute", {"key": "s", "values": ["value1", "x"]}, YES),
        (TAGGED, "string_attribute", {"key": "s", "values": ["value"]}, NO),
        (TAGGED, "string_attribute", {"key": "e", "values": [""]}, NO),
        (TAGGED, "string_attribute", {"key": "service.name", "values": ["shop"]}, YES),
        (
            TAGGED,
            "string_attribute",
            {"key": "s", "values": ["val.*"], "enabled_regex_matching": True},
            YES,
        ),
        (
            TAGGED,
            "string_attribute",
            {"key": "s", "values": ["^alue"], "enabled_regex_matching": True},
            NO,
        ),
        (
            TAGGED,
            "string_attribute",
            {"key": "s", "values": ["other"], "invert_match": True},
            INVERT_NO,
        ),
        (
            TAGGED,
            "string_attribute",
            {"key": "none", "values": ["x"], "invert_match": True},
            INVERT_YES,
        ),
        (TAGGED, "boolean_attribute", {"key": "b", "value": True}, YES),
        (TAGGED, "boolean_attribute", {"key": "b", "value": False}, NO),
        (TAGGED, "boolean_attribute", {"key": "n", "value": False}, NO),
        (TAGGED, "boolean_attribute", {"key": "b", "value": True, "invert_match": True}, INVERT_NO),
        (ERROR, "status_code", {"status_codes": ["ERROR"]}, YES),
        (ERROR, "status_code", {"status_codes": ["UNSET"]}, YES),
        (ERROR, "status_code", {"status_codes": ["OK"]}, NO),
        (STATE, "trace_state", {"key": "key", "values": ["v=1"]}, YES),
        (STATE, "trace_state", {"key": "a", "values": ["2", "1"]}, YES),
        (STATE, "trace_state", {"key": "k", "values": ["1"]}, NO),
        (trace(span(), span(flags=1)), "trace_flags", None, YES),
        (trace(span(flags=2)), "trace_flags", None, NO),
        (SLOW, "span_count", {"min_spans": 2}, YES),
        (SLOW, "span_count", {"min_spans": 3}, NO),
        (SLOW, "span_count", {"min_spans": 1, "max_spans": 1}, NO),
        (
            TAGGED,
            "ottl_condition",
            {"span": ['attributes["n"] == 41', 'attributes["n"] == -1']},
            YES,
        ),
        (TAGGED, "ottl_condition", {"span": ['attributes["n"] == 41']}, NO),
        (TAGGED, "ottl_condition", {"span": ['resource.attributes["zone"] == 3']}, YES),
        (EVENT, "ottl_condition", {"spanevent": ['name == "boom"']}, YES),
        (EVENT, "ottl_condition", {"span": ['name == "boom"'], "spanevent": ['name == "x"']}, NO),
    ],
    ids=repr,
)  # fmt: skip - one row a case reads as a table
def test_policies(on: Trace, kind: str, section: Any, expected: Vote) -> None:
    assert vote(on, kind, section) is expected


def test_a_share_of_the_traces() -> None:
    ids = [bytes([n % 256, n // 256]) * 8 for n in range(2000)]
    section = {"sampling_percentage": 30}
    sampled = {
        each for each in ids if vote(trace({}, trace_id=each), "probabilistic", section) is YES
    }
    assert len(sampled) == pytest.approx(600, rel=0.15)
    more = {"sampling_percentage": 60}
    assert all(vote(trace({}, trace_id=each), "probabilistic", more) is YES for each in sampled)
    salted = section | {"hash_salt": "other"}
    assert any(vote(trace({}, trace_id=each), "probabilistic", salted) is NO for each in sampled)


@pytest.mark.parametrize(
    ("percentage", "trace_id", "expected"),
    [
        (0, "00000000000000000000000000000001", NO),
        (100, "00000000000000000000000000000001", YES),
        (1000, "00000000000000000000000000000001", YES),
    ],
)
def test_all_or_none(percentage: float, trace_id: str, expected: Vote) -> None:
    on = trace({}, trace_id=bytes.fromhex(trace_id))
    assert vote(on, "probabilistic", {"sampling_percentage": percentage}) is expected


@pytest.mark.parametrize(
    ("kind", "section", "size"),
    [
        ("rate_limiting", {"spans_per_second": 2}, 2),
        ("rate_limiting", {"spans_per_second": 2, "burst_capacity": 4}, 2),
        ("bytes_limiting", {"bytes_per_second": SLOW.size_bytes}, SLOW.size_bytes),
        (
            "bytes_limiting",
            {"bytes_per_second": SLOW.size_bytes, "burst_capacity": 2 * SLOW.size_bytes},
            SLOW.size_bytes,
        ),
    ],
    ids=repr,
)
def test_rates(kind: str, section: dict[str, Any], size: int) -> None:
    """Two traces fit at once, then one a second."""
    clock = Clock()
    limit = evaluator(policy(kind, section), clock)
    assert size in (SLOW.span_count, SLOW.size_bytes)
    votes = []
    for pause_s in (0, 0, 0, 0.5, 0.5, 0, 60, 0, 0):
        clock.now_s += pause_s
        votes.append(limit.vote(SLOW) is YES)
    assert votes == [True, True, False, False, True, False, True, True, False]


def test_a_trace_larger_than_the_burst_never_fits() -> None:
    assert vote(SLOW, "rate_limiting", {"spans_per_second": 0}) is NO
    assert vote(SLOW, "rate_limiting", {"spans_per_second": 9, "burst_capacity": 1}) is NO


def named(name: str, kind: str, section: Any = None) -> dict[str, Any]:
    return {"name": name, "type": kind} | ({} if section is None else {kind: section})


MATCH = named("match", "string_attribute", {"key": "s", "values": ["value1"]})
MISS = named("miss", "string_attribute", {"key": "s", "values": ["none"]})
INVERT_MATCH = named(
    "im", "string_attribute", {"key": "s", "values": ["none"], "invert_match": True}
)


@pytest.mark.parametrize(
    ("kind", "section", "expected"),
    [
        ("and", {"and_sub_policy": [MATCH, MATCH | {"name": "b"}]}, YES),
        ("and", {"and_sub_policy": [MATCH, MISS]}, NO),
        ("and", {"and_sub_policy": [MATCH, INVERT_MATCH]}, YES),
        ("and", {"and_sub_policy": [MATCH, named("n", "not", {"not_sub_policy": MISS})]}, YES),
        ("not", {"not_sub_policy": MATCH}, NO),
        ("not", {"not_sub_policy": MISS}, YES),
        ("drop", {"drop_sub_policy": [MATCH]}, Vote.DROPPED),
        ("drop", {"drop_sub_policy": [MATCH, MISS]}, NO),
    ],
    ids=repr,
)
def test_combinations(kind: str, section: Any, expected: Vote) -> None:
    assert vote(TAGGED, kind, section) is expected


def composite(**of: Any) -> dict[str, Any]:
    return {
        "max_total_spans_per_second": 10,
        "composite_sub_policy": [MATCH, named("rest", "always_sample")],
        **of,
    }


@pytest.mark.parametrize(
    ("section", "matching", "others"),
    [
        (composite(), 2, 2),
        (composite(rate_allocation=[{"policy": "match", "percent": 80}]), 4, 1),
        (composite(rate_allocation=[{"policy": "match", "percent": 100}]), 5, 0),
        (composite(rate_allocation=[{"policy": "match", "percent": 0}]), 2, 2),
        (composite(policy_order=["rest"]), 2, 0),
    ],
    ids=["equal", "left", "nothing-left", "zero-is-equal", "order"],
)
def test_composite_divides_a_rate(section: Any, matching: int, others: int) -> None:
    """How many traces of two spans are sampled in one second; then a new one begins."""
    clock = Clock()
    combined = evaluator(policy("composite", section), clock)
    other = trace({}, {})
    for _ in range(2):
        sampled = [sum(combined.vote(on) is YES for _ in range(9)) for on in (TAGGED, other)]
        assert sampled == [matching, others]
        clock.now_s += 1


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        (set(), False),
        ({YES, NO}, True),
        ({YES, Vote.DROPPED}, False),
        ({YES, INVERT_NO}, False),
        ({INVERT_YES}, True),
        ({INVERT_YES, NO}, False),
        ({INVERT_YES, YES, NO}, True),
        ({NO}, False),
    ],
    ids=lambda v: "+".join(sorted(e.name for e in v)) if isinstance(v, set) else repr(v),
)
def test_decisions_follow_from_votes(votes: set[Vote], expected: bool) -> None:  # noqa: FBT001 - a parameter of a test
    assert is_sampled(votes) == expected


@pytest.mark.parametrize(
    ("mode", "fails"), [("", True), ("propagate", True), ("ignore", False), ("silent", False)]
)  # fmt: skip - one row
def test_errors_of_conditions(mode: str, fails: bool) -> None:  # noqa: FBT001 - a parameter of a test
    section = {"error_mode": mode, "span": ['Substring(attributes["n"], 0, 1) == "x"']}
    try:
        assert vote(TAGGED, "ottl_condition", section) is NO
        failed = False
    except PolicyError:
        failed = True
    assert failed == fails


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (named("p", "guess"), "'guess' is no type of policy here: always_sample"),
        (named("", "always_sample"), "at least 1 character"),
        (named("p", "latency"), "the policy p needs the section latency"),
        (named("p", "always_sample") | {"latency": {}}, "does not use latency"),
        (
            named(
                "p",
                "string_attribute",
                {"key": "k", "values": ["("], "enabled_regex_matching": True},
            ),
            "RE2",
        ),
        (named("p", "status_code", {"status_codes": ["BAD"]}), "'OK', 'ERROR' or 'UNSET'"),
        (named("p", "status_code", {"status_codes": []}), "at least one entry"),
        (named("p", "ottl_condition", {}), "span or spanevent is required"),
        (named("p", "ottl_condition", {"span": ["nonsense("]}), "nonsense"),
        (
            named("p", "and", {"and_sub_policy": [named("d", "drop")]}),
            "no type of policy here",
        ),
        (named("p", "composite", composite(policy_order=["x"])), "has no policy 'x'"),
        (
            named(
                "p",
                "composite",
                composite(
                    rate_allocation=[
                        {"policy": "match", "percent": 90},
                        {"policy": "rest", "percent": 20},
                    ]
                ),
            ),
            "more than 100",
        ),
        (named("p", "bytes_limiting", {"bytes_per_second": 0}), "greater than 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip - one row a case reads as a table
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TopPolicy.model_validate(config)
