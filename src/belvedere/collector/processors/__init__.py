"""Processors: telemetry changes, waits or is refused on its way."""
