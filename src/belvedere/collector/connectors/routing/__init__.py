"""`routing`: each item to the pipelines that its content or its request's headers choose."""

from belvedere.collector.connectors.routing.connector import Routing

__all__ = ["Routing"]
