"""`probabilistic_sampler`: who is kept, and what the kept ones carry."""

import random
from typing import Any

import pytest
from collector_samples import Recorder
from pydantic import ValidationError
from telemetry_samples import attributes_of, items_of, logs, span, traces

from belvedere.collector.component import Host
from belvedere.collector.processors.probabilistic_sampler import ProbabilisticSampler
from belvedere.collector.processors.probabilistic_sampler.config import ProbabilisticSamplerConfig
from belvedere.collector.processors.probabilistic_sampler.telemetry import SAMPLED
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

HALF = bytes.fromhex("00000000000000000080000000000000")
"""A trace id of randomness 80000000000000."""
RANDOM = random.Random(7)
IDS = [RANDOM.randbytes(16) for _ in range(4000)]


async def sampled(batch: Batch, **config: Any) -> list[Any]:
    """The items that are kept."""
    recorder = Recorder()
    model = ProbabilisticSamplerConfig.model_validate(config)
    await ProbabilisticSampler(model, Host("sampler"), recorder).consume(batch)
    return [item for each in recorder.batches for item in items_of(each)]


async def state_after(trace_id: bytes, state: str, **config: Any) -> str | None:
    """The trace state of a span that is kept; None if it is dropped."""
    kept = await sampled(traces(span(trace_id=trace_id, trace_state=state)), **config)
    return kept[0].trace_state if kept else None


def reference_fnv(data: bytes) -> int:
    state = 2166136261
    for byte in data:
        state = (state ^ byte) * 16777619 % 2**32
    return state


@pytest.mark.parametrize(("percentage", "seed"), [(10, 0), (10, 22), (33.3, 1), (99.99, 5)])
async def test_hash_seed_decides_as_older_collectors_do(percentage: float, seed: int) -> None:
    batch = traces(*(span(trace_id=each) for each in IDS))
    kept = await sampled(batch, sampling_percentage=percentage, hash_seed=seed)
    buckets = int(percentage * 163.84)
    expected = [
        each for each in IDS if reference_fnv(seed.to_bytes(4, "little") + each) & 0x3FFF < buckets
    ]
    assert [each.trace_id for each in kept] == expected
    assert len(kept) == pytest.approx(len(IDS) * percentage / 100, rel=0.15)


@pytest.mark.parametrize("mode", ["hash_seed", "proportional", "equalizing"])
async def test_more_is_a_superset_of_less(mode: str) -> None:
    batch = traces(*(span(trace_id=each) for each in IDS))
    kept = [
        {each.trace_id for each in await sampled(batch, mode=mode, sampling_percentage=share)}
        for share in (1, 10, 50, 100)
    ]
    assert kept[0] < kept[1] < kept[2] < kept[3] == set(IDS)


async def test_what_hash_seed_writes_makes_others_decide_the_same() -> None:
    kept = await sampled(
        traces(*(span(trace_id=each) for each in IDS)), sampling_percentage=10, hash_seed=22
    )
    assert all(each.trace_state.endswith(";th:e668") for each in kept)
    again = await sampled(traces(*kept), mode="equalizing", sampling_percentage=10)
    assert {each.trace_id for each in kept} >= {each.trace_id for each in again}
    assert len(again) >= len(kept) * 0.98


