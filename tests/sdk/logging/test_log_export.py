"""What goes out by OTLP: the same lines, each once, whatever the application configured."""

import json
import logging
import logging.config
import pickle
import queue
import warnings
from collections.abc import Callable
from logging.handlers import QueueHandler
from typing import Any

import pytest
import structlog
from log_samples import FAILING, SAYINGS, Exported, Printed, Say
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler, LogRecordLimits
from opentelemetry.sdk._logs.export import (
    InMemoryLogRecordExporter,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.trace import Tracer

from belvedere.sdk.logging import get_logger
from belvedere.sdk.logging.line import line_of
from belvedere.sdk.logging.otlp import Sink, severity_number
from belvedere.sdk.logging.setup import configure

each_way = pytest.mark.parametrize("say", SAYINGS.values(), ids=SAYINGS)
each_failing_way = pytest.mark.parametrize("say", FAILING.values(), ids=FAILING)
in_production = pytest.mark.usefixtures("production")


@each_way
@in_production
def test_body_attributes_severity_and_span(say: Say, exported: Exported, tracer: Tracer) -> None:
    with tracer.start_as_current_span("s") as span:
        say("agent created", agent_id="a1", usage={"tokens": [1, 2]})
    [record] = exported.records
    assert (record.body, record.severity_text) == ("agent created", "INFO")
    assert record.severity_number is SeverityNumber.INFO
    assert record.trace_id == span.get_span_context().trace_id
    assert record.span_id == span.get_span_context().span_id
    attributes = dict(record.attributes)
    assert attributes.pop("code.file.path").endswith("log_samples.py")
    assert attributes.pop("code.function.name") == "<lambda>"
    assert attributes.pop("code.line.number") > 0
    assert attributes == {"agent_id": "a1", "usage": {"tokens": (1, 2)}}
    [scope] = [each.instrumentation_scope for each in exported.exporter.get_finished_logs()]
    assert scope is not None
    assert scope.name == "app"


@each_failing_way
@in_production
def test_exceptions_are_attributes(say: Say, exported: Exported) -> None:
    try:
        json.loads("{")
    except json.JSONDecodeError:
        say("failed")
    [record] = exported.records
    attributes = record.attributes
    assert (record.body, record.severity_text) == ("failed", "ERROR")
    assert attributes["exception.type"] == "json.decoder.JSONDecodeError"
    assert attributes["exception.message"].startswith("Expecting property")
    assert attributes["exception.stacktrace"].startswith("Traceback (most recent call last):")


@in_production
def test_levels(exported: Exported) -> None:
    logging.getLogger("app").warning("w")
    get_logger("app").critical("c")
    assert [(r.severity_text, r.severity_number) for r in exported.records] == [
        ("WARN", SeverityNumber.WARN),
        ("FATAL", SeverityNumber.FATAL),
    ]


@pytest.mark.parametrize(
    ("level", "number"),
    [(0, 0), (5, 1), (10, 5), (13, 8), (19, 8), (20, 9), (25, 12), (30, 13), (50, 21), (99, 24)],
)
def test_severity_numbers(level: int, number: int) -> None:
    assert severity_number(level) is SeverityNumber(number)


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        2**64,
        -(2**63) - 1,
        {"\ud800": {1: "\udfff"}},
        pytest.param(object(), id="object"),
        {2**80},
        None,
        b"\xff",
    ],
    ids=ascii,
)
@in_production
def test_no_value_fails_the_batch_it_is_in(value: object, exported: Exported) -> None:
    get_logger("app").info("odd", value=value)
    get_logger("app").info(value)  # type: ignore[arg-type] # wrong on purpose
    assert len(exported.records) == 2
    assert encode_logs(exported.exporter.get_finished_logs()).SerializeToString()


# What applications do to logging, before or after init.


def _basic() -> None:
    logging.basicConfig(level=logging.INFO, format="app: %(message)s")


def _basic_forced() -> None:
    logging.basicConfig(level=logging.INFO, format="app: %(message)s", force=True)


def _dict() -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"f": {"format": "app: %(message)s"}},
            "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}},
            "root": {"level": "INFO", "handlers": ["h"]},
        }
    )


