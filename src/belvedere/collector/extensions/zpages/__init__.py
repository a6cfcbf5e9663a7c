"""`zpages`: the Collector at work, as text and as JSON: pipelines, components, their counters."""

from belvedere.collector.extensions.zpages.extension import ZpagesExtension

__all__ = ["ZpagesExtension"]
