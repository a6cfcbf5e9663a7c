"""References to environment variables."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from belvedere.collector.expand import ExpansionError, expand

ENV = {"HOST": "tempo", "PORT": "4317", "EMPTY": "", "TRICKY": "a$b${env:HOST}", "_X1": "x"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param("plain", "plain", id="no-reference"),
        pytest.param("${env:HOST}", "tempo", id="env"),
        pytest.param("${HOST}", "tempo", id="env-is-the-default"),
        pytest.param("${_X1}", "x", id="underscore-and-digit"),
        pytest.param("http://${env:HOST}:${PORT}/x", "http://tempo:4317/x", id="embedded"),
        pytest.param("${env:NOPE:-here}", "here", id="default"),
        pytest.param("${NOPE:-here}", "here", id="default-without-scheme"),
        pytest.param("${env:HOST:-here}", "tempo", id="default-not-needed"),
        pytest.param("${env:EMPTY:-here}", "", id="empty-is-set"),
        pytest.param("${env:NOPE:-}", "", id="empty-default"),
        pytest.param("${env:NOPE:-a:b-c}", "a:b-c", id="default-with-punctuation"),
        pytest.param("${env:NOPE:-${env:HOST}:1}", "tempo:1", id="default-with-reference"),
        pytest.param("$$", "$", id="dollar"),
        pytest.param("$${HOST}", "${HOST}", id="escaped-reference"),
        pytest.param("$$$${HOST}", "$${HOST}", id="escaped-twice"),
        pytest.param("$HOST 5$", "$HOST 5$", id="other-dollars-stay"),
        pytest.param("${TRICKY}", "a$b${env:HOST}", id="values-are-not-expanded"),
    ],
)
def test_expands(text: str, result: str) -> None:
    assert expand(text, ENV).text == result


@pytest.mark.parametrize(
    ("text", "whole"),
    [("${HOST}", True), ("${NOPE:-1}", True), (" ${HOST}", False), ("${HOST}${PORT}", False),
     ("$$", False), ("", False)],
)  # fmt: skip
def test_knows_whole_references(text: str, *, whole: bool) -> None:
    assert expand(text, ENV).whole is whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${HOST", "without its }"),
        ("${env:NOPE:-${HOST}", "without its }"),
        ("${}", "no name"),
        ("${1X}", "no name"),
        ("${env:a b}", "no name"),
        ("${file:/etc/passwd}", "'file' references are not supported"),
        ("${env:a:b}", "'env:a' references are not supported"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ExpansionError, match=message):
        expand(text, ENV)


def test_missing_variable_is_empty_with_a_warning() -> None:
    with capture_logs() as logs:
        assert expand("<${env:NOPE}>", ENV).text == "<>"
    assert [(entry["log_level"], entry["variable"]) for entry in logs] == [("warning", "NOPE")]


@given(st.text())
def test_any_text_expands_or_is_refused(text: str) -> None:
    with capture_logs(), suppress(ExpansionError):
        expand(text, ENV)


@given(st.text())
def test_escaping_round_trips(text: str) -> None:
    assert expand(text.replace("$", "$$"), {}).text == text