def _own_handler() -> None:
    """As uvicorn does it."""
    logger = logging.getLogger("app")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("app: %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)


CONFIGURATIONS = {f.__name__.strip("_"): f for f in (_basic, _basic_forced, _dict, _own_handler)}


@each_way
@pytest.mark.parametrize("first", ["application", "belvedere"])
@pytest.mark.parametrize("theirs", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_once_printed_as_the_application_wants_and_once_exported(
    theirs: Callable[[], None], first: str, say: Say, exported: Exported, printed: Printed
) -> None:
    if first == "application":
        theirs()
    undo = configure(exported.provider, environment="production", level="info", service_name="")
    if first == "belvedere":
        theirs()
    handlers = logging.getLogger().handlers[:]
    say("hello")
    undo()
    assert printed.getvalue() == "app: hello\n"
    assert exported.bodies == ["hello"]
    assert logging.getLogger().handlers == handlers
    logging.getLogger("app").info("after the undo")
    assert printed.getvalue() == "app: hello\napp: after the undo\n"
    assert exported.bodies == ["hello"]


@in_production
def test_handlers_of_the_application_show_the_fields(printed: Printed) -> None:
    _basic()
    get_logger("app").info("hello", agent_id="a1")
    assert printed.getvalue() == "app: hello agent_id='a1'\n"


@in_production
def test_a_library_that_is_silent_by_default_is_printed(
    exported: Exported, printed: Printed
) -> None:
    """Its NullHandler says that it leaves printing to the application."""
    logging.getLogger("app").addHandler(logging.NullHandler())
    logging.getLogger("app").info("hello")
    assert printed.line["event"] == "hello"
    assert exported.bodies == ["hello"]


@in_production
def test_opentelemetrys_handler_on_the_same_provider_has_done_it(
    exported: Exported, printed: Printed
) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        handler = LoggingHandler(logger_provider=exported.provider)
    logging.getLogger("app").addHandler(handler)
    logging.getLogger("app").info("hello")
    assert exported.bodies == ["hello"]
    assert printed.line["event"] == "hello", "it exports, but it does not print"


def test_structlog_as_the_application_configured_it_stays(
    exported: Exported, printed: Printed
) -> None:
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=logging.getLogger,
    )
    theirs = structlog.get_config()
    undo = configure(exported.provider, environment="production", level="info", service_name="")
    structlog.get_logger("app").info("hello", agent_id="a1")
    get_logger("app").info("ours")
    undo()
    assert structlog.get_config() == theirs
    assert [line["event"] for line in printed.lines] == ["hello", "ours"]
    assert [dict(record.attributes).get("agent_id") for record in exported.records] == ["a1", None]
    assert exported.bodies == ["hello", "ours"]


class LogsItself(LogRecordExporter):
    """An exporter that logs, as exporters and what they send with do, and then fails."""

    def __init__(self) -> None:
        self.calls = 0

    def export(self, _batch: Any) -> LogRecordExportResult:
        self.calls += 1
        for name in ("opentelemetry.exporter.x", "belvedere.sdk", "urllib3.connectionpool", "app"):
            logging.getLogger(name).warning("exporting")
        raise RuntimeError("exporter fails")

    def shutdown(self) -> None:
        pass

    def force_flush(self, *_: Any, **__: Any) -> bool:
        return True


def test_an_exporter_that_logs_does_not_export_that(printed: Printed) -> None:
    exporter = LogsItself()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    undo = configure(provider, environment="production", level="info", service_name="")
    get_logger("app").info("hello")
    undo()
    assert exporter.calls == 1
    events = [line["event"] for line in printed.lines]
    assert events[:1] + events[-1:] == ["hello", "Exception while exporting logs."]
    assert events.count("exporting") == 4


def test_a_provider_that_fails_breaks_nothing_and_is_said_once(printed: Printed) -> None:
    class Broken(LoggerProvider):
        def get_logger(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("broken")

    undo = configure(
        Broken(shutdown_on_exit=False), environment="production", level="info", service_name=""
    )
    for _ in range(3):
        get_logger("app").info("hello")
    undo()
    events = [line["event"] for line in printed.lines]
    assert events == ["hello", "Could not export a log line (said once)", "hello", "hello"]


def test_a_handler_of_the_application_that_raises_raises_and_the_line_is_exported(
    production: Any, exported: Exported
) -> None:
    class Raising(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            raise ZeroDivisionError

    logging.getLogger("app").addHandler(Raising())
    with pytest.raises(ZeroDivisionError):
        logging.getLogger("app").info("hello")
    assert exported.bodies == ["hello"]


@in_production
def test_a_record_that_is_handled_again_is_exported_once(exported: Exported) -> None:
    """As a process does with the records of its children."""
    record = logging.getLogger("app").makeRecord("app", 20, "f", 1, "hello", (), None)
    logging.getLogger("app").handle(record)
    logging.getLogger("other").handle(record)
    assert exported.bodies == ["hello"]


@in_production
def test_a_record_that_came_through_a_queue_is_exported_once(exported: Exported) -> None:
    """As the logging cookbook has it: a process hands its records to another, which handles them.

    The queue's copy is made before the record is exported.
    """
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    sends = logging.getLogger("app")
    handler = QueueHandler(records)
    sends.addHandler(handler)
    try:
        sends.warning("hello %s", "you")
    finally:
        sends.removeHandler(handler)
    received = pickle.loads(pickle.dumps(records.get(timeout=10)))  # noqa: S301 - as of a process
    logging.getLogger(received.name).handle(received)
    assert exported.bodies == ["hello you"]


def test_two_configurations_share_the_console_and_export_to_each_provider(
    production: Callable[[], None], exported: Exported, printed: Printed
) -> None:
    other = Exported()
    undo = [
        configure(provider, environment="production", level="info", service_name="second")
        for provider in (other.provider, exported.provider)
    ]
    get_logger("app").info("to both")
    for each in undo * 2:
        each()
    get_logger("app").info("to the first")
    assert [(line["event"], line["service"]) for line in printed.lines] == [
        ("to both", "second"),
        ("to the first", "agentstack"),
    ]
    assert other.bodies == ["to both"]
    assert exported.bodies == ["to both", "to the first"]


def test_the_undo_gives_everything_back() -> None:
    before = logging.Logger.callHandlers, logging.getLogger().level, structlog.is_configured()
    undo = configure(None, environment="", level="debug", service_name="")
    during = logging.Logger.callHandlers, logging.getLogger().level, structlog.is_configured()
    undo()
    after = logging.Logger.callHandlers, logging.getLogger().level, structlog.is_configured()
    assert after == before
    assert during[0] is not before[0]
    assert during[1:] == (logging.DEBUG, True)


def test_a_hook_of_others_that_came_later_stays(
    printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Sentry hooks in; then ours is there, does nothing, and works again when asked."""
    seen: list[str] = []
    first, again = Exported(), Exported()
    undo = configure(first.provider, environment="production", level="info", service_name="")
    ours = logging.Logger.callHandlers

    def theirs(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.getMessage())
        ours(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(logging.Logger, "callHandlers", theirs)
        logging.getLogger("app").warning("one")
        undo()
        assert logging.Logger.callHandlers is theirs
        logging.getLogger("app").warning("two")
        undo = configure(again.provider, environment="production", level="info", service_name="")
        logging.getLogger("app").warning("three")
    undo()
    assert seen == ["one", "two", "three"]
    assert (first.bodies, again.bodies) == (["one"], ["three"])


@pytest.mark.parametrize(
    ("theirs", "effective"),
    [
        (lambda: None, "DEBUG"),
        (_basic, "INFO"),
        (lambda: logging.getLogger().setLevel(40), "ERROR"),
    ],
    ids=["not configured", "handlers", "a level"],
)
def test_levels_of_the_application_stay(theirs: Callable[[], None], effective: str) -> None:
    theirs()
    undo = configure(None, environment="", level="debug", service_name="")
    level = logging.getLevelName(logging.getLogger("app").getEffectiveLevel())
    undo()
    assert level == effective


def test_an_unknown_level_is_said_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="No log level 'loud': use debug, info"):
        configure(None, environment="", level="loud", service_name="")


def emitted(limits: LogRecordLimits) -> dict[str, Any]:
    """The attributes of a line, through a provider with these limits."""
    kept = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False, log_record_limits=limits)
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    made = logging.makeLogRecord({"name": "app", "levelno": 20, "long": "abcdef"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK tells of attributes that it dropped
        Sink(provider).emit(made, line_of(made))
    [exported] = kept.get_finished_logs()
    return dict(exported.log_record.attributes or {})


def test_limits_of_the_provider_are_applied() -> None:
    assert len(emitted(LogRecordLimits())) == 4
    assert len(emitted(LogRecordLimits(max_log_record_attributes=3))) == 3
    assert emitted(LogRecordLimits(max_log_record_attribute_length=3))["long"] == "abc"
