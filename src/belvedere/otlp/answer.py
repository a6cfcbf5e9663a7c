"""The answer to a request that was taken: all of it, or all but what was rejected."""

from typing import Final

import orjson
from google.protobuf import json_format

from belvedere.otlp.encoding import Encoding
from belvedere.otlp.signal import Signal

_REJECTED_FIELD: Final = {
    Signal.TRACES: "rejected_spans",
    Signal.METRICS: "rejected_data_points",
    Signal.LOGS: "rejected_log_records",
}
_FULL_SUCCESS: Final = {Encoding.PROTOBUF: b"", Encoding.JSON: b"{}"}


def success(signal: Signal, encoding: Encoding, *, rejected: int = 0, message: str = "") -> bytes:
    """A serialized `Export*ServiceResponse`.

    `partial_success` is set only if there is something to tell: items that were rejected, or a
    warning (`rejected` = 0 with a message), after the OTLP specification, "Partial Success".
    """
    if not rejected and not message:
        return _FULL_SUCCESS[encoding]
    response = signal.response_type()
    setattr(response.partial_success, _REJECTED_FIELD[signal], rejected)
    response.partial_success.error_message = message
    if encoding is Encoding.JSON:
        return orjson.dumps(json_format.MessageToDict(response))
    return response.SerializeToString()
