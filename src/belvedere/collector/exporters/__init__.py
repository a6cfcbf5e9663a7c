"""Exporters: telemetry leaves for a store or a peer."""
