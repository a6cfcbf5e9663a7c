"""Traces: requests of spans."""

import random
from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from payloads import shape
from payloads.request import Services, Times, attribute
from payloads.vocabulary import KEYS, SEED, SEQUENCE, SERVICES, values

_REQUESTS_PER_BLOCK: Final = 5
"""So many hold whole traces only: 5 x 512 spans are 256 traces."""
_SPANS_PER_BLOCK: Final = _REQUESTS_PER_BLOCK * shape.RECORDS_PER_REQUEST
_KINDS: Final = (
    Span.SPAN_KIND_SERVER,
    Span.SPAN_KIND_CLIENT,
    Span.SPAN_KIND_INTERNAL,
    Span.SPAN_KIND_PRODUCER,
    Span.SPAN_KIND_CONSUMER,
)
_STATUSES: Final = tuple(
    Span(status=status).SerializeToString()
    for status in (Status(), Status(code=Status.STATUS_CODE_OK), Status(code=2, message="timeout"))
)
_NO_STATUS: Final = b""


def requests(first: int, count: int, times: Times) -> Iterator[bytes]:
    """Requests `first` to `first + count`, of blocks that begin at multiples of five."""
    services = Services(SERVICES)
    for block in range(first // _REQUESTS_PER_BLOCK, -(-(first + count) // _REQUESTS_PER_BLOCK)):
        spans = list(_spans(block, times))
        for number in range(_REQUESTS_PER_BLOCK):
            if not first <= block * _REQUESTS_PER_BLOCK + number < first + count:
                continue
            records: dict[str, list[bytes]] = {service: [] for service in SERVICES}
            begin = number * shape.RECORDS_PER_REQUEST
            for service, span in spans[begin : begin + shape.RECORDS_PER_REQUEST]:
                records[service].append(span)
            yield services.request(records)


def _spans(block: int, times: Times) -> Iterator[tuple[str, bytes]]:
    """The spans of a block, in order of their sequence numbers: (service, serialized span)."""
    rng = np.random.default_rng([SEED, block])
    count = _SPANS_PER_BLOCK
    trace_ids = rng.bytes(16 * count // shape.SPANS_PER_TRACE)
    span_ids = rng.bytes(8 * count)
    operations = rng.integers(0, shape.OPERATIONS_PER_SERVICE, count).tolist()
    picks = rng.integers(0, shape.VALUES, (count, shape.ATTRIBUTES_PER_SPAN)).tolist()
    parents = rng.random(count).tolist()
    durations_ns = rng.lognormal(16, 1.2, count).astype(np.int64).tolist()  # 9 ms, to seconds
    delays_ns = rng.integers(0, 5_000_000, count).tolist()
    statuses = rng.choice(3, count, p=[0.9, 0.08, 0.02]).tolist()
    for index in range(count):
        trace, place = divmod(index, shape.SPANS_PER_TRACE)
        root = trace * shape.SPANS_PER_TRACE
        parent = root + int(parents[index] * place)
        sequence = block * count + index
        start_ns = times.of(block * count + root) + place * 1_000_000 + delays_ns[index]
        name, kind, attributes = _operation(place, operations[index])
        head = Span(
            trace_id=trace_ids[16 * trace : 16 * trace + 16],
            span_id=span_ids[8 * index : 8 * index + 8],
            parent_span_id=span_ids[8 * parent : 8 * parent + 8] if place else b"",
            name=name,
            kind=kind,
            start_time_unix_nano=start_ns,
            end_time_unix_nano=start_ns + durations_ns[index],
        )
        own = Span(attributes=[attribute(SEQUENCE, sequence)])
        yield (
            SERVICES[place],
            b"".join(
                (
                    head.SerializeToString(),
                    *[
                        serialized[pick]
                        for serialized, pick in zip(attributes, picks[index], strict=True)
                    ],
                    own.SerializeToString(),
                    _STATUSES[statuses[index]] if statuses[index] else _NO_STATUS,
                )
            ),
        )


@cache
def _operation(service: int, number: int) -> tuple[str, Span.SpanKind.ValueType, list[list[bytes]]]:
    """An operation's span name and kind, and for each of its keys all 1,000 attributes."""
    rng = random.Random(SEED + 100 * service + number)
    verb = rng.choice(("GET", "POST", "list", "get", "update", "publish", "process", "SELECT"))
    keys = sorted(rng.sample(range(len(KEYS)), shape.ATTRIBUTES_PER_SPAN))
    kind = _KINDS[0] if number < 6 else rng.choice(_KINDS)
    return f"{verb} {SERVICES[service]}/{number}", kind, [_attributes(key) for key in keys]


@cache
def _attributes(key: int) -> list[bytes]:
    return [
        Span(attributes=[attribute(KEYS[key], value)]).SerializeToString()
        for value in values(shape.VALUES)
    ]
