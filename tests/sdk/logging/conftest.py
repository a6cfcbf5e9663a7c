"""Logging as a process has it that has configured nothing, in each test."""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import structlog
from log_samples import Exported, Printed
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer

from belvedere.sdk.logging import hook, setup
from belvedere.sdk.logging.setup import configure


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Without pytest's handlers and its standard error, which are there while a test runs."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    root.handlers.clear()
    try:
        with getattr(item, "funcargs", {}).get("printed", nullcontext()):
            return (yield)
    finally:
        root.handlers[:] = handlers


@pytest.fixture(autouse=True)
def _unconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root, named = logging.getLogger(), logging.getLogger("app")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", logging.WARNING)
    monkeypatch.setattr(named, "handlers", [])
    monkeypatch.setattr(named, "propagate", True)
    monkeypatch.setattr(named, "level", logging.NOTSET)
    root.manager._clear_cache()  # type: ignore[attr-defined] # levels that loggers remember
    structlog.reset_defaults()
    hook.last_resort.cache_clear()
    yield
    for left in hook._configurations:  # of a test that failed
        hook.remove(left)
    setup._restore.clear()
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def printed() -> Printed:
    """Standard error while the test runs."""
    return Printed()


@pytest.fixture
def exported() -> Exported:
    return Exported()


@pytest.fixture
def production(exported: Exported) -> Iterator[Callable[[], None]]:
    """Configured as `init` does it in production; the undo."""
    undo = configure(
        exported.provider, environment="production", level="info", service_name="agentstack"
    )
    yield undo
    undo()


@pytest.fixture
def tracer() -> Tracer:
    return TracerProvider(shutdown_on_exit=False).get_tracer("t")
