"""Metrics requests written down as OTLP/JSON."""

from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

CUMULATIVE, DELTA = 2, 1
NO_RECORDED_VALUE = 1


def attributes(**values: Any) -> list[dict[str, Any]]:
    """Attributes; `__` in a name stands for a dot."""
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": key.replace("__", "."), "value": {kinds[type(value)]: value}}
        for key, value in values.items()
    ]


def request(
    *metrics: dict[str, Any],
    resource: list[dict[str, Any]] | None = None,
    scope: dict[str, Any] | None = None,
    schema_url: str = "",
) -> ExportMetricsServiceRequest:
    """One resource, one scope, and these metrics."""
    return ParseDict(
        {
            "resourceMetrics": [
                {
                    "resource": {"attributes": resource or []},
                    "scopeMetrics": [
                        {"scope": scope or {}, "metrics": metrics, "schemaUrl": schema_url}
                    ],
                }
            ]
        },
        ExportMetricsServiceRequest(),
    )
