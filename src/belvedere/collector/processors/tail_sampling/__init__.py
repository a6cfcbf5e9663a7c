"""`tail_sampling`: keeps or drops whole traces, some time after their first spans came."""

from belvedere.collector.processors.tail_sampling.processor import TailSampling

__all__ = ["TailSampling"]
