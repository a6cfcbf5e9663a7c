"""What an OTLP peer's answers mean (OTLP specification 1.11: responses, failures, throttling)."""

import email.utils
import time
from typing import Any

import structlog
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)

_REJECTED_FIELDS = {
    Signal.TRACES: "rejected_spans",
    Signal.METRICS: "rejected_data_points",
    Signal.LOGS: "rejected_log_records",
}


def rejected_items(batch: Batch, answer: bytes, exporter_id: str) -> int:
    """How many items a successful answer rejects; what the peer says about it goes to the log.

    An answer that cannot be read is a success, as its status said.
    """
    try:
        partial: Any = batch.signal.response_type.FromString(answer).partial_success
    except DecodeError:
        log.warning("answer_is_no_otlp", component=exporter_id)
        return 0
    rejected = int(getattr(partial, _REJECTED_FIELDS[batch.signal]))
    if rejected or partial.error_message:
        log.warning(
            "peer_rejected_items" if rejected else "peer_warns",
            component=exporter_id,
            rejected=rejected,
            message=partial.error_message,
        )
    return min(max(rejected, 0), batch.items)


def read_status(data: bytes) -> Status | None:
    """The `google.rpc.Status` of an error; None if it is none."""
    try:
        return Status.FromString(data)
    except DecodeError:
        return None


def retry_delay_s(status: Status | None) -> float | None:
    """The delay of the `RetryInfo` in a status; None if there is none."""
    info = RetryInfo()
    for detail in status.details if status else ():
        try:
            if detail.Unpack(info):
                return max(0.0, float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9))
        except DecodeError:
            return None
    return None


def retry_after_s(value: str | None) -> float | None:
    """The delay of a `Retry-After` header: seconds or a date (RFC 9110); None if it is neither."""
    if not value:
        return None
    if value.isascii() and value.strip().isdigit():
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
        return max(0.0, date.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
