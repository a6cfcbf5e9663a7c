"""Belvedere: OpenTelemetry observability for AI agents.

    import belvedere

    belvedere.init("shop")

sends an application's traces, metrics and logs by OTLP; `belvedere up` receives them.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

__version__ = version("belvedere")

# The names of the SDK are imported when they are first used: the server has no use for it.
_HOMES = {
    "SettingError": "belvedere.sdk.errors",
    "Telemetry": "belvedere.sdk.telemetry",
    "agent": "belvedere.sdk.agents",
    "context": "belvedere.sdk.agents",
    "feedback": "belvedere.sdk.agents",
    "get_logger": "belvedere.sdk.logging",
    "init": "belvedere.sdk.init",
    "model_call": "belvedere.sdk.agents",
    "retrieval": "belvedere.sdk.agents",
    "score": "belvedere.sdk.agents",
    "task": "belvedere.sdk.agents",
    "tool": "belvedere.sdk.agents",
    "workflow": "belvedere.sdk.agents",
}
_MODULES = {"metrics": "belvedere.sdk.metrics"}

if TYPE_CHECKING:
    from belvedere.sdk import metrics
    from belvedere.sdk.agents import (
        agent,
        context,
        feedback,
        model_call,
        retrieval,
        score,
        task,
        tool,
        workflow,
    )
    from belvedere.sdk.errors import SettingError
    from belvedere.sdk.init import init
    from belvedere.sdk.logging import get_logger
    from belvedere.sdk.telemetry import Telemetry

__all__ = [
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
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        found = getattr(import_module(_HOMES[name]), name)
    elif name in _MODULES:
        found = import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'belvedere' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
