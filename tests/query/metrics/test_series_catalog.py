"""What series there are: names, values and metadata, also of some of them only."""

import pytest

from belvedere.query.metrics.catalog import FamilyMetadata, SeriesCatalog
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.store.database import Database

T0_MS = 1_795_000_000_000
DAY_MS = 86_400_000
UP = [Matcher("__name__", MatchOp.EQUAL, "up")]
POD_A = [Matcher("pod", MatchOp.EQUAL, "a")]


@pytest.fixture
def catalog(migrated: Database) -> SeriesCatalog:
    rows = [
        ("up", "gauge", "", "Is it?", "map('pod', 'a', 'zone', 'eu')", "''"),
        ("up", "gauge", "", "Is it?", "map('pod', 'b')", "''"),
        ("wait_seconds", "histogram", "seconds", "", "map('pod', 'a')", "'_bucket'"),
        ("wait_seconds", "histogram", "seconds", "", "map('pod', 'a')", "'_count'"),
        ("down", "", "", "", "map('node.name', 'n')", "''"),
    ]
    for name, type_, unit, help_, labels, suffix in rows:
        migrated.execute(
            "INSERT INTO metric_points (name, type, unit, help, labels, samples) SELECT"
            f" '{name}', '{type_}', '{unit}', '{help_}', {labels},"
            f" [({suffix}, '', fromUnixTimestamp64Milli({T0_MS}), 1)]"
        )
    return SeriesCatalog(migrated, "default")


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ([], ["__name__", "node.name", "pod", "zone"]),
        ([UP], ["__name__", "pod", "zone"]),
        ([[Matcher("pod", MatchOp.EQUAL, "b")]], ["__name__", "pod"]),
        ([[Matcher("__name__", MatchOp.EQUAL, "no")]], []),
    ],
    ids=["all", "a metric's", "a label's", "none"],
)
def test_names_of_labels(
    catalog: SeriesCatalog, selectors: list[list[Matcher]], expected: list[str]
) -> None:
    assert catalog.label_names(selectors, T0_MS, T0_MS) == expected


@pytest.mark.parametrize(
    ("name", "selectors", "expected"),
    [
        ("__name__", [], ["down", "up", "wait_seconds_bucket", "wait_seconds_count"]),
        ("pod", [], ["a", "b"]),
        ("zone", [UP], ["eu"]),
        ("zone", [[*UP, *[Matcher("pod", MatchOp.EQUAL, "b")]]], []),
        ("__name__", [UP, POD_A], ["up", "wait_seconds_bucket", "wait_seconds_count"]),
        ("nothing", [], []),
    ],
    ids=["metrics", "pods", "of a metric", "of none", "of either selector", "unknown label"],
)
def test_values_of_a_label(
    catalog: SeriesCatalog, name: str, selectors: list[list[Matcher]], expected: list[str]
) -> None:
    assert catalog.label_values(name, selectors, T0_MS, T0_MS) == expected


def test_a_limit_takes_the_first(catalog: SeriesCatalog) -> None:
    assert catalog.label_values("pod", [], T0_MS, T0_MS, limit=1) == ["a"]


def test_outside_of_the_hours_there_is_nothing(catalog: SeriesCatalog) -> None:
    assert catalog.label_names([], T0_MS - DAY_MS, T0_MS - DAY_MS) == []
    assert catalog.label_names([], T0_MS + DAY_MS, T0_MS + DAY_MS) == []


def test_metadata_is_that_of_families(catalog: SeriesCatalog) -> None:
    assert catalog.metadata() == {
        "up": [FamilyMetadata("gauge", "Is it?", "")],
        "wait_seconds": [FamilyMetadata("histogram", "", "seconds")],
    }


@pytest.mark.parametrize(("metric", "found"), [("up", ["up"]), ("wait_seconds_bucket", [])])
def test_metadata_of_one_family(catalog: SeriesCatalog, metric: str, found: list[str]) -> None:
    assert list(catalog.metadata(metric)) == found
