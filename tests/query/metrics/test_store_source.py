"""Samples come from the store as they were written: by label, by time, each once."""

import numpy as np
import pytest

from belvedere.prometheus.model import NativeHistogram, Series, labels_of
from belvedere.prometheus.points import encode_points
from belvedere.query.labels import Labels
from belvedere.query.metrics.series import SeriesIndex
from belvedere.query.metrics.source import StoreSource
from belvedere.query.promql.errors import TooManySamples
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.samples import Samples
from belvedere.store.database import Database, QueryLimits
from belvedere.store.ingest import Door, insert

STALE = "reinterpretAsFloat64(0x7ff0000000000002)"
T0_MS = 1_795_000_000_000
NAME = Matcher("__name__", MatchOp.EQUAL, "up")


@pytest.fixture
def filled(migrated: Database) -> Database:
    """Three series of `up` and one of `down`; one sample came twice, one is a stale marker."""
    rows = [
        ("up", {"pod": "b", "zone": "eu"}, [(0, 1.0), (15, 2.0), (30, 3.0)]),
        ("up", {"pod": "a", "zone": "us"}, [(0, 10.0), (15, 20.0), (15, 20.0), (30, STALE)]),
        ("up", {"pod": "a\nb"}, [(30, 7.0)]),
        ("down", {"pod": "a"}, [(0, 0.0)]),
    ]
    for name, labels, samples in rows:
        pairs = ", ".join(f"'{key}', {value!r}" for key, value in labels.items())
        points = ", ".join(
            f"('', '', fromUnixTimestamp64Milli({T0_MS + at * 1000}), {value})"
            for at, value in samples
        )
        migrated.execute(
            "INSERT INTO metric_points (name, type, labels, samples)"
            f" SELECT '{name}', 'gauge', map({pairs}), [{points}]"
        )
    return migrated


def select(db: Database, *matchers: Matcher, start_s: int = -1, end_s: int = 60) -> Samples:
    source = StoreSource(db, "default", SeriesIndex(db, "default"), limits=QueryLimits())
    return source.select(matchers, T0_MS + start_s * 1000, T0_MS + end_s * 1000)


def pods(samples: Samples) -> list[str]:
    return [labels.get("pod") for labels in samples.labels]


def test_series_come_in_the_order_of_their_labels_with_their_samples(filled: Database) -> None:
    samples = select(filled, NAME)
    assert samples.labels[0] == Labels({"__name__": "up", "pod": "a", "zone": "us"})
    assert pods(samples) == ["a", "a\nb", "b"]
    assert samples.offsets.tolist() == [0, 3, 4, 7]
    assert (samples.timestamps_ms - T0_MS).tolist() == [
        0,
        15_000,
        30_000,
        30_000,
        0,
        15_000,
        30_000,
    ]
    assert samples.values[[0, 1, 3, 4, 5, 6]].tolist() == [10, 20, 7, 1, 2, 3]


def test_a_stale_marker_keeps_its_bits(filled: Database) -> None:
    bits = select(filled, NAME).values.view(np.uint64)[2]
    assert bits == 0x7FF0000000000002


@pytest.mark.parametrize(
    ("matcher", "expected"),
    [
        (Matcher("pod", MatchOp.EQUAL, "a"), ["a"]),
        (Matcher("pod", MatchOp.NOT_EQUAL, "a"), ["a\nb", "b"]),
        (Matcher("pod", MatchOp.REGEX, "a.*"), ["a", "a\nb"]),
        (Matcher("pod", MatchOp.REGEX, "a|b"), ["a", "b"]),
        (Matcher("pod", MatchOp.NOT_REGEX, "a.*"), ["b"]),
        (Matcher("zone", MatchOp.EQUAL, ""), ["a\nb"]),
        (Matcher("zone", MatchOp.NOT_EQUAL, ""), ["a", "b"]),
        (Matcher("pod", MatchOp.EQUAL, "'; DROP TABLE metric_series; --"), []),
    ],
    ids=str,
)
def test_matchers_select_as_in_prometheus(
    filled: Database, matcher: Matcher, expected: list[str]
) -> None:
    assert pods(select(filled, NAME, matcher)) == expected


