"""What is printed: JSON in production, columns in development, all ways to log alike."""

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_samples import FAILING, SAYINGS, Printed, Say
from opentelemetry.trace import Tracer, format_span_id, format_trace_id

from belvedere.sdk.logging import get_logger
from belvedere.sdk.logging.setup import configure

each_way = pytest.mark.parametrize("say", SAYINGS.values(), ids=SAYINGS)
each_failing_way = pytest.mark.parametrize("say", FAILING.values(), ids=FAILING)
in_production = pytest.mark.usefixtures("production")


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


@each_way
@in_production
def test_a_line_is_json_with_time_level_event_and_fields(say: Say, printed: Printed) -> None:
    before = datetime.now(UTC)
    say("agent created", agent_id="a1", tokens=3)
    line = printed.line
    assert before <= datetime.fromisoformat(line.pop("timestamp")) <= datetime.now(UTC)
    assert line == {
        "level": "info",
        "logger": "app",
        "service": "agentstack",
        "event": "agent created",
        "agent_id": "a1",
        "tokens": 3,
    }


@each_way
@in_production
def test_a_line_has_the_current_span(say: Say, printed: Printed, tracer: Tracer) -> None:
    with tracer.start_as_current_span("s") as span:
        say("inside")
    say("outside")
    inside, outside = printed.lines
    context = span.get_span_context()
    assert inside["trace_id"] == format_trace_id(context.trace_id)
    assert inside["span_id"] == format_span_id(context.span_id)
    assert {"trace_id", "span_id"}.isdisjoint(outside)


@each_way
@in_production
def test_a_line_has_the_context_variables(say: Say, printed: Printed) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1", tokens=1):
        say("hello", tokens=2)
    assert printed.line["request_id"] == "r1"
    assert printed.line["tokens"] == 2, "what the line says itself counts"


@each_failing_way
@in_production
def test_exceptions_are_structured_without_local_variables(say: Say, printed: Printed) -> None:
    def fail() -> None:
        password = "hunter2"
        try:
            os.environ[f"{len(password)} characters"]
        except KeyError as cause:
            raise ValueError("no such agent") from cause

    try:
        fail()
    except ValueError:
        say("failed")
    line = printed.line
    outer, cause = line["exception"]
    assert (line["level"], outer["exc_type"], outer["exc_value"]) == (
        *("error", "ValueError", "no such agent"),
    )
    assert (cause["exc_type"], cause["is_cause"]) == ("KeyError", True)
    assert outer["frames"][0]["name"].startswith("test_exceptions_are_structured")
    assert "hunter2" not in json.dumps(line)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"\xff", "b'\\xff'"),
        ({1: float("inf")}, {"1": "inf"}),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        ({"x"}, ["x"]),
        ({("a", 1): "b"}, {"('a', 1)": "b"}),
        (2**70, 2**70),
        ("\ud800 ü 🙂", "\ud800 ü 🙂"),
        (Unprintable(), "<Unprintable that cannot be printed>"),
        (ValueError("v"), "v"),
        (None, None),
    ],
    ids=lambda value: "" if isinstance(value, Unprintable) else ascii(value),
)
@in_production
def test_any_value_is_strict_json(value: object, shown: object, printed: Printed) -> None:
    get_logger("app").info("odd", value=value)
    assert printed.line["value"] == shown


@in_production
def test_a_value_that_contains_itself_ends(printed: Printed) -> None:
    loop: list[Any] = ["x"]
    loop.append(loop)
    get_logger("app").info("odd", value=loop)
    assert printed.line["value"][1][0] == "x"


@given(
    fields=st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.floats() | st.integers() | st.binary() | st.text(st.characters()),
            lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
            max_leaves=5,
        ),
        max_size=4,
    )
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@in_production
def test_whatever_the_fields_hold_the_line_is_one_line_of_strict_json(
    fields: Mapping[str, Any],
) -> None:
    with Printed() as printed:
        get_logger("app").bind(**fields).info("odd")
    assert printed.line["event"] == fields.get("event", "odd") or "event" in fields


@in_production
def test_fields_with_the_names_of_ours_are_kept_beside_them(printed: Printed) -> None:
    get_logger("app").info("x", level="high", timestamp=1, trace_id="theirs")
    line = printed.line
    assert (line["level"], line["level_"], line["timestamp_"]) == ("info", "high", 1)
    assert line["trace_id_"] == "theirs"