@pytest.mark.parametrize(
    ("mode", "percentage", "before", "after"),
    [
        ("proportional", 100, "", "ot=th:0"),
        ("proportional", 50, "", "ot=th:8"),
        ("proportional", 49, "", None),
        ("proportional", 50, "ot=rv:90000000000000;th:0", "ot=rv:90000000000000;th:8"),
        ("proportional", 50, "ot=rv:C0000000000000;th:8", "ot=rv:C0000000000000;th:c"),
        ("proportional", 50, "ot=th:8", None),
        ("proportional", 50, "ot=rv:ffffffffffffff;th:ffffffffffffff", None),
        ("equalizing", 50, "ot=th:8", "ot=th:8"),
        ("equalizing", 75, "ot=th:8", "ot=th:8"),
        ("equalizing", 75, "", "ot=th:4"),
        ("equalizing", 25, "ot=th:8", None),
        ("equalizing", 25, "ot=rv:d0000000000000;th:8", "ot=rv:d0000000000000;th:c"),
        ("equalizing", 50, "a=b, ot=x:y;th:4 ,c@d=e f", "ot=th:8;x:y,a=b,c@d=e f"),
        ("equalizing", 50, "ot=th:9", None),
        ("equalizing", 50, "ot=th:xyz", None),
        ("equalizing", 50, "ot=rv:1", None),
        ("equalizing", 50, "not a state", None),
        ("equalizing", 50, "OT=th:0", None),
        ("equalizing", 50, f"a={'b' * 257}", None),
        ("equalizing", 50, ",".join(f"a{n}=b" for n in range(33)), None),
        ("hash_seed", 100, "ot=th:8", None),
        ("hash_seed", 100, "ot=rv:80000000000000", None),
    ],
)
async def test_trace_states(mode: str, percentage: float, before: str, after: str | None) -> None:
    assert await state_after(HALF, before, mode=mode, sampling_percentage=percentage) == after


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [
        ("equalizing", "ot=th:9", "ot=th:0"),
        ("equalizing", "not a state", "not a state"),
        ("hash_seed", "ot=th:8", "ot=th:8"),
    ],
)
async def test_failing_open(mode: str, before: str, after: str) -> None:
    config = {"mode": mode, "sampling_percentage": 1, "fail_closed": False}
    assert await state_after(HALF, before, **config) == after


@pytest.mark.parametrize("precision", [1, 2, 5])
async def test_precision(precision: int) -> None:
    config = {"mode": "equalizing", "sampling_percentage": 100 / 3, "sampling_precision": precision}
    state = await state_after(b"\xff" * 16, "", **config)
    assert state == "ot=th:" + "a" * (precision - 1) + "b"


@pytest.mark.parametrize("mode", ["hash_seed", "proportional", "equalizing"])
@pytest.mark.parametrize(
    ("priority", "percentage", "kept"),
    [
        (0, 100, False),
        (1, 0, True),
        (0.0, 100, False),
        ("2", 0, True),
        ("no", 0, False),
        (-1, 100, True),
    ],
    ids=str,
)  # fmt: skip - one row
async def test_priority_of_spans(mode: str, priority: Any, percentage: float, kept: bool) -> None:  # noqa: FBT001 - a parameter of a test
    batch = traces({"sampling.priority": priority})
    assert bool(await sampled(batch, mode=mode, sampling_percentage=percentage)) == kept


