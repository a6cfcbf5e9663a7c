"""`belvedere.init`: from arguments and variables to working telemetry."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics.view import View
from opentelemetry.util.types import AnyValue

from belvedere.sdk import settings
from belvedere.sdk.errors import SettingError
from belvedere.sdk.instrument.activate import activate
from belvedere.sdk.lifecycle import forget, watch
from belvedere.sdk.pipelines import Added, Where, add_logs, add_metrics, add_spans, serve_metrics
from belvedere.sdk.providers import Providers, providers
from belvedere.sdk.resource import environment_of, resource
from belvedere.sdk.sampling import sampler
from belvedere.sdk.telemetry import Telemetry

_log = logging.getLogger("belvedere.sdk")
_one_at_a_time = threading.Lock()
_current: Telemetry | None = None
_launcher: str | None = None


def init(
    service_name: str | None = None,
    *,
    service_version: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    protocol: Literal["grpc", "http"] | None = None,
    headers: Mapping[str, str] | None = None,
    sampling_ratio: float | None = None,
    batch_delay_s: float | None = None,
    batch_size: int | None = None,
    queue_size: int | None = None,
    resource_attributes: Mapping[str, AnyValue] | None = None,
    metrics: str | Sequence[str] | None = None,
    metric_interval_s: float | None = None,
    cardinality_limit: int = 2000,
    logs: bool = True,
    log_level: str = "INFO",
    instrument: Literal["auto"] | Sequence[str] | None = "auto",
    capture_content: bool | None = None,
    max_content_bytes: int = 16 * 1024,
    redact: Callable[[str], str] | None = None,
    pending_spans: bool = False,
    isolated: bool = False,
) -> Telemetry:
    """Send this application's traces, metrics and logs by OTLP, and instrument its libraries.

    An argument precedes its `OTEL_*` variable, which precedes the default. Telemetry is delivered
    at exit, on SIGTERM and in forked workers; an endpoint that does not answer neither slows nor
    breaks the application, and is reported once.

    Args:
        service_name: who speaks; by default OTEL_SERVICE_NAME, else the program's name.
        service_version: its version.
        environment: its deployment environment, such as `production`.
        endpoint: base address of the OTLP receiver; by default OTEL_EXPORTER_OTLP_ENDPOINT, else
            `http://localhost:4318`, where `belvedere up` listens.
        protocol: `http` (protobuf) or `grpc`; by default OTEL_EXPORTER_OTLP_PROTOCOL, else `grpc`
            for an endpoint with port 4317 and `http` for all others.
        headers: sent with each request, such as `{"authorization": "Bearer ..."}`.
        sampling_ratio: the part of new traces that is recorded, 0 to 1; a span with a parent
            follows its parent. By default OTEL_TRACES_SAMPLER, else 1.0, and 0.1 in `production`.
        batch_delay_s: how long spans and log records wait for a full batch; 5.
        batch_size: spans or log records in a request at most; 512.
        queue_size: spans or log records kept at most while they wait; 16384. The oldest go first.
        resource_attributes: more about who speaks.
        metrics: `otlp`, `prometheus`, both, or `none`; by default OTEL_METRICS_EXPORTER, else
            `otlp`. With `prometheus` of the variable, /metrics is served at
            OTEL_EXPORTER_PROMETHEUS_HOST and _PORT; that of the argument is yours to serve.
        metric_interval_s: between two OTLP pushes; OTEL_METRIC_EXPORT_INTERVAL, else 60.
        cardinality_limit: attribute sets that a metric has at most; more are counted together.
        logs: whether the records of `logging` and structlog are formatted and sent.
        log_level: the least severe level that is recorded.
        instrument: `auto` activates the instrumentors of all libraries found, each when its
            library is imported; a list names libraries; None activates none.
        capture_content: whether prompts, answers, arguments and results are recorded, by whatever
            instrumentor, and leave the process; by default
            OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, else not.
        max_content_bytes: how many bytes of one text are recorded, of content or any other.
        redact: what content, texts of exceptions and log lines pass through, after our own
            redaction, before they leave.
        pending_spans: whether a span is sent also when it starts, so that long runs show early.
        isolated: keep apart from OpenTelemetry's global providers, even if nobody set them.

    Returns:
        The handle: `shutdown()`, `force_flush()`, a context manager, and the providers. A second
        call before `shutdown` returns the same handle, with a warning in the log.

    Raises:
        SettingError: an argument cannot be used; the message says why.
    """
    global _current, _launcher
    with _one_at_a_time:
        if _current is not None and not _current.ended and not isolated:
            _say_again(service_name, _current)
            return _current
        about = resource(
            service_name=service_name,
            service_version=service_version,
            environment=environment,
            attributes=resource_attributes,
        )
        stage = environment_of(about)
        to = Where(endpoint, protocol, headers)
        to.check()
        sampling = sampler(sampling_ratio, stage)
        spans, records = (
            settings.batching(
                signal, delay_s=batch_delay_s, batch_size=batch_size, queue_size=queue_size
            )
            for signal in ("spans", "logs")
        )
        readers = settings.metric_exporters(metrics)
        names = _names(instrument)
        off = settings.disabled()  # then the SDK's own providers record nothing
        found = providers(
            isolated=isolated or off,
            resource=about,
            sampler=sampling,
            views=_views(cardinality_limit),
        )
        added = Added()
        name = str(about.attributes.get("service.name", ""))
        if off:
            if logs:  # a line that is printed is the application's, telemetry or not
                added.attempt("logging", lambda: _logging(None, stage, log_level, name))
            return Telemetry(
                tracer_provider=found.tracer,
                meter_provider=found.meter,
                logger_provider=found.logger,
                resource=about,
                undo=tuple(added.undo),
            )
        settings.say_what_is_not_read()
        added.attempt("named metrics", lambda: _bind_metrics(found))
        added.attempt("the agent API", lambda: _bind_agents(found))
        added.attempt("content", lambda: _content(capture_content, max_content_bytes, redact))
        added.attempt("traces", lambda: add_spans(found, to, spans, pending=pending_spans))
        added.attempt("metrics", lambda: add_metrics(found, to, readers, metric_interval_s))
        if metrics is None and "prometheus" in readers:
            added.attempt("the port for /metrics", serve_metrics)
        if logs:
            added.attempt("logs", lambda: add_logs(found, to, records))
            added.attempt("logging", lambda: _logging(found.logger, stage, log_level, name))
        instrumented: dict[str, str] = {}
        if instrument is not None:
            added.attempt("instrumentation", lambda: _instrument(names, found, instrumented))
        telemetry = Telemetry(
            tracer_provider=found.tracer,
            meter_provider=found.meter,
            logger_provider=found.logger,
            resource=about,
            parts=tuple(added.parts),
            undo=(*reversed(added.undo), lambda: forget(telemetry)),
            instrumented=instrumented,
        )
        watch(telemetry)
        if not isolated:
            _current, _launcher = telemetry, None
        return telemetry


def launched_by(program: str) -> None:
    """Remember that `program` called `init`, not the application, to say so if that calls it."""
    global _launcher  # noqa: PLW0603 - goes with _current
    _launcher = program


def _say_again(service_name: str | None, first: Telemetry) -> None:
    if _launcher is None:
        _log.warning(
            "belvedere.init was called again; the first call's settings stay."
            " Call shutdown() on its handle first to change them."
        )
        return
    _log.warning(
        "%s has called belvedere.init already, so that this call changes nothing and the service is"
        " %s. Set OTEL_SERVICE_NAME=%s (and other OTEL_* variables), or run it without %s.",
        _launcher,
        first.resource.attributes.get("service.name"),
        service_name or "NAME",
        _launcher,
    )


def _names(instrument: Literal["auto"] | Sequence[str] | None) -> Sequence[str] | None:
    if instrument is None or instrument == "auto":
        return None
    if isinstance(instrument, str):
        raise SettingError(f"instrument is {instrument!r}; it is 'auto', a list of names or None")
    return instrument


# The modules below are imported where they are needed: each of them works without `init`.


def _views(cardinality_limit: int) -> Sequence[View]:
    from belvedere.sdk.metrics.views import views  # noqa: PLC0415

    try:
        return views(cardinality_limit)
    except ValueError as error:
        raise SettingError(f"cardinality_limit is {cardinality_limit}: {error}") from error


def _bind_metrics(found: Providers) -> Added:
    from belvedere.sdk.metrics.instruments import bind  # noqa: PLC0415

    return Added(undo=[bind(found.meter)])


def _bind_agents(found: Providers) -> Added:
    from belvedere.sdk.agents.providers import bind  # noqa: PLC0415

    return Added(undo=[bind(found.tracer, found.meter, found.logger)])


def _content(
    capture: bool | None,  # noqa: FBT001 - as `configure` has it
    max_bytes: int,
    redact: Callable[[str], str] | None,
) -> Added:
    from belvedere.sdk.agents.content import configure  # noqa: PLC0415

    return Added(undo=[configure(capture, max_bytes, redact)])


def _logging(to: LoggerProvider | None, environment: str, level: str, service_name: str) -> Added:
    from belvedere.sdk.logging.setup import configure  # noqa: PLC0415

    undo = configure(to, environment=environment, level=level, service_name=service_name)
    return Added(undo=[undo])


def _instrument(names: Sequence[str] | None, found: Providers, states: dict[str, str]) -> Added:
    restore = settings.use_stable_conventions()
    _, undo = activate(names, found, states)
    return Added(undo=[restore, undo])
