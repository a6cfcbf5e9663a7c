"""Activates instrumentors when their libraries are imported, and reports the states of all."""

import contextlib
import functools
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, Final

from opentelemetry.trace import TracerProvider

from belvedere.installation import install_command, is_extra
from belvedere.sdk.instrument.candidates import candidates, library_of, outgrown, unwanted
from belvedere.sdk.instrument.chunkless import ChunklessTracerProvider
from belvedere.sdk.instrument.counted_twice import CLIENTS, PREFIX, counted_twice
from belvedere.sdk.instrument.database import DRIVERS, DriverTracerProvider, OrmTracerProvider
from belvedere.sdk.instrument.import_hooks import is_imported, when_imported
from belvedere.sdk.instrument.joining import JoiningTracerProvider
from belvedere.sdk.instrument.requirements import requirements
from belvedere.sdk.providers import Providers

_log = logging.getLogger("belvedere.sdk")

ACTIVATED: Final = "activated"
WHEN_IMPORTED: Final = "when imported"
NOT_INSTALLED: Final = "no instrumentor is installed"
_NO_EXTRA: Final = "belvedere has no extra for it; install a distribution that instruments it"
_GENAI: Final = ("opentelemetry.instrumentation.genai.", "opentelemetry.instrumentation.google_")
_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    # A span for each chunk of a stream says nothing, and there are thousands.
    # FastAPI's instrumentor hands its options to a function that takes no logger provider.
    "fastapi": {"exclude_spans": ["send", "receive"], "logger_provider": None},
}

_IMPORTED_FIRST: Final[Mapping[str, str]] = {
    # It imports `create_engine`, which the instrumentor replaces, and its own function is replaced
    # too: an asyncio engine would be instrumented twice, with spans that never end, connections
    # that count twice, and listeners that cannot be removed.
    "sqlalchemy": "sqlalchemy.ext.asyncio",
}
"""Library → the module that has to be imported before its instrumentor is activated."""


def activate(
    names: Sequence[str] | None, providers: Providers, states: dict[str, str] | None = None
) -> tuple[dict[str, str], Callable[[], None]]:
    """Activate the instrumentors of `names`, or of every library that is installed.

    The instrumentor of a library that is imported already is activated now, each other when its
    library is imported: until then nothing of it is imported, only its metadata is read.

    Args:
        names: the libraries; None for all.
        providers: what the instrumentors record through.
        states: filled with the states, now and when a library is imported.

    Returns:
        `states`: library → `activated`, `when imported` or why not (libraries that are not
        installed are left out unless they were named), and what removes the import hooks and
        deactivates the instrumentors that this call activated.
    """
    states = {} if states is None else states
    active = _Active(providers, states)
    found = candidates()
    names = None if names is None else [library_of(name) for name in names]
    for name in sorted(found, key=lambda name: name in CLIENTS):
        reason = unwanted(names, name)
        twice = "" if reason else counted_twice(name, found, _chosen(states))
        if twice and names is not None:
            _log.warning("%s is instrumented, as it is named, but %s", name, twice)
        else:
            reason = reason or twice
        if reason:
            states[name] = reason
        else:
            active.add(name, found[name])
    for name in names or ():
        if name not in found:
            states[name] = outgrown(name) or _not_installed(name)
    _report(states, named=names is not None)
    return states, active.undo


