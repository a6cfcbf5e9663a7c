"""Belvedere as an OpenTelemetry distribution: `init` for programs that do not call it.

`OTEL_PYTHON_DISTRO=belvedere opentelemetry-instrument python app.py` loads these two by their
entry points.
"""

import os
from typing import Any, Final

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined] # untyped
from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_CONFIGURATOR
from opentelemetry.sdk._configuration import _BaseConfigurator

from belvedere.sdk.init import init, launched_by

_OURS: Final = "belvedere"


class BelvedereDistro(BaseDistro):  # type: ignore[misc] # the package ships no types
    """Leaves all to our configurator, unless a variable chooses another."""

    def _configure(self, **_: Any) -> None:
        """Choose our configurator; `init` reads all other variables itself."""
        os.environ.setdefault(OTEL_PYTHON_CONFIGURATOR, _OURS)

    def load_instrumentor(self, entry_point: Any, **options: Any) -> None:
        """Nothing is left to do: `init` has chosen and activated the instrumentors."""
        if os.environ.get(OTEL_PYTHON_CONFIGURATOR) != _OURS:
            super().load_instrumentor(entry_point, **options)


class BelvedereConfigurator(_BaseConfigurator):
    """Sets the SDK up, by the variables."""

    def _configure(self, **options: Any) -> None:
        version = options.get("auto_instrumentation_version")
        init(resource_attributes={"telemetry.auto.version": version} if version else None)
        launched_by("opentelemetry-instrument")
