"""Which instrumentor of those installed instruments which library.

Two instrumentors of one library would record everything twice, so one is chosen.
"""

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Final

GROUP: Final = "opentelemetry_instrumentor"

_FIRST: Final = ("opentelemetry-instrumentation-genai-", "opentelemetry-instrumentation-")
"""Whose instrumentor is taken where several instrument one library: OpenTelemetry's own."""

LEFT_OUT: Final[Mapping[str, str]] = {
    "logging": "belvedere's own logging sends the records",
    "structlog": "belvedere's own logging sends the records",
    "asyncio": "it makes spans of every coroutine; name it to have it",
    "system_metrics": "it is no library; name it to have it",
}
"""What `auto` does not activate, and why."""

OUTGROWN: Final[Mapping[str, tuple[int, str]]] = {
    # Its instrumentor patches what mcp 2 does not have: it would fail when that is imported.
    "mcp": (
        2,
        "mcp 2 makes its own spans",
    ),
}
"""Library → the first major version that its instrumentor is not for, and why."""

_LIBRARIES: Final[Mapping[str, str]] = {
    "aiohttp-client": "aiohttp",
    "llama_index": "llama-index",
    "openai_agents": "openai-agents",
}
"""Instrumentor → the library, as our extras have it, where its name is another."""


def library_of(instrumentor: str) -> str:
    """What the instrumentor of this name instruments."""
    return _LIBRARIES.get(instrumentor, instrumentor)


def candidates() -> dict[str, EntryPoint]:
    """Library → its instrumentor, the preferred one where there are several."""
    found: dict[str, EntryPoint] = {}
    for entry_point in sorted(entry_points(group=GROUP), key=_preference):
        found.setdefault(library_of(entry_point.name), entry_point)
    return dict(sorted(found.items()))


def unwanted(names: Sequence[str] | None, name: str) -> str:
    """Why `name` is not to be activated; empty if it is.

    Args:
        names: what the application asked for; None for all.
        name: the library.
    """
    disabled = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    if {name, "*"} & {library_of(part.strip()) for part in disabled.split(",")}:
        return "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names it"
    if names is not None and name not in names:
        return "not asked for"
    reason = outgrown(name)
    if reason:
        return f"{reason}: pip uninstall opentelemetry-instrumentation-{name}"
    return LEFT_OUT.get(name, "") if names is None else ""


def outgrown(name: str) -> str:
    """Return why the installed version of the library needs no instrumentor; empty if it does."""
    first, reason = OUTGROWN.get(name, (0, ""))
    return reason if reason and _major_version(name) >= first else ""


def _major_version(distribution: str) -> int:
    """0 if it is not installed."""
    try:
        major = version(distribution).partition(".")[0]
    except PackageNotFoundError:
        return 0
    return int(major) if major.isdecimal() else 0


def _preference(entry_point: EntryPoint) -> tuple[int, str]:
    distribution = entry_point.dist.name if entry_point.dist is not None else ""
    rank = next(
        (i for i, start in enumerate(_FIRST) if distribution.startswith(start)), len(_FIRST)
    )
    return rank, distribution
