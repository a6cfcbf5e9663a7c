"""What the receiver `prometheus` remembers of a target."""

from typing import Any

import pytest

from belvedere.collector.receivers.prometheus.client import ScrapeError
from belvedere.collector.receivers.prometheus.scrape_config import ScrapeConfig
from belvedere.collector.receivers.prometheus.series import TargetSeries
from belvedere.prometheus.exposition.parse import parse_text
from belvedere.prometheus.model import labels_of
from belvedere.prometheus.to_otlp import Builder

N = 2000


class Remembered(TargetSeries):
    """Counts how often something had to be learned."""

    def __init__(self, **job: Any) -> None:
        config = ScrapeConfig.model_validate({"job_name": "j", **job})
        labels = labels_of({"job": "j", "instance": "i"})
        super().__init__(config, labels, external_labels={})
        self.learned = 0

    def _learn(self, text: str) -> Any:
        self.learned += 1
        return super()._learn(text)

    def scrape(self, names: range, time_ms: int) -> int:
        """How many samples were kept."""
        text = "".join(f'a{{n="{n}"}} 1\n' for n in names)
        return self.add(Builder(lambda _: {}), parse_text(text), time_ms).kept


def test_series_that_rules_drop_are_known_the_next_time() -> None:
    drop = {"action": "drop", "source_labels": ["n"], "regex": ".*[1-9]"}
    series = Remembered(metric_relabel_configs=[drop])
    for scrape in range(3):
        assert series.scrape(range(N), scrape) == N // 10
    assert series.learned == N


@pytest.mark.parametrize("limit", [0, 10], ids=["taken", "beyond a limit"])
def test_series_that_never_come_again_are_forgotten(limit: int) -> None:
    series = Remembered(sample_limit=limit)
    for scrape in range(10):
        names = range(scrape * N, (scrape + 1) * N)
        if limit:
            with pytest.raises(ScrapeError, match="sample_limit"):
                series.scrape(names, scrape)
        else:
            series.scrape(names, scrape)
    known = max(len(series._by_text), len(series._by_labels), len(series._places))
    assert known < 4 * N


def test_forgotten_series_end_all_the_same() -> None:
    series = Remembered()
    series.scrape(range(N), 1000)
    builder = Builder(lambda _: {})
    series.add(builder, parse_text("b 1\n"), 2000)
    (metrics,) = builder.build().resource_metrics[0].scope_metrics
    points = [point for metric in metrics.metrics for point in metric.gauge.data_points]
    assert sum(point.flags for point in points) == N
    series.scrape(range(0), 3000)
    assert len(series._by_labels) < N
