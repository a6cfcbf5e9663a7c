"""`belvedere.init`: arguments, variables, providers, the handle."""

import logging
import os
import socket
import sys
import threading
from typing import Any
from urllib.request import urlopen

import pytest
from opentelemetry import trace
from ports import free_port

import belvedere
from belvedere import SettingError, Telemetry
from belvedere.installation import install_command

QUIET: dict[str, Any] = {"isolated": True, "instrument": None}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def say(telemetry: Telemetry) -> None:
    with telemetry.tracer_provider.get_tracer("t").start_as_current_span("a span"):
        logging.getLogger("app").warning("a line")
    telemetry.meter_provider.get_meter("t").create_counter("a_counter").add(1)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_all_three_signals_arrive(grpc_receiver: Any, protocol: Any) -> None:
    endpoint = grpc_receiver.endpoint if protocol == "http" else grpc_receiver.grpc_endpoint
    with belvedere.init(
        "shop",
        service_version="1.2",
        environment="staging",
        endpoint=endpoint,
        protocol=protocol,
        headers={"x-tenant": "7"},
        resource_attributes={"team": "blue"},
        **QUIET,
    ) as telemetry:
        say(telemetry)
        assert telemetry.force_flush()
    assert grpc_receiver.spans == ["a span"]
    assert "a line" in grpc_receiver.bodies
    assert "a_counter" in grpc_receiver.metric_names
    expected = {
        "service.name": "shop",
        "service.version": "1.2",
        "deployment.environment.name": "staging",
        "team": "blue",
        "telemetry.distro.name": "belvedere",
    }
    for signal in ("traces", "metrics", "logs"):
        assert expected.items() <= grpc_receiver.resource(signal).items()
    assert {headers["x-tenant"] for headers in grpc_receiver.headers} == {"7"}


def test_variables_alone_are_enough(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=8")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-variable")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,k=v")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    with belvedere.init(**QUIET) as telemetry:
        say(telemetry)
    assert receiver.resource()["service.name"] == "from-variable"
    assert receiver.resource()["k"] == "v"
    assert receiver.headers[0]["x-tenant"] == "8"
    assert (receiver.bodies, receiver.metric_names) == ([], set())