def test_the_start_is_exclusive_and_the_end_inclusive(filled: Database) -> None:
    samples = select(filled, NAME, Matcher("pod", MatchOp.EQUAL, "b"), start_s=0, end_s=15)
    assert (samples.timestamps_ms - T0_MS).tolist() == [15_000]


@pytest.mark.parametrize("hours", [-3, 3], ids=["before", "after"])
def test_outside_of_the_hours_of_a_series_nothing_is_found(filled: Database, hours: int) -> None:
    samples = select(filled, NAME, start_s=hours * 3600, end_s=hours * 3600 + 60)
    assert not samples.labels


def test_a_series_of_the_hour_without_samples_in_the_range_is_nothing(filled: Database) -> None:
    assert not select(filled, NAME, start_s=60, end_s=120).labels


def test_years_beyond_those_of_clickhouse_are_no_error(filled: Database) -> None:
    """Grafana asks for exemplars with milliseconds where seconds belong: the year 57000."""
    source = StoreSource(filled, "default", SeriesIndex(filled, "default"), limits=QueryLimits())
    assert len(source.select([NAME], -(1 << 60), 1 << 60).labels) == 3


def test_labels_read_once_serve_other_selectors(filled: Database) -> None:
    index = SeriesIndex(filled, "default")
    every = index.find([NAME], T0_MS, T0_MS)
    one = index.find([NAME, Matcher("pod", MatchOp.EQUAL, "b")], T0_MS, T0_MS)
    assert one.labels == [each for each in every.labels if each.get("pod") == "b"]


def test_what_was_found_is_kept_until_a_series_comes(filled: Database) -> None:
    index = SeriesIndex(filled, "default")
    first = index.find([NAME], T0_MS, T0_MS)
    assert index.find([NAME], T0_MS + 60_000, T0_MS + 60_000) is first
    filled.execute(
        "INSERT INTO metric_points (name, type, labels, samples)"
        " SELECT 'up', 'gauge', map('pod', 'c'),"
        f" [('', '', fromUnixTimestamp64Milli({T0_MS}), 1.)]"
    )
    assert len(index.find([NAME], T0_MS, T0_MS).labels) == len(first.labels) + 1


def test_native_histograms_stand_among_the_floats(migrated: Database) -> None:
    native = NativeHistogram(
        3, 6, 12.5, 1e-128, 1, ((-2, 2.0), (5, 2.0)), ((0, 1.0),), (), reset_hint=2
    )
    custom = NativeHistogram(-53, 3, 1.5, positive=((0, 3.0),), custom_values=(0.5, 1.0))
    series = Series(
        labels_of({"__name__": "up"}),
        samples=[(T0_MS + 15_000, 1.0)],
        histograms=[(T0_MS, native), (T0_MS + 30_000, custom)],
    )
    insert(migrated, "default", Door.POINTS, encode_points([series]), token="once")
    samples = select(migrated, NAME)
    assert (samples.timestamps_ms - T0_MS).tolist() == [0, 15_000, 30_000]
    assert samples.histograms is not None
    first, second, third = samples.histograms
    assert (first.schema, first.count, first.sum, first.zero_count) == (3, 6, 12.5, 1)
    assert (first.positive.indexes.tolist(), first.positive.counts.tolist()) == ([-2, 5], [2, 2])
    assert (first.negative.indexes.tolist(), first.counter_reset.value) == ([0], 2)
    assert (second, samples.values[1]) == (None, 1.0)
    assert (third.is_custom, third.custom_values) == (True, (0.5, 1.0))


def test_more_series_than_allowed_are_refused(filled: Database) -> None:
    with pytest.raises(TooManySamples, match="more than 2 series; add label matchers"):
        SeriesIndex(filled, "default", max_series=2).find([NAME], T0_MS, T0_MS)


def test_more_samples_than_allowed_are_refused(filled: Database) -> None:
    source = StoreSource(
        filled, "default", SeriesIndex(filled, "default"), limits=QueryLimits(), max_samples=3
    )
    with pytest.raises(TooManySamples, match="too many samples"):
        source.select([NAME], T0_MS - 1, T0_MS + 60_000)
