"""`Batch`: who may change its parsed request, and what joining leaves alone."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_strategies import trace_request

from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import ExportRequest, Signal

REQUEST = trace_request({"name": "a"}, {"name": "b"})


def batch(request: ExportTraceServiceRequest = REQUEST) -> Batch:
    return Batch.of(
        Signal.TRACES, ExportTraceServiceRequest.FromString(request.SerializeToString())
    )


def spoil(message: ExportRequest) -> None:
    del message.resource_spans[:]  # type: ignore[union-attr] # of traces


def test_the_parsed_request_is_taken_once() -> None:
    tested = batch()
    first = tested.message
    assert tested.take_message() is first
    spoil(first)
    assert tested.take_message() == tested.message == REQUEST


def test_a_request_that_is_given_back_is_not_parsed_again() -> None:
    tested = batch()
    message = tested.take_message()
    tested.give_back(message)
    assert tested.message is message


def test_what_one_holder_does_others_do_not_see() -> None:
    tested = batch()
    holders = [tested.shared(), tested.shared()]
    spoil(holders[0].take_message())
    assert holders[0].message == holders[1].message == tested.message == REQUEST


@pytest.mark.parametrize("parts", [1, 2])
def test_joined_batches_stay_what_they_are(parts: int) -> None:
    batches = [batch() for _ in range(parts)]
    joined = Batch.joined(batches)
    assert joined.items == 2 * parts
    spoil(joined.take_message())
    assert [each.message for each in batches] == [REQUEST] * parts


@pytest.mark.parametrize(("size", "is_kept"), [(10, True), (1 << 20, False)])
def test_of_a_large_request_that_waits_only_bytes_are_kept(size: int, *, is_kept: bool) -> None:
    tested = batch(trace_request({"name": "x" * size}))
    message = tested.message
    tested.forget_large()
    assert (tested.message is message) == is_kept
    assert tested.message == message


def test_other_bytes_of_the_same_items() -> None:
    tested = Batch(Signal.TRACES, b"", 2, "p", {"a": ("b",)}).with_data(REQUEST.SerializeToString())
    assert (tested.message, tested.items, tested.project) == (REQUEST, 2, "p")
    assert tested.metadata == {"a": ("b",)}
