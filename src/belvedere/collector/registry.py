"""Which components there are: their OpenTelemetry type names, and where each one lives.

A component's module is imported when a configuration first names it, so that a small
configuration starts fast.

The classes follow five shapes; all have the class attribute `Config` and the methods of
`component.Component`:

    receiver    __init__(config, host, consumers: Mapping[Signal, Consumer])   `signals`: offered
    processor   __init__(config, host, consumer: Consumer)   and is a Consumer; one a pipeline
    exporter    __init__(config, host)                       and is a Consumer; one an id
    connector   __init__(config, host, consumers: Mapping[Signal, Mapping[str, Consumer]])
                and is a Consumer; one an id. `consumers` are the pipelines that it is a receiver
                of: signal → pipeline id → entry. `connects: Mapping[Signal, frozenset[Signal]]`
                says what it takes and what each becomes.
    extension   __init__(config, host)                       one an id; starts first, stops last

Optional attributes:

    durable              of an exporter: what it has accepted survives `kill -9` of this process.
    join_behind_queue    of an exporter, a method: join what its queue gives out; see `Delivery`.
    acknowledges_early   of a processor or connector: `consume` returns before what follows has
                         accepted the data. What is behind it makes no promise to what is before.
    takes_over           of a processor: `start` takes what its predecessor left to the `Handover`.

`notes`, a text, is shown by `belvedere collector components TYPE`.
"""

from enum import StrEnum
from importlib import import_module
from typing import Any


class Kind(StrEnum):
    """The sections of a Collector configuration that hold components."""

    RECEIVER = "receivers"
    PROCESSOR = "processors"
    EXPORTER = "exporters"
    CONNECTOR = "connectors"
    EXTENSION = "extensions"


COMPONENTS: dict[Kind, dict[str, str]] = {
    Kind.RECEIVER: {
        "file_log": "belvedere.collector.receivers.filelog:FileLogReceiver",
        "host_metrics": "belvedere.collector.receivers.hostmetrics:HostMetricsReceiver",
        "otlp": "belvedere.collector.receivers.otlp:OtlpReceiver",
        "prometheus": "belvedere.collector.receivers.prometheus:PrometheusReceiver",
    },
    Kind.PROCESSOR: {
        "attributes": "belvedere.collector.processors.attributes:AttributesProcessor",
        "batch": "belvedere.collector.processors.batch:BatchProcessor",
        "delta_to_cumulative": (
            "belvedere.collector.processors.deltatocumulative:DeltaToCumulativeProcessor"
        ),
        "filter": "belvedere.collector.processors.filter:FilterProcessor",
        "groupbyattrs": "belvedere.collector.processors.groupbyattrs:GroupByAttrsProcessor",
        "k8s_attributes": "belvedere.collector.processors.k8s_attributes:K8sAttributesProcessor",
        "memory_limiter": "belvedere.collector.processors.memory_limiter:MemoryLimiter",
        "probabilistic_sampler": (
            "belvedere.collector.processors.probabilistic_sampler:ProbabilisticSampler"
        ),
        "redaction": "belvedere.collector.processors.redaction:RedactionProcessor",
        "resource": "belvedere.collector.processors.resource:ResourceProcessor",
        "tail_sampling": "belvedere.collector.processors.tail_sampling:TailSampling",
        "transform": "belvedere.collector.processors.transform:TransformProcessor",
    },
    Kind.EXPORTER: {
        "belvedere": "belvedere.collector.exporters.belvedere:BelvedereExporter",
        "clickhouse": "belvedere.collector.exporters.clickhouse:ClickHouseExporter",
        "debug": "belvedere.collector.exporters.debug:DebugExporter",
        "file": "belvedere.collector.exporters.file:FileExporter",
        "kafka": "belvedere.collector.exporters.kafka:KafkaExporter",
        "loki": "belvedere.collector.exporters.loki:LokiExporter",
        "nop": "belvedere.collector.exporters.nop:NopExporter",
        "otlp_grpc": "belvedere.collector.exporters.otlp_grpc:OtlpGrpcExporter",
        "otlp_http": "belvedere.collector.exporters.otlp_http:OtlpHttpExporter",
        "prometheus": "belvedere.collector.exporters.prometheus:PrometheusExporter",
        "prometheus_remote_write": (
            "belvedere.collector.exporters.prometheusremotewrite:RemoteWriteExporter"
        ),
    },
    Kind.CONNECTOR: {
        "count": "belvedere.collector.connectors.count:Count",
        "forward": "belvedere.collector.connectors.forward:Forward",
        "routing": "belvedere.collector.connectors.routing:Routing",
        "service_graph": "belvedere.collector.connectors.servicegraph:ServiceGraph",
        "span_metrics": "belvedere.collector.connectors.spanmetrics:SpanMetrics",
    },
    Kind.EXTENSION: {
        "basicauth": "belvedere.collector.extensions.basicauth:BasicAuth",
        "bearertokenauth": "belvedere.collector.extensions.bearertokenauth:BearerTokenAuth",
        "file_storage": "belvedere.collector.extensions.file_storage:FileStorage",
        "health_check": "belvedere.collector.extensions.health_check:HealthCheck",
        "pprof": "belvedere.collector.extensions.pprof:PprofExtension",
        "zpages": "belvedere.collector.extensions.zpages:ZpagesExtension",
    },
}
"""Section → type name → `module:class`."""

RENAMED: dict[Kind, dict[str, str]] = {
    Kind.CONNECTOR: {"servicegraph": "service_graph", "spanmetrics": "span_metrics"},
    Kind.EXPORTER: {
        "otlp": "otlp_grpc",
        "otlphttp": "otlp_http",
        "prometheusremotewrite": "prometheus_remote_write",
    },
    Kind.PROCESSOR: {
        "deltatocumulative": "delta_to_cumulative",
        "k8sattributes": "k8s_attributes",
    },
    Kind.RECEIVER: {"filelog": "file_log", "hostmetrics": "host_metrics"},
}
"""Section → older type name → the name above. Both work."""


ABSENT: dict[Kind, dict[str, str]] = {
    Kind.CONNECTOR: {},
    Kind.EXPORTER: {
        "jaeger": "Jaeger takes OTLP: use otlp_grpc with its port 4317",
        "logging": "its name is debug now",
        "opencensus": "use otlp_grpc",
        "zipkin": "use otlp_http with a Zipkin that takes OTLP, or a back end that does",
    },
    Kind.EXTENSION: {"memory_ballast": "remove it; memory_limiter bounds the memory"},
    Kind.PROCESSOR: {
        "queued_retry": "remove it; exporters have sending_queue and retry_on_failure",
        "resourcedetection": "set OTEL_RESOURCE_ATTRIBUTES of applications, or use resource",
        "servicegraph": "it is the connector service_graph now",
        "spanmetrics": "it is the connector span_metrics now",
    },
    Kind.RECEIVER: {
        "jaeger": "use otlp, and OTLP exporters in the applications",
        "opencensus": "use otlp, and OTLP exporters in the applications",
        "zipkin": "use otlp, and OTLP exporters in the applications",
    },
}
"""Section → type name that official configurations have, but we do not → what to do instead."""


def current_name(kind: Kind, type_name: str) -> str:
    """The name of a type today: that of an older name, or itself."""
    return RENAMED.get(kind, {}).get(type_name, type_name)


def component_class(kind: Kind, type_name: str) -> Any:
    """The class of a component.

    Raises:
        KeyError: there is no component of that type.
    """
    module, _, attribute = COMPONENTS[kind][current_name(kind, type_name)].partition(":")
    return getattr(import_module(module), attribute)
