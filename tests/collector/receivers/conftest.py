"""Fixtures of the receivers' tests."""

import logging
from collections.abc import Callable, Iterator

import pytest
from otlp_doors import Doors
from structlog.testing import capture_logs
from structlog.typing import EventDict


@pytest.fixture
def open_doors() -> Iterator[Callable[..., Doors]]:
    """Opens receivers (see `Doors`), which are closed after the test."""
    opened: list[Doors] = []

    def open_doors(**config: object) -> Doors:
        opened.append(Doors(**config))  # type: ignore[arg-type]  # keys of a configuration
        return opened[-1]

    yield open_doors
    for doors in opened:
        doors.close()


@pytest.fixture
def doors(open_doors: Callable[..., Doors]) -> Doors:
    """A receiver with the default configuration."""
    return open_doors()


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """What is logged through structlog."""
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def no_complaints(logged: list[EventDict], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails a test that leaves an error or a traceback in the log, ours or a library's."""
    yield
    assert [entry for entry in logged if entry["log_level"] in ("error", "critical")] == []
    records = caplog.get_records("call")
    assert [each for each in records if each.exc_info or each.levelno >= logging.ERROR] == []
