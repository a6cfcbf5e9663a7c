"""Connectors: the end of some pipelines and the beginning of others."""
