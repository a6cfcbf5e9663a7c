"""Prometheus's data and formats: series, remote write, exposition texts, relabelling."""
