"""Instrumentors whose copies of a model call are in traces of their own, where nothing joins them.

Nested copies are joined (`sdk/agents/duplicate_calls.py`). These are not nested: OpenInference's
and Traceloop's instrumentors of langchain do not make their spans current, and theirs of anthropic
do not where a stream is read. The second one is not activated, unless it is named.
"""

from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from belvedere.installation import install_command

CLIENTS: Final = frozenset(
    {
        "anthropic",
        "bedrock",
        "cohere",
        "google-genai",
        "google-generativeai",
        "google_genai",
        "google_generativeai",
        "groq",
        "mistralai",
        "ollama",
        "openai",
        "together",
        "vertexai",
    }
)
"""Model clients, by the names of their instrumentors. langchain calls models through them."""

PREFIX: Final = "its model calls would be counted twice: "

_OPENTELEMETRY: Final = "opentelemetry-instrumentation-genai-"
_TRACELOOP: Final = "opentelemetry-instrumentation-"


def counted_twice(name: str, found: Mapping[str, EntryPoint], activated: Collection[str]) -> str:
    """Return why calls would be counted twice if `name` were activated, too; empty if not.

    Args:
        name: The library.
        found: Library → its instrumentor.
        activated: The libraries whose instrumentors are active, or will be when imported.
    """
    by = _distribution(found[name])
    if name in CLIENTS and "langchain" in activated:
        above = _distribution(found["langchain"])
        # Traceloop's instrumentors tell each other.
        if not above.startswith(_OPENTELEMETRY) and not (
            _is_traceloop(above) and _is_traceloop(by)
        ):
            return (
                f"{PREFIX}{above} records those made through langchain, in traces of its own;"
                f" {install_command('langchain')} for an instrumentor that does not"
            )
    if name == "anthropic" and not by.startswith(_OPENTELEMETRY) and _client_has_spans("anthropic"):
        return (
            f"{PREFIX}the client makes spans itself, and {by} makes others in traces of its own;"
            f" {install_command('anthropic')} for an instrumentor whose spans are joined"
        )
    return ""


def _is_traceloop(name: str) -> bool:
    return name.startswith(_TRACELOOP) and not name.startswith(_OPENTELEMETRY)


def _distribution(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else entry_point.module


def _client_has_spans(package: str) -> bool:
    """Whether `package` has the module that makes them; it is not imported."""
    spec = find_spec(package)
    return spec is not None and any(
        (Path(place) / "_tracing.py").exists() for place in spec.submodule_search_locations or ()
    )
