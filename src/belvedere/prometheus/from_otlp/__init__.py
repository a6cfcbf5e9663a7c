"""OTLP metrics as Prometheus has them."""

from belvedere.prometheus.from_otlp.point import Line, Point, series_of
from belvedere.prometheus.from_otlp.translate import Translated, Translation, translate

__all__ = ["Line", "Point", "Translated", "Translation", "series_of", "translate"]
