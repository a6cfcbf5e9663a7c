"""Who speaks: the resource of all that an application sends."""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AnyValue

_ENVIRONMENT_KEYS = ("deployment.environment.name", "deployment.environment")


def resource(
    *,
    service_name: str | None,
    service_version: str | None,
    environment: str | None,
    attributes: Mapping[str, AnyValue] | None,
) -> Resource:
    """The resource: arguments, else `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, else found.

    The detectors named in `OTEL_EXPERIMENTAL_RESOURCE_DETECTORS` run, as in the stock SDK. A
    service that nobody names is named after its program.
    """
    told: dict[str, AnyValue] = {
        "telemetry.distro.name": "belvedere",
        "telemetry.distro.version": _version(),
        **(attributes or {}),
    }
    named = {
        "service.name": service_name,
        "service.version": service_version,
        "deployment.environment.name": environment,
    }
    told.update({key: value for key, value in named.items() if value})
    found = Resource.create(told)
    name = found.attributes.get("service.name")
    program = _program()
    if program and (not name or str(name).startswith("unknown_service")):
        found = found.merge(Resource({"service.name": program}))
    return found


def environment_of(found: Resource) -> str:
    """The deployment environment, or nothing; the second key is the one before semconv 1.27."""
    for key in _ENVIRONMENT_KEYS:
        value = found.attributes.get(key)
        if value:
            return str(value)
    return ""


def _program() -> str:
    """The name of the program that runs: of `python app.py` and `python -m app` it is `app`."""
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    if path is None or path.name in {"-c", "-m", ""}:
        return ""
    return path.parent.name if path.stem == "__main__" else path.stem


def _version() -> str:
    try:
        return version("belvedere")
    except PackageNotFoundError:  # a copy of the sources
        return "unknown"