class _Active:
    """The instrumentors that one `init` activates, now and later."""

    def __init__(self, providers: Providers, states: dict[str, str]) -> None:
        self._providers = providers
        self._states = states
        self._instrumentors: list[Any] = []
        self._removals: list[Callable[[], None]] = []
        self._ended = False
        self._lock = threading.Lock()
        """Never held while code of others runs: that may import, and wait for another thread."""
        self._started: set[str] = set()

    def add(self, name: str, entry_point: EntryPoint) -> None:
        """Activate the instrumentor if its library is imported, else when it is."""
        try:
            required = requirements(entry_point)
        except Exception as error:  # noqa: BLE001 - metadata of others
            self._states[name] = _failed(error)
            return
        if required.missing:
            return
        if required.conflict:
            self._states[name] = required.conflict
            return
        if not required.modules or any(is_imported(module) for module in required.modules):
            self._activate(name, entry_point, present=bool(required.modules))
            return
        self._states[name] = WHEN_IMPORTED
        for module in required.modules:
            activate_late = functools.partial(self._activate_late, name, entry_point, module)
            self._removals.append(when_imported(module, activate_late))

    def undo(self) -> None:
        """Remove the import hooks and deactivate what is active."""
        for remove in self._removals:
            remove()
        with self._lock:
            self._ended = True
            instrumentors, self._instrumentors = self._instrumentors, []
        for instrumentor in reversed(instrumentors):
            try:
                instrumentor.uninstrument()
            except Exception as error:  # noqa: BLE001 - code of others; the rest must be undone too
                _log.warning("%s cannot be deactivated: %s", type(instrumentor).__name__, error)

    def _activate_late(self, name: str, entry_point: EntryPoint, module: str) -> None:
        with self._lock:
            if self._ended or name in self._started:
                return
            self._started.add(name)
        try:
            entry_point.load()
        except ModuleNotFoundError:
            pass  # no more there later
        except Exception:  # noqa: BLE001 - it is tried again, and reported then
            # Within an import, the instrumentor may meet modules that this or another thread has
            # imported by half (_DeadlockError, ImportError, AttributeError): try after it.
            threading.Thread(
                target=self._activate_after,
                args=(name, entry_point, module),
                name="belvedere-import",
                daemon=True,
            ).start()
            return
        self._activate_reported(name, entry_point)

    def _activate_after(self, name: str, entry_point: EntryPoint, module: str) -> None:
        with contextlib.suppress(Exception):  # the importing thread gets the error
            importlib.import_module(module)  # waits for the thread that imports it
        if not self._ended:
            self._activate_reported(name, entry_point)

    def _activate_reported(self, name: str, entry_point: EntryPoint) -> None:
        self._activate(name, entry_point, present=True)
        state = self._states.get(name, "")
        if state.startswith("failed"):
            _log.warning("%s is not instrumented: %s", name, state)

    def _activate(self, name: str, entry_point: EntryPoint, *, present: bool) -> None:
        reason = _not_ready(name)
        if reason:
            self._states[name] = reason
            return
        try:
            if name in _IMPORTED_FIRST:
                with contextlib.suppress(ImportError):  # without greenlet there are no such engines
                    importlib.import_module(_IMPORTED_FIRST[name])
            instrumentor = entry_point.load()()
            if instrumentor.is_instrumented_by_opentelemetry:
                self._states[name] = "active already"
                return
            given = {
                "tracer_provider": _tracer_provider(name, entry_point, self._providers),
                "meter_provider": self._providers.meter,
                "logger_provider": self._providers.logger,
                **_OPTIONS.get(name, {}),
            }
            given = {option: value for option, value in given.items() if value is not None}
            instrumentor.instrument(skip_dep_check=True, **given)
        except Exception as error:  # noqa: BLE001 - code of others, while the application starts
            absent = isinstance(error, ModuleNotFoundError) and (not present or error.name == name)
            if absent:  # of an instrumentor that names no requirements, or several libraries
                self._states.pop(name, None)
            else:
                self._states[name] = _failed(error)
            return
        with self._lock:
            ended = self._ended
            if not ended:
                self._instrumentors.append(instrumentor)
                self._states[name] = ACTIVATED
        if ended:  # by another thread, meanwhile
            instrumentor.uninstrument()


def _tracer_provider(name: str, entry_point: EntryPoint, providers: Providers) -> TracerProvider:
    if entry_point.value.startswith(_GENAI):
        return JoiningTracerProvider(providers.tracer)
    if name == "starlette":
        return ChunklessTracerProvider(providers.tracer)
    if name == "sqlalchemy":
        return OrmTracerProvider(providers.tracer)
    if name in DRIVERS:
        return DriverTracerProvider(providers.tracer)
    return providers.tracer


def _not_installed(name: str) -> str:
    return f"{NOT_INSTALLED}: {install_command(name) if is_extra(name) else _NO_EXTRA}"


def _not_ready(name: str) -> str:
    """Return why the library cannot be instrumented yet, and the remedy."""
    if name != "django" or os.environ.get("DJANGO_SETTINGS_MODULE"):
        return ""
    if getattr(getattr(sys.modules.get("django.conf"), "settings", None), "configured", False):
        return ""
    # Django's instrumentor would configure default settings, and those of the application would
    # have no effect.
    return (
        "failed: DJANGO_SETTINGS_MODULE is not set. Set it before django is imported, or call"
        " belvedere.init after it"
    )


def _failed(error: Exception) -> str:
    return f"failed: {type(error).__name__}: {error}"


def _chosen(states: Mapping[str, str]) -> set[str]:
    return {name for name, state in states.items() if state in {ACTIVATED, WHEN_IMPORTED}}


def _report(states: Mapping[str, str], *, named: bool) -> None:
    for text, state in (("instrumented", ACTIVATED), ("instrumented when imported", WHEN_IMPORTED)):
        libraries = sorted(name for name, found in states.items() if found == state)
        if libraries:
            _log.info("%s: %s", text, ", ".join(libraries))
    for name, state in states.items():
        if state in {ACTIVATED, WHEN_IMPORTED}:
            continue
        _log.log(_level(state, named=named), "%s is not instrumented: %s", name, state)


def _level(state: str, *, named: bool) -> int:
    if state.startswith(PREFIX):
        return logging.INFO
    if state.startswith(NOT_INSTALLED):
        return logging.WARNING if named else logging.DEBUG
    has_remedy = state.startswith("failed") or "pip " in state
    return logging.WARNING if has_remedy else logging.DEBUG
