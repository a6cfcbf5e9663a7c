"""`service_graph`: which services call which, and how that goes."""

from belvedere.collector.connectors.servicegraph.connector import ServiceGraph

__all__ = ["ServiceGraph"]