def test_an_argument_precedes_its_variable(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-variable")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "otlp")
    with belvedere.init(
        "named", endpoint=receiver.endpoint, sampling_ratio=1.0, metrics="none", **QUIET
    ) as telemetry:
        say(telemetry)
    assert receiver.resource()["service.name"] == "named"
    assert receiver.metric_names == set()


def test_a_service_that_nobody_names_has_the_programs_name(
    receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/srv/billing.py", "--port", "1"])
    with belvedere.init(endpoint=receiver.endpoint, metrics="none", **QUIET) as telemetry:
        assert telemetry.resource.attributes["service.name"] == "billing"


@pytest.mark.parametrize(
    ("arguments", "variables", "description"),
    [
        pytest.param({}, {}, "AlwaysOnSampler", id="everything"),
        pytest.param({"environment": "production"}, {}, "TraceIdRatioBased{0.1}", id="production"),
        pytest.param(
            {},
            {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=production"},
            "TraceIdRatioBased{0.1}",
            id="production-by-variable",
        ),
        pytest.param(
            {"environment": "production", "sampling_ratio": 0.5},
            {},
            "TraceIdRatioBased{0.5}",
            id="argument",
        ),
        pytest.param(
            {"environment": "production"},
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            "TraceIdRatioBased{0.25}",
            id="variable",
        ),
    ],
)
def test_sampling(
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    variables: dict[str, str],
    description: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with belvedere.init(metrics="none", logs=False, **arguments, **QUIET) as telemetry:
        sampler = telemetry.tracer_provider.sampler
    assert sampler.get_description().startswith(f"ParentBased{{root:{description}")


def test_unsampled_spans_are_not_sent(receiver: Any) -> None:
    with belvedere.init(
        endpoint=receiver.endpoint, sampling_ratio=0, metrics="none", **QUIET
    ) as telemetry:
        say(telemetry)
    assert receiver.spans == []


def test_batches_by_variables(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "not a number")
    with belvedere.init(endpoint=receiver.endpoint, metrics="none", **QUIET) as telemetry:
        tracer = telemetry.tracer_provider.get_tracer("t")
        for number in range(7):
            tracer.start_span(str(number)).end()
    assert receiver.spans == [str(number) for number in range(7)]
    assert len(receiver.requests["traces"]) >= 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sampling_ratio": 2}, "from 0 to 1"),
        ({"protocol": "carrier-pigeon"}, "not known"),
        ({"endpoint": "ftp://x"}, "no address"),
        ({"metrics": "statsd"}, "there are otlp, prometheus and none"),
        ({"batch_size": 0}, "positive"),
        ({"batch_delay_s": -1}, "positive"),
        ({"queue_size": -1}, "positive"),
        ({"instrument": "fastapi"}, "a list of names"),
        ({"cardinality_limit": 0}, "cardinality_limit"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        belvedere.init(**{**QUIET, **arguments})


def test_a_variable_that_cannot_be_used_turns_only_that_off(
    receiver: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "nonsense://x")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", f"{receiver.endpoint}/v1/logs")
    with belvedere.init(metrics="none", **QUIET) as telemetry:
        say(telemetry)
    assert "a line" in receiver.bodies
    assert "traces: endpoint 'nonsense://x' is no address" in caplog.text


def test_an_extra_that_is_missing_is_one_line_and_turns_only_that_off(
    receiver: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "belvedere.sdk.metrics.prometheus", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.prometheus", None)
    metrics = ["prometheus", "otlp"]
    with belvedere.init("x", endpoint=receiver.endpoint, metrics=metrics, **QUIET) as telemetry:
        say(telemetry)
        telemetry.meter_provider.get_meter("m").create_counter("c").add(1)
    lines = [record for record in caplog.records if record.name == "belvedere.sdk"]
    assert len(lines) == 1
    assert lines[0].exc_info is None
    assert install_command("prometheus") in lines[0].getMessage()
    assert receiver.spans == ["a span"]
    assert "a line" in receiver.bodies
    assert receiver.resource("metrics")["service.name"] == "x"


def test_a_disabled_sdk_records_nothing(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with belvedere.init(endpoint=receiver.endpoint, **QUIET) as telemetry:
        say(telemetry)
        assert telemetry.force_flush()
    assert receiver.headers == []


def test_shutdown_is_safe_to_repeat_and_later_spans_are_ignored(receiver: Any) -> None:
    telemetry = belvedere.init(endpoint=receiver.endpoint, metrics="none", **QUIET)
    assert telemetry.shutdown()
    assert telemetry.shutdown()
    say(telemetry)
    assert receiver.spans == []


@pytest.mark.parametrize("end", ["force_flush", "shutdown"])
def test_metrics_that_nobody_takes_are_not_said_to_be_delivered(end: str) -> None:
    nowhere = "http://127.0.0.1:9"
    telemetry = belvedere.init(endpoint=nowhere, metrics="otlp", logs=False, **QUIET)
    telemetry.meter_provider.get_meter("t").create_counter("a_counter").add(1)
    assert getattr(telemetry, end)() is False
    telemetry.shutdown()


def test_a_receiver_that_hangs_at_the_end_is_all_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        telemetry = belvedere.init(endpoint=endpoint, metrics="otlp", logs=False, **QUIET)
        say(telemetry)
        assert not telemetry.shutdown(0.3)
    reader = [thread for thread in threading.enumerate() if "MetricReader" in thread.name]
    for thread in reader:
        thread.join(20)
    assert {record.name for record in caplog.records} <= {"app", "belvedere.sdk"}


def test_batches_of_any_exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    for signal in ("TRACES", "LOGS", "METRICS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none" if signal == "METRICS" else "console")
    with belvedere.init(batch_size=7, queue_size=70, batch_delay_s=0.5, **QUIET) as telemetry:
        tracer: Any = telemetry.tracer_provider
        logger: Any = telemetry.logger_provider
        for every in (
            tracer._active_span_processor._span_processors[0]._then,
            logger._multi_log_record_processor._log_record_processors,
        ):
            batch = every[-1]._batch_processor
            assert (batch._max_export_batch_size, batch._schedule_delay) == (7, 0.5)


def test_the_variable_serves_metrics_at_its_port_and_the_argument_does_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    port = str(free_port())
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus")
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", port)
    for signal in ("TRACES", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    page = f"http://127.0.0.1:{port}/metrics"
    with belvedere.init(metrics="prometheus", **QUIET), pytest.raises(OSError, match="refused"):
        urlopen(page)
    with belvedere.init(**QUIET) as telemetry:
        telemetry.meter_provider.get_meter("t").create_counter("a_counter").add(1)
        with urlopen(page) as answer:
            assert b"a_counter_total" in answer.read()
        with belvedere.init(**QUIET):  # the port is taken
            assert f"Cannot serve /metrics on 127.0.0.1:{port}" in caplog.text
    with pytest.raises(OSError, match="refused"):
        urlopen(page)


@pytest.mark.parametrize(
    "name",
    [
        "OTEL_CONFIG_FILE",
        "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
        "OTEL_PYTHON_TRACER_CONFIGURATOR",
    ],
)
def test_a_variable_that_does_nothing_here_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    with belvedere.init(metrics="none", logs=False, **QUIET):
        (line,) = caplog.messages
    assert line.startswith(f"{name} is set, which belvedere.init does not read: ")


def test_isolated_telemetry_leaves_the_global_provider_alone(receiver: Any) -> None:
    before = trace.get_tracer_provider()
    with belvedere.init(endpoint=receiver.endpoint, **QUIET):
        assert trace.get_tracer_provider() is before


def test_nobody_there_is_said_once_and_so_is_the_recovery(
    receiver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "belvedere.sdk")
    receiver.answers += [(503, b"", {"retry-after": "60"})] * 3
    with belvedere.init("x", endpoint=receiver.endpoint, **QUIET) as telemetry:
        say(telemetry)
        assert not telemetry.force_flush()
        while not telemetry.force_flush():  # until the answers are used up
            pass
        say(telemetry)
        assert telemetry.force_flush()
    lines = [record.getMessage() for record in caplog.records if record.name == "belvedere.sdk"]
    assert len(lines) == 2
    assert receiver.endpoint in lines[0]
    assert "belvedere up" in lines[0]
    assert "again" in lines[1]
    assert receiver.spans == ["a span", "a span"]


def test_a_refusal_is_said_once_a_signal(receiver: Any, caplog: pytest.LogCaptureFixture) -> None:
    receiver.answers += [(401, b"", {})] * 9
    with belvedere.init("x", endpoint=receiver.endpoint, metrics="none", **QUIET) as telemetry:
        for _ in range(3):
            say(telemetry)
            telemetry.force_flush()
    lines = [record.getMessage() for record in caplog.records if record.name == "belvedere.sdk"]
    assert sorted(line.rpartition("; ")[2] for line in lines) == [
        "its logs are lost.",
        "its traces are lost.",
    ]
    for line in lines:
        assert "HTTP 401" in line
        assert "OTEL_EXPORTER_OTLP_HEADERS" in line


def test_metrics_that_could_not_be_sent_go_with_the_next(receiver: Any) -> None:
    receiver.answers += [(503, b"", {})]
    with belvedere.init("x", endpoint=receiver.endpoint, logs=False, **QUIET) as telemetry:
        telemetry.meter_provider.get_meter("t").create_counter("a_counter").add(1)
        telemetry.meter_provider.force_flush()
        telemetry.meter_provider.force_flush()
        [request] = receiver.requests["metrics"]
    assert len(request.resource_metrics) == 2


def model_span(telemetry: belvedere.Telemetry, scope: str) -> Any:
    tracer = telemetry.tracer_provider.get_tracer(scope)
    attributes = {"gen_ai.operation.name": "chat"}
    return tracer.start_as_current_span(f"chat by {scope}", attributes=attributes)


@pytest.mark.parametrize(("ratio", "spans"), [(1.0, ["chat by outer"]), (0.0, [])])
def test_a_model_call_is_one_span_and_one_measurement(
    receiver: Any, ratio: float, spans: list[str]
) -> None:
    options: dict[str, Any] = {"endpoint": receiver.endpoint, "logs": False, "instrument": None}
    with (
        belvedere.init(isolated=True, sampling_ratio=ratio, **options) as telemetry,
        model_span(telemetry, "outer"),
        model_span(telemetry, "inner"),
    ):
        for scope in ("inner", "outer"):
            meter = telemetry.meter_provider.get_meter(scope)
            meter.create_histogram("gen_ai.client.token.usage").record(5)
    assert receiver.spans == spans
    scopes = [
        scope.scope.name
        for request in receiver.requests["metrics"]
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        if any(metric.name == "gen_ai.client.token.usage" for metric in scope.metrics)
    ]
    assert scopes == ["inner"]
