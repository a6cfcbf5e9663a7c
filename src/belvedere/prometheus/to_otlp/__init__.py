"""Scraped samples as OTLP metrics, after contrib's `prometheusreceiver`."""

from belvedere.prometheus.to_otlp.build import Builder
from belvedere.prometheus.to_otlp.place import Place, Places, Target

__all__ = ["Builder", "Place", "Places", "Target"]
