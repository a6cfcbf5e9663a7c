"""Activates instrumentors, and says which, and why not the others."""

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, Final

from opentelemetry.trace import TracerProvider

from belvedere.installation import install_command, is_extra
from belvedere.sdk.instrument.candidates import COVERED_BY, candidates, library_of, unwanted
from belvedere.sdk.instrument.chunkless import ChunklessTracerProvider
from belvedere.sdk.instrument.counted_twice import CLIENTS, PREFIX, counted_twice
from belvedere.sdk.instrument.joining import JoiningTracerProvider
from belvedere.sdk.providers import Providers

_log = logging.getLogger("belvedere.sdk")

ACTIVATED: Final = "activated"
_NO_EXTRA: Final = "belvedere has no extra for it; install a distribution that instruments it"
_GENAI: Final = ("opentelemetry.instrumentation.genai.", "opentelemetry.instrumentation.google_")
_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    # A span for each chunk of a stream says nothing, and there are thousands.
    # FastAPI's instrumentor hands its options to a function that takes no logger provider.
    "fastapi": {"exclude_spans": ["send", "receive"], "logger_provider": None},
}


def activate(
    names: Sequence[str] | None, providers: Providers
) -> tuple[dict[str, str], Callable[[], None]]:
    """Activate the instrumentors of `names`, or of every library that is installed.

    Returns:
        Library → `activated` or why not (libraries that are not installed are left out unless
        they were named), and what deactivates those that this call activated.
    """
    states: dict[str, str] = {}
    active: list[Any] = []
    found = candidates()
    names = None if names is None else [library_of(name) for name in names]
    for name in sorted(found, key=lambda name: (name in COVERED_BY, name in CLIENTS)):
        reason = unwanted(names, _activated(states), name)
        twice = "" if reason else counted_twice(name, found, _activated(states))
        if twice and names is not None:
            _log.warning("%s is instrumented, as it is named, but %s", name, twice)
        else:
            reason = reason or twice
        if not reason:
            reason = _activate(name, found[name], providers, active)
        if reason:
            states[name] = reason
    for name in names or ():
        if name not in found:
            how = install_command(name) if is_extra(name) else _NO_EXTRA
            states[name] = f"no instrumentor is installed: {how}"
    _say(states, named=names is not None)

    def undo() -> None:
        while active:
            active.pop().uninstrument()

    return states, undo


def _activate(name: str, entry_point: EntryPoint, providers: Providers, active: list[Any]) -> str:
    # Instrumentors bring this package; without one there is nothing to activate.
    from opentelemetry.instrumentation.dependencies import (  # noqa: PLC0415
        get_dist_dependency_conflicts,
    )

    try:
        conflict = entry_point.dist and get_dist_dependency_conflicts(entry_point.dist)
        if conflict:
            missing = not (conflict.found or conflict.found_any)
            return "" if missing else str(conflict)
        instrumentor = entry_point.load()()
        if instrumentor.is_instrumented_by_opentelemetry:
            return "active already"
        given = {
            "tracer_provider": _tracer_provider(entry_point, providers),
            "meter_provider": providers.meter,
            "logger_provider": providers.logger,
            **_OPTIONS.get(name, {}),
        }
        given = {option: value for option, value in given.items() if value is not None}
        instrumentor.instrument(skip_dep_check=True, **given)
    except ModuleNotFoundError:  # the library is not there, or a part of it
        return ""
    except Exception as error:  # noqa: BLE001 - somebody else's code, while the application starts
        return f"failed: {type(error).__name__}: {error}"
    active.append(instrumentor)
    return ACTIVATED


def _tracer_provider(entry_point: EntryPoint, providers: Providers) -> TracerProvider:
    if entry_point.value.startswith(_GENAI):
        return JoiningTracerProvider(providers.tracer)
    if entry_point.name == "starlette":
        return ChunklessTracerProvider(providers.tracer)
    return providers.tracer


def _activated(states: Mapping[str, str]) -> dict[str, str]:
    return {name: state for name, state in states.items() if state == ACTIVATED}


def _say(states: Mapping[str, str], *, named: bool) -> None:
    activated = sorted(_activated(states))
    if activated:
        _log.info("instrumented: %s", ", ".join(activated))
    for name, state in states.items():
        if state == ACTIVATED:
            continue
        failed = state.startswith(("failed", "no instrumentor")) or "falls outside" in state
        wanted = failed and (named or state.startswith("failed"))
        level = logging.INFO if state.startswith(PREFIX) else logging.DEBUG
        _log.log(logging.WARNING if wanted else level, "%s is not instrumented: %s", name, state)
