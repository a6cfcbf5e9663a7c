"""Receivers: telemetry comes in from the network."""
