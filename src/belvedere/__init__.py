"""Belvedere: OpenTelemetry observability for AI agents."""

from importlib.metadata import version

__version__ = version("belvedere")
__all__ = ["__version__"]
