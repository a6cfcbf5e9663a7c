"""Logs: requests of log records of about a given size."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from payloads import shape
from payloads.request import Services, Times, attribute
from payloads.vocabulary import SEED, SEQUENCE, SERVICES, templates, values

_BESIDES_BODY_BYTES: Final = 168
"""Ids, times, severity, attributes and the protobuf around them."""
_SEVERITIES: Final = ((5, "DEBUG"), (9, "INFO"), (13, "WARN"), (17, "ERROR"))
_VARIABLES: Final = values(shape.VALUES)


def requests(first: int, count: int, times: Times, *, record_bytes: int) -> Iterator[bytes]:
    """Requests `first` to `first + count`, of records of about `record_bytes`."""
    services = Services(SERVICES)
    texts = templates(shape.LOG_TEMPLATES, record_bytes - _BESIDES_BODY_BYTES)
    slots = [text.count("%s") for text in texts]
    for number in range(first, first + count):
        yield services.request(_records(number, times, texts, slots))


def _records(
    request: int, times: Times, texts: tuple[str, ...], slots: list[int]
) -> dict[str, list[bytes]]:
    rng = np.random.default_rng([SEED, request])
    count = shape.RECORDS_PER_REQUEST
    trace_ids = rng.bytes(16 * (count // shape.LOG_LINES_PER_TRACE))
    span_ids = rng.bytes(8 * count)
    templates_of = rng.integers(0, len(texts), count).tolist()
    severities = rng.choice(4, count, p=[0.2, 0.65, 0.1, 0.05]).tolist()
    variables = rng.integers(0, 2 * len(_VARIABLES), (count, max(slots))).tolist()
    records: dict[str, list[bytes]] = {service: [] for service in SERVICES}
    for index in range(count):
        sequence = request * count + index
        template = templates_of[index]
        trace = index // shape.LOG_LINES_PER_TRACE
        severity, severity_text = _SEVERITIES[severities[index]]
        time_ns = times.of(sequence)
        filling = [_variable(pick, sequence) for pick in variables[index][: slots[template]]]
        record = LogRecord(
            time_unix_nano=time_ns,
            observed_time_unix_nano=time_ns + 150_000,
            severity_number=severity,
            severity_text=severity_text,
            body=AnyValue(string_value=texts[template] % tuple(filling)),
            attributes=[
                attribute("code.function.name", f"handle_{template % 40}"),
                attribute("thread.name", f"worker-{template % 16}"),
                attribute("tenant.id", f"tenant-{variables[index][0] % 50}"),
                attribute(SEQUENCE, sequence),
            ],
            flags=1,
            trace_id=trace_ids[16 * trace : 16 * trace + 16],
            span_id=span_ids[8 * index : 8 * index + 8],
        )
        service = SERVICES[template % len(SERVICES)]
        records[service].append(record.SerializeToString())
    return records


def _variable(pick: int, sequence: int) -> str:
    """One of the 1,000 values or, as often, a number that hardly ever comes again."""
    if pick < len(_VARIABLES):
        return _VARIABLES[pick]
    return f"{(pick * 2_654_435_761 + sequence * 40_503) % 100_000_000:08d}"
