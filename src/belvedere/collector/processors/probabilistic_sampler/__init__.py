"""`probabilistic_sampler`: keeps a share of spans and log records, chosen by their trace ids."""

from belvedere.collector.processors.probabilistic_sampler.processor import ProbabilisticSampler

__all__ = ["ProbabilisticSampler"]
