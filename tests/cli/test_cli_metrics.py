"""`belvedere metrics`: what there is, and the last values by what a type means."""

import json

from cli_server import Run

ALL = ("--since", "9999d")


def test_list(run: Run, server: str) -> None:
    out = run("metrics", *ALL, "--json").out
    found = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert {name: (row["type"], row["unit"], row["series"]) for name, row in found.items()} == {
        "calls_total": ("counter", "", 2),
        "latency_seconds": ("histogram", "seconds", 1),
        "pause_milliseconds": ("summary", "milliseconds", 2),
        "queue_size": ("gauge", "", 2),
        "size_bytes": ("histogram", "bytes", 1),
    }
    assert found["calls_total"]["help"] == "Calls made"


def test_last_values(run: Run, server: str) -> None:
    lines = run("metrics", *ALL).out.splitlines()
    values = {line.split()[0]: line for line in lines[1:]}
    for name, value in {
        "calls_total": " 7 ",
        "latency_seconds": " 4 observed, mean 0.5 ",
        "queue_size": " 1.5 … 7 ",
        "size_bytes": " 2 observed, mean 5 ",
        "pause_milliseconds": " 5 observed, mean 2 ",
    }.items():
        assert value in values[name]


def test_one_metric(run: Run, server: str) -> None:
    lines = run("metrics", "calls_total", *ALL).out.splitlines()
    assert lines[:3] == ["calls_total (counter)", "Calls made", ""]
    assert [line.split()[0] for line in lines[4:]] == ["3", "4"]
    assert '{job="agent", model="a"}' in lines[4]


def test_a_histogram_is_one_series_a_label_set(run: Run, server: str) -> None:
    lines = run("metrics", "latency_seconds", *ALL).out.splitlines()
    assert lines[0] == "latency_seconds (histogram, seconds)"
    assert len(lines) == 4
    assert lines[3].startswith("4 observed, mean 0.5")


def test_grep(run: Run, server: str) -> None:
    out = run("metrics", *ALL, "--grep", "SIZE", "--json").out
    assert [json.loads(line)["name"] for line in out.splitlines()] == ["queue_size", "size_bytes"]


def test_narrow_terminals_go_without_help(run: Run, server: str) -> None:
    assert "Calls made" not in run("metrics", *ALL, width=100).out
    assert "Calls made" in run("metrics", *ALL, width=160).out


def test_an_unknown_metric_names_the_nearest(run: Run, server: str) -> None:
    result = run("metrics", "call_totals", *ALL)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "belvedere: no metric 'call_totals' in the last 9999 d 00 h\nNear it: calls_total\n"
    )


def test_nothing_found_says_what_to_do(run: Run, server: str) -> None:
    assert run("metrics").out == (
        "No such metric in the last 1 h 00 m. Try --since 7d, or: belvedere demo\n"
    )
