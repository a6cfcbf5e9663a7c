"""`belvedere promql`: the value now, a line a series over time, and how a query is evaluated."""

import json
import time

import pytest
from cli_server import Run

from belvedere.prometheus.model import Series, labels_of
from belvedere.prometheus.points import encode_points
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import Door, insert


@pytest.fixture(scope="module", autouse=True)
def growing(store: EmbeddedClickHouse) -> None:
    """`growing{pod="a"}` goes from 0 to 40 in the last ten minutes, `growing{pod="b"}` stays 5."""
    now_s = int(time.time())
    series = [
        Series(
            labels_of({"__name__": "growing", "pod": pod}),
            samples=[((now_s - 600 + 15 * at) * 1000, value(at)) for at in range(41)],
        )
        for pod, value in (("a", float), ("b", lambda _: 5.0))
    ]
    insert(store, "default", Door.POINTS, encode_points(series), token="growing")


def test_the_value_now(run: Run, server: str) -> None:
    lines = run("promql", "growing").out.splitlines()
    assert [line.split() for line in lines] == [
        ["value", "series"],
        ["40", 'growing{pod="a"}'],
        ["5", 'growing{pod="b"}'],
    ]


@pytest.mark.parametrize(
    ("query", "printed"), [("1+1", "2\n"), ('"text"', "text\n")], ids=["scalar", "string"]
)
def test_what_is_no_series_is_only_printed(run: Run, server: str, query: str, printed: str) -> None:
    assert run("promql", query).out == printed


def test_a_range_is_a_line_a_series(run: Run, server: str) -> None:
    lines = run("promql", "growing", "--since", "8m", "--step", "2m").out.splitlines()
    last, least, most, bars, name = lines[1].split()
    assert (last, most, name) == ("40", "40", 'growing{pod="a"}')
    assert float(least) < 10
    assert (bars[0], bars[-1], len(bars)) == ("▁", "█", 5)
    assert lines[2].split()[3] == "▁▁▁▁▁"


def test_json_is_a_series_a_line(run: Run, server: str) -> None:
    rows = [json.loads(line) for line in run("promql", "growing", "--json").out.splitlines()]
    assert [row["metric"]["pod"] for row in rows] == ["a", "b"]


def test_infos_go_to_standard_error(run: Run, server: str) -> None:
    result = run("promql", "rate(growing[1m])")
    assert "PromQL info: metric might not be a counter" in result.err
    assert "PromQL" not in result.out


def test_nothing_found_says_where_to_look(run: Run, server: str) -> None:
    assert run("promql", "nothing_of_this_name").out == (
        "No series now; what ended more than 5 minutes ago is shown by: --since 1h\n"
        "Which metrics there are: belvedere metrics\n"
    )
    assert run("promql", "nothing_of_this_name", "--since", "1h").out == (
        "No series. Which metrics there are: belvedere metrics\n"
    )


def test_a_step_without_a_range_is_refused(run: Run, server: str) -> None:
    result = run("promql", "growing", "--step", "1m")
    assert (result.code, result.out) == (1, "")
    assert "--since" in result.err


def test_what_is_experimental_names_the_option_that_switches_it_on(run: Run, server: str) -> None:
    result = run("promql", "info(growing)")
    assert 'function "info" is not enabled' in result.err
    assert "--enable-feature" in result.err


def test_explain_needs_no_server(run: Run) -> None:
    printed = run("promql", "sum by (pod) (rate(growing[1m]))", "--explain").out
    assert [line.split()[0] for line in printed.splitlines()] == ["aggregate", "call", "select"]


@pytest.mark.parametrize("more", [(), ("--explain",)], ids=["asked", "explained"])
def test_an_error_names_the_place(run: Run, server: str, more: tuple[str, ...]) -> None:
    result = run("promql", "sum by (pod", *more)
    assert (result.code, "1:12: parse error: unclosed left parenthesis" in result.err) == (1, True)
