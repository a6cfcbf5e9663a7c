"""Calls that are made when a module has been imported.

The finder is wrapt's, which OpenTelemetry's instrumentors use themselves. wrapt can register hooks
but not remove them, so one hook per module is registered there and looks up what is to be called.
"""

import importlib
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

_log: Final = logging.getLogger("belvedere.sdk")

_waiting: Final[dict[str, list[Callable[[], None]]]] = {}
"""Module → calls. A key stays until the module is imported: wrapt's hook is registered for it."""
_lock: Final = threading.Lock()
_calling: Final = threading.local()
"""`due`: calls of this thread that follow the present one, which imports their modules.

An instrumentor's module imports libraries, of which it may be the instrumentor too, and is not
usable before its own import ends.
"""


def when_imported(module: str, call: Callable[[], None]) -> Callable[[], None]:
    """Call `call` once, when `module` has been imported.

    It is called by the thread that imports, within the import and after the module has been
    executed. If the module is being imported right now, a thread waits for that and calls. What
    `call` raises is logged, never raised into the import.

    Args:
        module: must not have been imported yet.
        call: what to call.

    Returns:
        The removal of the call, which may be called more than once.
    """
    import wrapt  # noqa: PLC0415 - instrumentors bring it; without one there is nothing to wait for

    with _lock:
        first = module not in _waiting
        _waiting.setdefault(module, []).append(call)
    if module in sys.modules:
        threading.Thread(
            target=_wait_for_import, args=(module,), name="belvedere-import", daemon=True
        ).start()
    elif first:
        # Outside the lock: wrapt calls at once if another thread has just imported the module.
        wrapt.register_post_import_hook(lambda _: _imported(module), module)

    def remove() -> None:
        with _lock:
            calls = _waiting.get(module, [])
            if call in calls:
                calls.remove(call)

    return remove


def is_imported(module: str) -> bool:
    """Return whether `module` has been imported to its end."""
    found: Any = sys.modules.get(module)
    if found is None:
        return False
    return not getattr(getattr(found, "__spec__", None), "_initializing", False)


def _wait_for_import(module: str) -> None:
    try:
        importlib.import_module(module)  # waits for the thread that imports it
    except Exception:  # noqa: BLE001 - the importing thread gets the error
        _log.debug("%s was not imported", module, exc_info=True)
        with _lock:
            _waiting.pop(module, None)
    else:
        _imported(module)


def _imported(module: str) -> None:
    with _lock:
        calls = _waiting.pop(module, [])
    due: list[tuple[str, Callable[[], None]]] | None = getattr(_calling, "due", None)
    if due is not None:
        due += [(module, call) for call in calls]
        return
    due = _calling.due = [(module, call) for call in calls]
    try:
        while due:
            _call(*due.pop(0))
    finally:
        del _calling.due


def _call(module: str, call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:  # noqa: BLE001 - the application's import must not fail because of us
        _log.warning("a hook on the import of %s failed", module, exc_info=True)
