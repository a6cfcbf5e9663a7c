"""`PIPELINES`: what the Collector does with what it gets. One configuration for all Collectors."""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from belvedere.otlp.signal import Signal

_LIMIT_MIB: Final = 64
_QUEUE: Final = {"queue_size": 64, "block_on_overflow": True}
"""A sender waits rather than be refused; memory holds some requests, not a thousand."""
FLUSH_S: Final = 1


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One way through a Collector."""

    name: str
    steps: str
    target_per_s: int | None
    """Items/s and core that are aimed at."""
    signals: frozenset[Signal] = frozenset({Signal.TRACES, Signal.LOGS})

    @property
    def is_scraped(self) -> bool:
        """Whether what comes out is metrics about what went in."""
        return self.name == "spanmetrics"


PIPELINES: Final = {
    pipeline.name: pipeline
    for pipeline in (
        Pipeline("pass", "otlp → otlp", 500_000),
        Pipeline("upsert", "otlp → attributes (one upsert) → batch → otlp", 200_000),
        Pipeline(
            "spanmetrics",
            "otlp → spanmetrics → prometheus",
            100_000,
            frozenset({Signal.TRACES}),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a Collector listens, and where it sends to."""

    grpc: int
    http: int
    scrape: int
    sink: int


def configuration(pipeline: Pipeline, signal: Signal, ports: Ports, *, gzip: bool) -> str:
    """The text of a configuration file, which every Collector runs unchanged."""
    protocols = {
        "grpc": {"endpoint": f"127.0.0.1:{ports.grpc}", "max_recv_msg_size_mib": _LIMIT_MIB},
        "http": {"endpoint": f"127.0.0.1:{ports.http}", "max_request_body_size": _LIMIT_MIB << 20},
    }
    body: dict[str, Any] = {
        "receivers": {"otlp": {"protocols": protocols}},
        "service": {"telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}}},
    }
    if pipeline.is_scraped:
        body["connectors"] = {"spanmetrics": {"metrics_flush_interval": f"{FLUSH_S}s"}}
        body["exporters"] = {"prometheus": {"endpoint": f"127.0.0.1:{ports.scrape}"}}
        body["service"]["pipelines"] = {
            "traces": {"receivers": ["otlp"], "exporters": ["spanmetrics"]},
            "metrics": {"receivers": ["spanmetrics"], "exporters": ["prometheus"]},
        }
        return yaml.safe_dump(body)
    body["exporters"] = {
        "otlp": {
            "endpoint": f"127.0.0.1:{ports.sink}",
            "tls": {"insecure": True},
            "compression": "gzip" if gzip else "none",
            "sending_queue": _QUEUE,
        }
    }
    way: dict[str, Any] = {"receivers": ["otlp"], "exporters": ["otlp"]}
    if pipeline.name == "upsert":
        action = {"key": "deployment.environment", "value": "production", "action": "upsert"}
        body["processors"] = {"attributes": {"actions": [action]}, "batch": {}}
        way["processors"] = ["attributes", "batch"]
    body["service"]["pipelines"] = {signal.value: way}
    return yaml.safe_dump(body, sort_keys=False)
