"""Belvedere as an OpenTelemetry distribution: `init` for programs that do not call it.

`OTEL_PYTHON_DISTRO=belvedere opentelemetry-instrument python app.py` loads these two by their
entry points, then the instrumentors, which it activates itself.
"""

import os
from typing import Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined] # untyped
from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_CONFIGURATOR
from opentelemetry.sdk._configuration import _BaseConfigurator

from belvedere.sdk.init import init, launched_by
from belvedere.sdk.instrument.activate import OPTIONS
from belvedere.sdk.instrument.candidates import candidates, unwanted


class BelvedereDistro(BaseDistro):  # type: ignore[misc] # the package ships no types
    """Chooses among the instrumentors as `init` does: no library is recorded twice."""

    def __init__(self) -> None:
        self._activated: dict[str, str] = {}

    def _configure(self, **_: Any) -> None:
        """Choose our configurator; `init` reads all other variables itself."""
        os.environ.setdefault(OTEL_PYTHON_CONFIGURATOR, "belvedere")

    def load_instrumentor(self, entry_point: Any, **options: Any) -> None:
        name = entry_point.name
        if candidates().get(name) == entry_point and not unwanted(None, self._activated, name):
            super().load_instrumentor(entry_point, **OPTIONS.get(name, {}), **options)
            self._activated[name] = entry_point.value


class BelvedereConfigurator(_BaseConfigurator):
    """Sets the SDK up, by the variables."""

    def _configure(self, **options: Any) -> None:
        version = options.get("auto_instrumentation_version")
        init(
            resource_attributes={"telemetry.auto.version": version} if version else None,
            instrument=None,
        )
        launched_by("opentelemetry-instrument")
