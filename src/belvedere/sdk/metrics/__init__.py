"""The named metrics of an agent platform, and the ways to serve `/metrics`.

    belvedere.metrics.llm_call_duration_seconds.record(0.8, provider="openai", model="gpt-4o")
    app.mount("/metrics", belvedere.metrics.asgi_app())

The metrics work before and after `init`; without it they go nowhere. Names, units, buckets and
attributes stand in `table`. Serving needs the extra `belvedere[prometheus]`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from belvedere.sdk.metrics.table import (
    agent_deploy_duration_seconds,
    agents_active,
    chat_latency_seconds,
    chat_tokens_total,
    http_request_duration_seconds,
    http_requests_total,
    llm_call_duration_seconds,
    llm_calls_total,
    llm_tokens_input_total,
    llm_tokens_output_total,
)

if TYPE_CHECKING:
    from belvedere.sdk.metrics.exposition import MetricsServer, asgi_app, serve, wsgi_app

__all__ = [
    "MetricsServer",
    "agent_deploy_duration_seconds",
    "agents_active",
    "asgi_app",
    "chat_latency_seconds",
    "chat_tokens_total",
    "http_request_duration_seconds",
    "http_requests_total",
    "llm_call_duration_seconds",
    "llm_calls_total",
    "llm_tokens_input_total",
    "llm_tokens_output_total",
    "serve",
    "wsgi_app",
]


def __getattr__(name: str) -> Any:
    """What serves needs packages that the base install does not have."""
    if name in __all__:
        return getattr(import_module("belvedere.sdk.metrics.exposition"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
