"""The public surface: what an application may rely on."""

import inspect
from typing import get_type_hints

import belvedere

PUBLIC = {
    "SettingError",
    "Telemetry",
    "__version__",
    "agent",
    "context",
    "feedback",
    "get_logger",
    "init",
    "metrics",
    "model_call",
    "retrieval",
    "score",
    "task",
    "tool",
    "workflow",
}


def test_the_names_are_these_and_all_are_there() -> None:
    assert set(belvedere.__all__) == PUBLIC
    assert all(getattr(belvedere, name) is not None for name in PUBLIC)
    assert set(dir(belvedere)) >= PUBLIC


def test_another_name_is_an_attribute_error() -> None:
    assert not hasattr(belvedere, "no_such_name")


def test_arguments_of_init() -> None:
    parameters = inspect.signature(belvedere.init).parameters
    assert list(parameters) == [
        "service_name",
        "service_version",
        "environment",
        "endpoint",
        "protocol",
        "headers",
        "sampling_ratio",
        "batch_delay_s",
        "batch_size",
        "queue_size",
        "resource_attributes",
        "metrics",
        "metric_interval_s",
        "cardinality_limit",
        "logs",
        "log_level",
        "instrument",
        "capture_content",
        "max_content_bytes",
        "redact",
        "pending_spans",
        "isolated",
    ]
    keyword_only = [p for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert len(keyword_only) == len(parameters) - 1
    assert get_type_hints(belvedere.init)["return"] is belvedere.Telemetry


def test_each_argument_of_init_is_documented() -> None:
    documentation = inspect.getdoc(belvedere.init) or ""
    assert all(
        f"    {name}:" in documentation for name in inspect.signature(belvedere.init).parameters
    )


def test_the_handle() -> None:
    members = {name for name in vars(belvedere.Telemetry) if not name.startswith("_")}
    assert members == {"ended", "force_flush", "shutdown"}
    with belvedere.init(isolated=True, instrument=None, metrics="none", logs=False) as telemetry:
        assert {name for name in vars(telemetry) if not name.startswith("_")} == {
            "instrumented",
            "logger_provider",
            "meter_provider",
            "resource",
            "tracer_provider",
        }
