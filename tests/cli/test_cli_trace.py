"""`belvedere trace`: one trace, drawn."""

import json

import pytest
from cli_samples import PING, RUN
from cli_server import Run

from belvedere.cli.trace_lines import last_message

EXPECTED = """\
trace 5b8aa5a2d2c872e8321cf37308d69df2
2025-10-09T08:53:20.000000Z · 2.00 s · 3 spans · 1 error

        0     2.00 s  ████████████████████  gateway POST /chat [server] status=200
  +100 ms     1.00 s   ██████████           ├─ agent chat model-1 [client] model=model-1 in=812
  +1.20 s     500 ms              █████     └─ agent execute_tool search ✗ error: no\\nanswer
                                               │  link → trace 5b8aa5a2ffffffffffffffffffffffff span 0707070707070707 why=earlier
  +1.60 s                                      ├─ ◆ exception exception=TimeoutError
  +1.65 s                                      └─ ERROR tool failed tool=search
  +1.90 s                                   WARN slow
"""  # noqa: E501 - a trace is as wide as it is
UNKNOWN = "Spans appear a second or two after they were sent. Find one with: belvedere traces\n"
ALL_ATTRIBUTES = """\
  +1.20 s     500 ms              █████     └─ agent execute_tool search ✗ error: no\\nanswer
                                               │  resource host.name=h1
                                               │  resource service.name=agent
                                               │  otel.scope.name=lib
                                               │  link → trace 5b8aa5a2ffffffffffffffffffffffff span 0707070707070707 why=earlier
  +1.60 s                                      ├─ ◆ exception
                                               │     exception.stacktrace=a\\nb
                                               │     exception.type=TimeoutError
"""  # noqa: E501 - a trace is as wide as it is


def test_a_trace_is_drawn_with_its_log_lines(run: Run, server: str) -> None:
    result = run("trace", RUN.hex())
    assert (result.code, result.err) == (0, "")
    assert result.out == EXPECTED


def test_all_attributes(run: Run, server: str) -> None:
    assert ALL_ATTRIBUTES in run("trace", RUN.hex(), "-a").out


def test_without_log_lines(run: Run, server: str) -> None:
    out = run("trace", RUN.hex(), "--no-logs").out
    assert "tool failed" not in out
    assert "└─ ◆ exception" in out


def test_a_terminal_cuts_lines(run: Run, server: str) -> None:
    lines = run("trace", RUN.hex(), width=60).out.splitlines()
    assert max(map(len, lines)) == 60
    assert any(line.endswith("…") for line in lines)


@pytest.mark.parametrize("trace_id", ["5b8aa5a2d", "5B8AA5A2D2C8", f" {RUN.hex()} "])
def test_the_beginning_of_an_id_will_do(run: Run, server: str, trace_id: str) -> None:
    assert run("trace", trace_id).out.startswith(f"trace {RUN.hex()}\n")


def test_json_is_what_the_api_gives(run: Run, server: str) -> None:
    trace = json.loads(run("trace", PING.hex(), "--json").out)
    assert trace["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "GET /ping"


@pytest.mark.parametrize(
    ("trace_id", "error"),
    [
        (
            "5b8a",
            (
                "belvedere: several traces begin with '5b8a'; the newest are\n"
                f"  {RUN.hex()}\n  {PING.hex()}\n"
            ),
        ),
        (
            "abc",
            (f"belvedere: there is no trace abc\n{UNKNOWN}"),
        ),
        (
            "0" * 32,
            (f"belvedere: there is no trace {'0' * 32}\n{UNKNOWN}"),
        ),
        (
            "xyz",
            (
                "belvedere: 'xyz' is no trace id: it takes 1 to 32 hexadecimal digits\n"
                "Find one with: belvedere traces\n"
            ),
        ),
        (
            "0" * 33,
            (
                f"belvedere: '{'0' * 33}' is no trace id: it takes 1 to 32 hexadecimal digits\n"
                "Find one with: belvedere traces\n"
            ),
        ),
    ],
    ids=["several", "none", "none whole", "no id", "too long"],
)
def test_errors(run: Run, server: str, trace_id: str, error: str) -> None:
    result = run("trace", trace_id)
    assert (result.code, result.out, result.err) == (1, "", error)


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        pytest.param(
            '[{"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},'
            ' {"role": "user", "parts": [{"type": "text", "content": "I am [redacted:email]"}]}]',
            "I am [redacted:email]",
            id="the last of several",
        ),
        pytest.param(
            '[{"parts": [{"type": "text", "content": "a"}, {"type": "tool_call", "name": "t"},'
            ' {"type": "text", "content": "b"}]}]',
            "a b",
            id="its texts",
        ),
        pytest.param('[{"parts": [{"type": "tool_call", "name": "t"}]}]', "", id="no text"),
        pytest.param('[{"role": "user", "content": "a"}]', "", id="another form"),
        pytest.param("[]", "", id="no message"),
        pytest.param('[{"parts": [{"type": "te', "", id="cut"),
        pytest.param("", "", id="absent"),
    ],
)
def test_of_messages_the_last_text_is_shown(encoded: str, expected: str) -> None:
    assert last_message(encoded) == expected
