"""`belvedere traces`: what passes its filters, newest first."""

import json

import pytest
from cli_samples import PING, RUN, T0_NS
from cli_server import Run

ALL = ("--since", "9999d")
EXPECTED = """\
started                      trace                             service: root span   duration  spans  errors
2025-10-09T08:53:20.000000Z  5b8aa5a2d2c872e8321cf37308d69df2  gateway: POST /chat    2.00 s      3       1
2025-10-09T08:53:19.000000Z  5b8aa5a2ffffffffffffffffffffffff  gateway: GET /ping    1.00 ms      1       0
"""  # noqa: E501 - a table is as wide as it is


def test_off_a_terminal_all_is_there(run: Run, server: str) -> None:
    result = run("traces", *ALL)
    assert (result.code, result.err) == (0, "")
    assert result.out == EXPECTED


def test_on_a_terminal_ids_are_short(run: Run, server: str) -> None:
    lines = run("traces", *ALL, width=100).out.splitlines()
    assert lines[1].split()[:3] == ["2025-10-09", "08:53:20.000", RUN.hex()[:12]]
    assert RUN.hex() in run("traces", *ALL, width=140).out


def test_json_is_an_object_a_line(run: Run, server: str) -> None:
    first, second = run("traces", *ALL, "--json").out.splitlines()
    assert json.loads(first) == {
        "trace_id": RUN.hex(),
        "start_ns": T0_NS,
        "duration_ns": 2_000_000_000,
        "spans": 3,
        "errors": 1,
        "root_service": "gateway",
        "root_name": "POST /chat",
    }
    assert json.loads(second)["trace_id"] == PING.hex()


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--service", "agent"], [RUN]),
        (["-s", "gateway"], [RUN, PING]),
        (["--service", "agen"], []),
        (["--name", "CHAT"], [RUN]),
        (["--name", "ping"], [PING]),
        (["--service", "gateway", "--name", "execute_tool"], []),
        (["--error"], [RUN]),
        (["--min-duration", "1ms"], [RUN, PING]),
        (["--min-duration", "1.5s"], [RUN]),
        (["--max-duration", "1s"], [PING]),
        (["--min-duration", "1ms", "--max-duration", "1ms"], [PING]),
        (["--limit", "1"], [RUN]),
        (["--name", "%'\\"], []),
    ],
    ids=str,
)
def test_filters(run: Run, server: str, filters: list[str], found: list[bytes]) -> None:
    out = run("traces", *ALL, "--json", *filters).out
    assert [json.loads(line)["trace_id"] for line in out.splitlines()] == [i.hex() for i in found]


def test_nothing_found_says_what_to_do(run: Run, server: str) -> None:
    expected = "No such trace in the last 1 h 00 m. Try --since 7d, or: belvedere demo\n"
    assert run("traces").out == expected
    assert run("traces", "--json").out == ""
    assert run("traces", *ALL, "--project", "empty").out.startswith(
        "No such trace in the last 9999 d"
    )


def test_a_project_that_is_not_there(run: Run, server: str) -> None:
    result = run("traces", "--project", "nobody")
    assert result.code == 1
    assert result.err == (
        "belvedere: Database nobody does not exist."
        " (a project appears with its first data; see: SHOW DATABASES)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "5"], "'5' is no duration; write it like 200ms"),
        (["--limit", "0"], "Invalid value for '--limit'"),
        (["--nothing"], "No such option: --nothing"),
    ],
    ids=str,
)
def test_wrong_options(run: Run, arguments: list[str], message: str) -> None:
    result = run("traces", *arguments)
    assert result.code == 2
    assert message in " ".join(result.err.replace("│", " ").split())