@in_production
def test_arguments_are_put_into_the_event(printed: Printed) -> None:
    get_logger("app").info("%s of %d", "one", 2)
    logging.getLogger("app").info("%s of %d", "one", 2)
    logging.getLogger("app").info("%d", "no number")
    assert [line["event"] for line in printed.lines] == [
        *("one of 2", "one of 2", "%d ('no number',)"),
    ]


@in_production
def test_the_stack_is_a_field_where_it_is_asked_for(printed: Printed) -> None:
    get_logger("app").info("x", stack_info=True)
    logging.getLogger("app").info("x", stack_info=True)
    for line in printed.lines:
        assert line["stack"].startswith("Stack (most recent call last):")
        assert "test_the_stack_is_a_field" in line["stack"].splitlines()[-2]


@in_production
async def test_tasks_log_their_own_context(printed: Printed, tracer: Tracer) -> None:
    async def work(number: int) -> str:
        structlog.contextvars.bind_contextvars(number=number)
        with tracer.start_as_current_span("s") as span:
            await asyncio.sleep(0)
            await get_logger("app").ainfo("working")
        return format_span_id(span.get_span_context().span_id)

    spans = await asyncio.gather(*(work(number) for number in range(3)))
    assert sorted((line["number"], line["span_id"]) for line in printed.lines) == [
        *enumerate(spans),
    ]


@pytest.mark.parametrize(
    ("environment", "terminal", "is_json"),
    [
        ("production", True, True),
        ("Staging", True, True),
        ("development", False, False),
        ("", True, False),
        ("", False, True),
        ("qa", False, True),
    ],
)
def test_people_and_machines_get_what_they_read(
    environment: str, *, terminal: bool, is_json: bool
) -> None:
    with Printed(terminal=terminal) as printed:
        undo = configure(None, environment=environment, level="info", service_name="")
        get_logger("app").info("agent created", agent_id="a1")
        undo()
    assert printed.getvalue().startswith("{") is is_json
    assert ("\x1b[" in printed.getvalue()) is (terminal and not is_json)


@each_failing_way
def test_in_development_a_line_is_readable(say: Say, printed: Printed, tracer: Tracer) -> None:
    undo = configure(None, environment="development", level="info", service_name="")
    with tracer.start_as_current_span("s") as span:
        try:
            int("no number")
        except ValueError:
            say("failed")
    undo()
    first, *_, last = printed.getvalue().splitlines()
    datetime.fromisoformat(first.split()[0])
    assert "[error" in first
    assert "failed" in first
    assert f"trace_id={format_trace_id(span.get_span_context().trace_id)}" in first
    assert last.startswith("ValueError: invalid literal")


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "no terminal"])
def test_lines_before_init_are_printed_from_info_on(*, terminal: bool) -> None:
    with Printed(terminal=terminal) as printed:
        log = get_logger("app")
        log.debug("not this")
        log.info("early", agent_id="a1")
        log.error("worse")
    lines = printed.getvalue().splitlines()
    assert len(lines) == 2
    assert "early" in lines[0]
    assert "a1" in lines[0]


@pytest.mark.parametrize("quiet", ["level", "disabled", "disable", "filter"])
def test_a_logger_that_was_silenced_is_silent_before_init_too(
    quiet: str, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("app")
    match quiet:
        case "level":
            monkeypatch.setattr(logger, "level", logging.ERROR)
        case "disabled":
            monkeypatch.setattr(logger, "disabled", True)
        case "disable":
            monkeypatch.setattr(logger.manager, "disable", logging.INFO)
        case "filter":
            monkeypatch.setattr(logger, "filters", [lambda _: False])
    get_logger("app").info("x")
    assert printed.getvalue() == ""


def test_the_name_of_a_logger_is_the_calling_modules() -> None:
    assert get_logger().name == __name__


def test_fields_of_the_logger_are_in_every_line(production: Any, printed: Printed) -> None:
    log = get_logger("app", component="worker").bind(job=1)
    log.info("started")
    assert (printed.line["component"], printed.line["job"]) == ("worker", 1)
