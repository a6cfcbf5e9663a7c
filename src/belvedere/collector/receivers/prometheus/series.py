"""The series of one target, remembered from scrape to scrape.

Most lines of a scrape name series that were there the last time. What becomes of a series, its
labels after relabelling and its place in OTLP, is worked out when it first comes, and found by the
text of the line after that. Series that were there and no longer are get a stale marker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from belvedere.collector.receivers.prometheus.client import ScrapeError
from belvedere.collector.receivers.prometheus.scrape_config import ScrapeConfig
from belvedere.prometheus.errors import MalformedError
from belvedere.prometheus.exposition.parse import Exposition, read_series
from belvedere.prometheus.model import NAME, Labels, Metadata, labels_of
from belvedere.prometheus.relabel import Rule, relabel
from belvedere.prometheus.to_otlp import Builder, Place, Places, Target
from belvedere.prometheus.to_otlp.place import family_names

_AHEAD_MS: Final = 10 * 60 * 1000
"""How far in the future a sample may be, as in Prometheus."""
_SLACK: Final = 1000
"""So many texts more than twice those of a scrape are kept before the others are forgotten."""


@dataclass(slots=True, eq=False)
class _Series:
    labels: Labels
    name: str
    """As scraped; external labels cannot change it."""
    place: Place


@dataclass(frozen=True, slots=True)
class Counts:
    """What a scrape held."""

    scraped: int
    kept: int
    """After metric_relabel_configs."""
    added: int
    """Series that the scrape before did not have."""
    process_start_ns: int = 0
    """By the configured metric; 0: it was not there."""
    out_of_time: int = 0
    """Samples left out, as their own times are before 1970 or far in the future."""


class TargetSeries:
    """Takes in one scrape after another."""

    def __init__(
        self,
        job: ScrapeConfig,
        labels: Labels,
        *,
        external_labels: Mapping[str, str],
        start_metric: Any = None,
    ) -> None:
        """Nothing was scraped yet.

        Args:
            job: limits and rules.
            labels: the target's.
            external_labels: what all series get, whatever they had.
            start_metric: compiled expression of the metric that says when the process began.
        """
        self._job, self._target, self._external = job, dict(labels), external_labels
        self._start_metric = start_metric
        self._rules: Sequence[Rule] = [each.rule for each in job.metric_relabel_configs]
        self._by_text: dict[str, _Series | None] = {}
        self._by_labels: dict[Labels, _Series] = {}
        self._live: dict[_Series, None] = {}
        target = Target(self._target.get("job", ""), self._target.get("instance", ""))
        self._places = Places({}, target)

    def add(self, builder: Builder, scrape: Exposition, time_ms: int) -> Counts:
        """Give the samples of a scrape to `builder`, and the ends of series that are gone.

        Raises:
            ScrapeError: it is beyond a limit, or has a series that is none. What `builder` got by
                then is to be thrown away; what is remembered has not changed.
        """
        self._learn_families(scrape.families)
        try:
            kept, start_ns, out_of_time, live = self._add_samples(builder, scrape, time_ms)
        finally:
            self._forget(scrape)
        gone = [series for series in self._live if series not in live]
        added = sum(1 for series in live if series not in self._live)
        self._end(builder, gone, time_ms)
        self._live = live
        return Counts(len(scrape.entries), kept, added, start_ns, out_of_time)

    def add_stale(self, builder: Builder, time_ms: int) -> None:
        """End all series: the scrape failed, or the target is gone."""
        self._end(builder, list(self._live), time_ms)
        self._live = {}

    def _learn_families(self, families: Mapping[str, Metadata]) -> None:
        """Where types changed, so did the places of series."""
        before = self._places.families
        if families == before:
            return
        changed = {
            name
            for name in families.keys() | before.keys()
            if families.get(name) != before.get(name)
        }
        self._places.families = families
        for series in self._by_labels.values():
            if not changed.isdisjoint(family_names(series.name)):
                series.place = self._places.place(series.labels)

    def _add_samples(
        self, builder: Builder, scrape: Exposition, time_ms: int
    ) -> tuple[int, int, int, dict[_Series, None]]:
        """Samples, when the process began, samples out of time, and which series are there."""
        job, by_text, limit = self._job, self._by_text, self._job.sample_limit
        is_start = self._start_metric.search if self._start_metric is not None else None
        live: dict[_Series, None] = {}
        kept = start_ns = out_of_time = 0
        for text, value, own_ms, exemplar in scrape.entries:
            try:
                series = by_text[text]
            except KeyError:
                series = by_text[text] = self._learn(text)
            if series is None:
                continue
            at_ms = own_ms if own_ms is not None and job.honor_timestamps else None
            if at_ms is None or job.track_timestamps_staleness:
                if at_ms is None and series in live:
                    continue  # a duplicate: the first one counts, as in Prometheus
                live[series] = None
            kept += 1
            if limit and kept > limit:
                raise ScrapeError(f"more samples than sample_limit ({limit})")
            if at_ms is not None and not 0 < at_ms <= time_ms + _AHEAD_MS:
                out_of_time += 1
                continue
            builder.add(series.place, value, time_ms if at_ms is None else at_ms, exemplar)
            if is_start is not None and is_start(series.name) and 0 < value * 1000 < time_ms:
                start_ns = int(value * 1000) * 1_000_000
        return kept, start_ns, out_of_time, live

    def _learn(self, text: str) -> _Series | None:
        """What becomes of a series; None: a rule drops it."""
        try:
            labels = self._merged(dict(read_series(text)))
        except MalformedError as error:
            raise ScrapeError(str(error)) from None
        kept = relabel(labels, self._rules)
        if kept is None:
            return None
        if not kept.get(NAME):
            raise ScrapeError(f"{text[:80]!r} has no name after metric_relabel_configs")
        self._check_limits(kept)
        final = labels_of({**kept, **self._external})
        series = self._by_labels.get(final)
        if series is None:
            place = self._places.place(final)
            series = self._by_labels[final] = _Series(final, kept[NAME], place)
        return series

    def _merged(self, labels: dict[str, str]) -> dict[str, str]:
        """A sample's labels and the target's; of a name in both the one that is honoured stays."""
        if self._job.honor_labels:
            return {**self._target, **labels}
        for name in [name for name in labels if name in self._target]:
            exported = f"exported_{name}"
            while exported in labels or exported in self._target:
                exported = f"exported_{exported}"
            labels[exported] = labels[name]
        return {**labels, **self._target}

    def _check_limits(self, labels: Mapping[str, str]) -> None:
        job = self._job
        if job.label_limit and len(labels) > job.label_limit:
            raise ScrapeError(
                f"a series of {labels[NAME]} has {len(labels)} labels, label_limit is"
                f" {job.label_limit}"
            )
        for key, limit, texts in (
            ("label_name_length_limit", job.label_name_length_limit, labels.keys()),
            ("label_value_length_limit", job.label_value_length_limit, labels.values()),
        ):
            if limit and _bytes(longest := max(texts, key=_bytes)) > limit:
                raise ScrapeError(
                    f"a series of {labels[NAME]} is beyond {key} ({limit}): {longest[:80]!r}"
                )

    def _end(self, builder: Builder, gone: Sequence[_Series], time_ms: int) -> None:
        for series in gone:
            builder.add_stale(series.place, time_ms)

    def _forget(self, scrape: Exposition) -> None:
        """Forget series that are not there any more, where there are many."""
        known = max(len(self._by_text), len(self._by_labels))
        if known <= 2 * len(scrape.entries) + _SLACK:
            return
        texts = {entry[0] for entry in scrape.entries}
        self._by_text = {text: each for text, each in self._by_text.items() if text in texts}
        kept = {each for each in self._by_text.values() if each is not None} | self._live.keys()
        self._by_labels = {key: each for key, each in self._by_labels.items() if each in kept}
        self._places.keep({series.place.stream for series in kept})


def _bytes(text: str) -> int:
    return len(text.encode())
