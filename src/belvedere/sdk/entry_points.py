"""Components that other packages offer by name: exporters, samplers, id generators."""

import logging
from importlib.metadata import entry_points
from typing import Any

_log = logging.getLogger("belvedere.sdk")


def load(group: str, name: str) -> Any:
    """The component `name` of `group`, or None, with a log line that says why."""
    found = entry_points(group=group, name=name)
    if not found:
        _log.warning("%s is not known to %s; it is left out. Install what brings it.", name, group)
        return None
    try:
        return next(iter(found)).load()
    except Exception as error:  # noqa: BLE001 - somebody else's code, while the application starts
        _log.warning("%s of %s cannot be loaded: %s", name, group, error)
        return None
