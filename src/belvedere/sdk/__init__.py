"""Telemetry out of a Python application: traces, metrics and logs over OTLP.

The public names are those of `belvedere` itself; this package imports nothing else of ours.
"""
