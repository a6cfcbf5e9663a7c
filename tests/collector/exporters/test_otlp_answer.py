"""Answers of peers that are not what they should be."""

import pytest
from collector_samples import batch_of
from google.rpc.status_pb2 import Status
from hypothesis import example, given
from hypothesis import strategies as st
from otlp_peers import status_with_delay
from structlog.testing import capture_logs

from belvedere.collector.exporters.otlp_answer import (
    read_status,
    rejected_items,
    retry_after_s,
    retry_delay_s,
)
from belvedere.otlp.signal import Signal


def broken_detail() -> Status:
    status = status_with_delay(1)
    status.details[0].value = b"\xff"
    return status


def foreign_detail() -> Status:
    status = Status()
    status.details.add().Pack(Status(message="x"))
    return status


@pytest.mark.parametrize(
    ("status", "delay_s"),
    [
        pytest.param(status_with_delay(1.25), 1.25, id="delay"),
        pytest.param(status_with_delay(-1), 0, id="negative"),
        pytest.param(Status(message="x"), None, id="no-details"),
        pytest.param(foreign_detail(), None, id="another-detail"),
        pytest.param(broken_detail(), None, id="broken-detail"),
        pytest.param(None, None, id="no-status"),
    ],
)
def test_retry_delay(status: Status | None, delay_s: float | None) -> None:
    assert retry_delay_s(status) == delay_s


@given(st.binary())
def test_any_bytes_are_an_answer(data: bytes) -> None:
    with capture_logs():
        assert 0 <= rejected_items(batch_of(Signal.TRACES, range(3)), data, "x") <= 3
    delay_s = retry_delay_s(read_status(data))
    assert delay_s is None or delay_s >= 0


@example("²")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@given(st.text())
def test_any_text_is_a_retry_after(text: str) -> None:
    seconds = retry_after_s(text)
    assert seconds is None or seconds >= 0
