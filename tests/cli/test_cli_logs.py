"""`belvedere logs`: lines, filters, and the lines to come."""

import json
import time

import httpx
import pytest
from cli_samples import RUN, T0_NS
from cli_server import Run

ALL = ("--since", "9999d")
EXPECTED = """\
2025-10-09T08:53:20.010000Z DEBUG agent starting
2025-10-09T08:53:21.650000Z ERROR agent tool failed tool=search trace=5b8aa5a2d2c872e8321cf37308d69df2
2025-10-09T08:53:21.900000Z WARN  agent slow trace=5b8aa5a2d2c872e8321cf37308d69df2
2025-10-09T08:53:22.000000Z INFO  agent evil \\x1b[2J title
2025-10-09T08:53:22.100000Z WARNING agent by its text alone
2025-10-09T08:53:22.200000Z       agent two\\nlines
"""  # noqa: E501 - a line is as long as it is


def test_off_a_terminal_all_is_there(run: Run, server: str) -> None:
    result = run("logs", *ALL)
    assert (result.code, result.out, result.err) == (0, EXPECTED, "")


def test_on_a_terminal_lines_break_as_written_and_nothing_steers_it(run: Run, server: str) -> None:
    out = run("logs", *ALL, width=80).out
    assert "two\nlines" in out
    assert "\\x1b[2J" in out
    assert f"trace={RUN.hex()[:12]}\n" in out


def test_json_is_an_object_a_line(run: Run, server: str) -> None:
    line = run("logs", *ALL, "--json", "--level", "error").out
    assert json.loads(line) == {
        "time_ns": T0_NS + 1_650_000_000,
        "severity": "ERROR",
        "severity_number": 17,
        "service": "agent",
        "body": "tool failed",
        "attributes": {"tool": "search"},
        "trace_id": RUN.hex(),
        "span_id": "03" * 8,
        "event_name": "",
    }


@pytest.mark.parametrize(
    ("filters", "bodies"),
    [
        (["--level", "warn"], ["tool failed", "slow", "by its text alone"]),
        (["--level", "WARNING"], ["tool failed", "slow", "by its text alone"]),
        (["-l", "error"], ["tool failed"]),
        (["-l", "fatal"], []),
        (["--service", "agent", "--limit", "1"], ["two\nlines"]),
        (["--service", "other"], []),
        (["--trace", RUN.hex()], ["tool failed", "slow"]),
        (["--trace", "5B8AA5A2"], ["tool failed", "slow"]),
        (["--grep", "FAILED"], ["tool failed"]),
        (["--grep", "100%'\\"], []),
    ],
    ids=str,
)
def test_filters(run: Run, server: str, filters: list[str], bodies: list[str]) -> None:
    out = run("logs", *ALL, "--json", *filters).out
    assert [json.loads(line)["body"] for line in out.splitlines()] == bodies


def test_without_attributes(run: Run, server: str) -> None:
    assert "tool=search" not in run("logs", *ALL, "-A").out


def test_nothing_found_says_what_to_do(run: Run, server: str) -> None:
    assert run("logs").out == (
        "No such log line in the last 1 h 00 m. Try --since 7d, or: belvedere demo\n"
    )
    assert run("logs", "--json").out == ""


def test_an_unknown_level(run: Run) -> None:
    result = run("logs", "--level", "loud")
    assert result.code == 2
    assert "'loud' is no level; there are trace, debug, info, warn, error, fatal" in " ".join(
        result.err.replace("│", " ").split()
    )


def test_follow_waits_for_a_server_that_went_away(
    run: Run, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    real = httpx.Client.request

    def unreliable(self: httpx.Client, *args: object, **kwargs: object) -> httpx.Response:
        """Stands for a server that is gone for two polls, and for a Ctrl-C at the end."""
        nonlocal calls
        calls += 1
        if calls in (2, 3):
            raise httpx.ConnectError("gone")
        if calls == 5:
            raise KeyboardInterrupt
        return real(self, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(httpx.Client, "request", unreliable)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    result = run("logs", "--follow", "--limit", "1", *ALL)
    assert result.code == 130
    assert result.err.count("waiting for it to come back") == 1