@pytest.mark.parametrize(
    ("config", "attributes", "trace_id", "kept"),
    [
        ({}, {}, b"\x01" * 16, True),
        ({}, {}, b"", False),
        ({"from_attribute": "id"}, {"id": "x"}, b"", True),
        ({"from_attribute": "id"}, {"id": 5}, b"", True),
        ({"from_attribute": "id"}, {"id": b"\x01"}, b"", True),
        ({"from_attribute": "id"}, {"id": ""}, b"", False),
        ({"from_attribute": "id"}, {}, b"", False),
        ({"attribute_source": "record"}, {}, b"\x01" * 16, False),
        ({"fail_closed": False}, {}, b"", True),
        ({"mode": "equalizing"}, {}, b"\x01" * 16, True),
        ({"mode": "equalizing"}, {}, b"", False),
        ({"mode": "equalizing"}, {"sampling.randomness": "ffffffffffffff"}, b"", True),
        ({"mode": "equalizing"}, {"sampling.randomness": "no"}, b"\x01" * 16, False),
        ({"mode": "hash_seed"}, {"sampling.randomness": "ffffffffffffff"}, b"\x01" * 16, False),
    ],
    ids=repr,
)
async def test_where_log_records_have_their_randomness(
    config: dict[str, Any],
    attributes: dict[str, Any],
    trace_id: bytes,
    kept: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    batch = logs(attributes, trace_id=trace_id)
    assert bool(await sampled(batch, sampling_percentage=100, **config)) == kept


async def test_log_records_with_the_same_attribute_go_together() -> None:
    ids = [str(n) for n in range(500)]
    config = {
        "sampling_percentage": 20,
        "attribute_source": "record",
        "from_attribute": "id",
        "hash_seed": 3,
    }
    kept = await sampled(logs(*({"id": each} for each in ids for _ in range(2))), **config)
    names = [each.attributes[0].value.string_value for each in kept]
    assert names[::2] == names[1::2]
    assert 50 < len(names[::2]) < 150


async def test_what_kept_log_records_carry() -> None:
    batch = logs({}, {"sampling.threshold": "4"}, trace_id=b"\xff" * 16)
    recorder = Recorder()
    for config in (
        {"mode": "equalizing", "sampling_percentage": 50},
        {"mode": "proportional", "sampling_percentage": 50},
    ):
        model = ProbabilisticSamplerConfig.model_validate(config)
        await ProbabilisticSampler(model, Host("sampler"), recorder).consume(batch)
    assert [attributes_of(each) for each in recorder.batches] == [
        [{"sampling.threshold": "8"}, {"sampling.threshold": "8"}],
        [{"sampling.threshold": "8"}, {"sampling.threshold": "a"}],
    ]
    (hashed,) = await sampled(logs({}, trace_id=b"\x01" * 16), sampling_percentage=100)
    assert sorted(each.key for each in hashed.attributes) == [
        "sampling.randomness",
        "sampling.threshold",
    ]


@pytest.mark.parametrize(
    ("priority", "percentage", "kept"),
    [
        (0, 100, False),
        (100, 0, True),
        (250.5, 0, True),
        ("100", 0, False),
        (None, 100, True),
        (1, 100, False),
    ],
    ids=str,
)
async def test_priority_of_log_records(priority: Any, percentage: float, kept: bool) -> None:  # noqa: FBT001 - a parameter of a test
    attributes = {} if priority is None else {"p": priority}
    batch = logs(attributes, trace_id=HALF)
    config = {"mode": "equalizing", "sampling_priority": "p"}
    assert bool(await sampled(batch, sampling_percentage=percentage, **config)) == kept


async def test_decisions_are_counted() -> None:
    counter = SAMPLED[Signal.TRACES]

    def count(policy: str, outcome: str) -> float:
        return float(counter.labels(policy, outcome)._value.get())

    before = count("trace_id_hash", "true"), count("sampling_priority", "false")
    await sampled(traces({}, {}, {"sampling.priority": 0}), sampling_percentage=100)
    after = count("trace_id_hash", "true"), count("sampling_priority", "false")
    assert after == (before[0] + 2, before[1] + 1)


async def test_nothing_is_handed_on_when_nothing_is_kept() -> None:
    recorder = Recorder()
    config = ProbabilisticSamplerConfig(sampling_percentage=0)
    await ProbabilisticSampler(config, Host("sampler"), recorder).consume(traces({}))
    assert recorder.batches == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "Field required"),
        ({"sampling_percentage": -1}, "from 0 on"),
        ({"sampling_percentage": float("inf")}, "from 0 on"),
        ({"sampling_percentage": 1e-16}, "least percentage"),
        ({"sampling_percentage": 1, "mode": "fair"}, "hash_seed"),
        ({"sampling_percentage": 1, "hash_seed": 1 << 32}, "less than"),
        ({"sampling_percentage": 1, "sampling_precision": 15}, "less than or equal to 14"),
        ({"sampling_percentage": 1, "attribute_source": "x"}, "traceID"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ProbabilisticSamplerConfig.model_validate(config)
