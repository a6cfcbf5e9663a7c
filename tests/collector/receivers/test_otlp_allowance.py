"""How many parsed requests are under way at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from otlp_strategies import trace_request

from belvedere.collector.receivers.otlp.allowance import Allowance
from belvedere.collector.receivers.otlp.intake import Intake, Request
from belvedere.otlp.batch import Batch
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.signal import Signal


def test_leases_share_what_there_is_and_give_it_back() -> None:
    allowance = Allowance(10)
    with allowance.lease() as first, allowance.lease() as second:
        assert [first.take(6), second.take(6), second.take(4), first.take(1)] == [
            True,
            False,
            True,
            False,
        ]
    assert not first.take(1)
    assert allowance.left_bytes == 10


@pytest.mark.parametrize(
    ("allowed_bytes", "size", "is_parsed"),
    [(4 << 20, 2 << 20, True), (1 << 20, 2 << 20, False), (0, 10, True)],
    ids=["within", "beyond", "small"],
)
async def test_requests_go_on_parsed_as_far_as_is_allowed(
    allowed_bytes: int, size: int, *, is_parsed: bool
) -> None:
    allowance, seen = Allowance(allowed_bytes), list[Batch]()

    class Consumer:
        async def consume(self, batch: Batch) -> None:
            seen.append(batch)
            if is_parsed and size > 1 << 20:
                assert allowance.left_bytes < allowed_bytes

    with ThreadPoolExecutor(1) as large:
        intake = Intake(
            Signal.TRACES,
            Consumer(),
            receiver="otlp",
            transport="grpc",
            limit_bytes=8 << 20,
            large=large,
            parsed=allowance,
        )
        body = trace_request({"name": "x" * size}).SerializeToString()
        await intake.take(Request(body, "", Encoding.PROTOBUF, "default", {}))
    assert (seen[0]._message is not None) == is_parsed
    assert allowance.left_bytes == allowed_bytes
