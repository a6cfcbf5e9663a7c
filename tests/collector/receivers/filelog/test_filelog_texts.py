"""Conditions, layouts of times, globs and the splitting of files: what is text in `filelog`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.collector.receivers.filelog.config import FileLogConfig
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.expression import parse_condition
from belvedere.collector.receivers.filelog.globs import matching
from belvedere.collector.receivers.filelog.layouts import time_reader
from belvedere.collector.receivers.filelog.splitting import splitter

ENTRY = Entry(
    "ERROR: disk 7 is full", {"level": "warn", "n": 3, "log.file.name": "a.log", "tags": ["x"]},
    {"host": {"name": "h"}}, severity_number=13, severity_text="WARN",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('body matches "^ERROR: .* full$"', True),
        (r'body matches "disk \\d+"', True),
        ("body contains 'disk'", True),
        ("body startsWith 'disk'", False),
        ("body endsWith 'full' and attributes.n == 3", True),
        ('attributes["log.file.name"] == "a.log"', True),
        ("attributes.level in ['warn', 'error']", True),
        ("attributes.level not in ['info']", True),
        ("attributes.tags[0] == 'x'", True),
        ("attributes.n > 2 && attributes.n <= 3.5", True),
        ("attributes.n > 'a'", False),
        ("attributes.none == nil", True),
        ("attributes.none matches 'x'", False),
        ("not (attributes.none matches 'x')", True),
        ("body not matches 'x'", True),
        ("!(severity_number >= 17) || false", True),
        ("severity_text == 'WARN' and (false or true)", True),
        ("resource.host.name != 'g'", True),
        ("body.field == 1", False),
        ("attributes.n", False),
        ("'it\\'s' contains '\\''", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:  # noqa: FBT001 - a column of the table
    assert parse_condition(text)(ENTRY) is holds


@pytest.mark.parametrize(
    "text", ["", "body ==", "body === 1", "env('X') == 1", "body matches body", "a.b", "(true", "%"]
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|regular"):
        parse_condition(text)


NS = 1_000_000_000


def utc_ns(*fields: int, ns: int = 0) -> int:
    moment = datetime(*fields, tzinfo=UTC)  # type: ignore[arg-type,misc]  # year, month, ...
    return int(moment.timestamp()) * NS + ns


@pytest.mark.parametrize(
    ("layout_type", "layout", "text", "expected"),
    [
        ("strptime", "%Y-%m-%d %H:%M:%S", "2006-01-02 15:04:05", utc_ns(2006, 1, 2, 15, 4, 5)),
        ("strptime", "%Y-%m-%dT%H:%M:%S.%LZ", "2022-01-02T14:24:56.123123123Z",
         utc_ns(2022, 1, 2, 14, 24, 56, ns=123_123_123)),
        ("strptime", "%Y-%m-%d %H:%M:%S.%f %z", "2022-01-02 07:24:56,123 -0700",
         utc_ns(2022, 1, 2, 14, 24, 56, ns=123_000_000)),
        ("strptime", "%d/%b/%Y:%H:%M:%S %z", "10/oct/2000:13:55:36 +0200",
         utc_ns(2000, 10, 10, 11, 55, 36)),
        ("strptime", "%D %r", "01/02/2006 03:04:05 pm", utc_ns(2006, 1, 2, 15, 4, 5)),
        ("strptime", "%a %b %e %H:%M:%S %Z %Y", "Fri Jun  5 13:50:27 GMT 2020",
         utc_ns(2020, 6, 5, 13, 50, 27)),
        ("strptime", "%y%m%d %H%M", "990102 0304", utc_ns(1999, 1, 2, 3, 4)),
        ("strptime", "%Y-%m-%d %I:%M %p%%", "2020-01-01 12:30 AM%", utc_ns(2020, 1, 1, 0, 30)),
        ("strptime", "%Y %H:%M:%S", "2020 01:02:03.5", utc_ns(2020, 1, 1, 1, 2, 3, ns=NS // 2)),
        ("gotime", "2006-01-02T15:04:05.999999999Z07:00", "2020-08-09T00:00:00.000000001+02:00",
         utc_ns(2020, 8, 8, 22, 0, 0, ns=1)),
        ("gotime", "Jan 2 15:04:05 MST 2006", "Jun 5 13:50:27 UTC 2020",
         utc_ns(2020, 6, 5, 13, 50, 27)),
        ("gotime", "Mon, 02 Jan 2006 03:04:05 PM -0700", "Thu, 06 Aug 2020 01:02:03 PM +0100",
         utc_ns(2020, 8, 6, 12, 2, 3)),
        ("gotime", "15:04:05.000 2006", "01:02:03,456 2020",
         utc_ns(2020, 1, 1, 1, 2, 3, ns=456 * 10**6)),
        ("strptime", "%Y %H:%M:%S.%L", "2020 01:02:03", utc_ns(2020, 1, 1, 1, 2, 3)),
        ("epoch", "s", 1136214245, 1136214245 * NS),
        ("epoch", "ms", "1136214245123", 1136214245123 * 10**6),
        ("epoch", "s.ns", "1136214245.123456789", 1136214245123456789),
        ("epoch", "s", 1.5, NS * 3 // 2),
    ],
    ids=str,
)  # fmt: skip
def test_times(layout_type: str, layout: str, text: Any, expected: int) -> None:
    assert time_reader(layout_type, layout, ZoneInfo("UTC"), {})(text) == expected


@pytest.mark.parametrize(
    ("location", "text", "expected"),
    [
        ("America/New_York", "2020-06-05 13:00 EDT", utc_ns(2020, 6, 5, 17)),
        ("America/New_York", "2020-06-05 13:00 PDT", utc_ns(2020, 6, 5, 20)),
        ("Europe/Berlin", "2020-06-05 13:00 XYZ", utc_ns(2020, 6, 5, 13)),
        ("Asia/Kolkata", "2020-06-05 13:00 IST", utc_ns(2020, 6, 5, 7, 30)),
    ],
    ids=["location's", "in-the-table", "unknown-is-utc", "same-name-elsewhere"],
)
def test_zones(location: str, text: str, expected: int) -> None:
    zones = {"PDT": ZoneInfo("America/Los_Angeles")}
    read = time_reader("strptime", "%Y-%m-%d %H:%M %Z", ZoneInfo(location), zones)
    assert read(text) == expected


def test_a_time_without_year_is_of_the_last_twelve_months() -> None:
    read = time_reader("strptime", "%b %d %H:%M:%S", ZoneInfo("UTC"), {})
    for days in (-300, -1, 3):
        moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        if (moment.month, moment.day) == (2, 29):
            moment += timedelta(days=1)
        assert read(moment.strftime("%b %d %H:%M:%S")) == int(moment.timestamp()) * NS


@pytest.mark.parametrize("value", ["2006-01-02", "2006-13-02 15:04:05", 7, None], ids=repr)
def test_texts_of_another_layout(value: Any) -> None:
    with pytest.raises(ValueError, match=r"layout|month"):
        time_reader("strptime", "%Y-%m-%d %H:%M:%S", None, {})(value)


@pytest.mark.parametrize(
    ("include", "exclude", "names"),
    [
        (["*.log"], [], ["a.log", "b.log"]),
        (["**/*.log"], [], ["a.log", "b.log", "deep/c.log", "deep/er/d.log"]),
        (["**/*.log"], ["**/er/*"], ["a.log", "b.log", "deep/c.log"]),
        (["{a,z}.log", "a.*"], [], ["a.log", "a.txt"]),
        (["[!a].log"], ["**/*"], []),
        (["deep"], [], []),
        ([".hidden"], [], [".hidden"]),
        (["?.*"], ["*.tx?"], ["a.log", "b.log"]),
    ],
    ids=str,
)
def test_globs(tmp_path: Path, include: list[str], exclude: list[str], names: list[str]) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("a.log", "b.log", "a.txt", "deep/c.log", "deep/er/d.log", ".hidden"):
        (tmp_path / name).touch()
    below = [
        pattern if pattern.startswith("**") else f"{tmp_path}/{pattern}" for pattern in exclude
    ]
    found = matching([f"{tmp_path}/{pattern}" for pattern in include], below)
    assert [str(Path(path).relative_to(tmp_path)) for path in found] == names


def test_the_shortest_of_the_paths_that_links_lead_to_comes_first(tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    (tmp_path / "Loop").symlink_to(tmp_path)
    assert next(matching([f"{tmp_path}/**/*.log"], [])) == f"{tmp_path}/a.log"


def pieces(data: bytes, *, final: bool = True, **config: Any) -> tuple[list[bytes], bytes]:
    """Records, and what is left."""
    settings = FileLogConfig.model_validate({"include": ["*"]} | config)
    spans = splitter(settings)(data, final)
    after = spans[-1].after if spans else 0
    return [data[span.begin : span.end] for span in spans], data[after:]


START = {"multiline": {"line_start_pattern": "^START"}}
END = {"multiline": {"line_end_pattern": "END$"}}


@pytest.mark.parametrize(
    ("data", "config", "final", "records", "rest"),
    [
        pytest.param(b"a\nb\nc", {}, False, [b"a", b"b"], b"c", id="lines"),
        pytest.param(b"a\nb\nc", {}, True, [b"a", b"b", b"c"], b"", id="lines-final"),
        pytest.param(b"a\n\nb\n", {}, False, [b"a", b"", b"b"], b"", id="empty-line"),
        pytest.param(b"", {}, True, [], b"", id="nothing"),
        pytest.param(b"START 1\n x\nSTART 2\n y\n", START, False, [b"START 1\n x\n"],
                     b"START 2\n y\n", id="start"),
        pytest.param(b"before\nSTART 1\nSTART 2\n", START, True,
                     [b"before\n", b"START 1\n", b"START 2\n"], b"", id="before-the-first-start"),
        pytest.param(b"no match", START, False, [], b"no match", id="no-start"),
        pytest.param(b"no match", START, True, [b"no match"], b"", id="no-start-final"),
        pytest.param(b"x END\ny END\nz", END, False, [b"x END", b"\ny END"], b"\nz", id="end"),
        pytest.param(b"x END", END, False, [], b"x END", id="end-may-grow"),
        pytest.param(b"x END", END, True, [b"x END"], b"", id="end-final"),
        pytest.param(b"S1aS2b", {"multiline": {"line_start_pattern": r"S\d", "omit_pattern": True}},
                     True, [b"a", b"b"], b"", id="start-omitted"),
        pytest.param(b"aEbE", {"multiline": {"line_end_pattern": "E", "omit_pattern": True}},
                     True, [b"a", b"b"], b"", id="end-omitted"),
        pytest.param("a\nĊ\nb\n".encode("utf-16le"), {"encoding": "utf-16le"}, False,
                     ["a".encode("utf-16le"), "Ċ".encode("utf-16le"), "b".encode("utf-16le")],
                     b"", id="utf-16"),
        pytest.param(b"x" * 150 + b"\ny", {"max_log_size": 64}, False,
                     [b"x" * 64, b"x" * 64, b"x" * 22], b"y", id="too-long"),
        pytest.param(b"x" * 150, {"max_log_size": 64}, False, [b"x" * 64, b"x" * 64], b"x" * 22,
                     id="too-long-already"),
        pytest.param(("x" * 63 + "é" * 40).encode(), {"max_log_size": 64}, True,
                     [b"x" * 63, "é".encode() * 32, "é".encode() * 8], b"", id="no-torn-text"),
    ],
)  # fmt: skip
def test_splitting(
    data: bytes, config: dict[str, Any], final: bool, records: list[bytes], rest: bytes  # noqa: FBT001 - a column of the table
) -> None:  # fmt: skip
    assert pieces(data, final=final, **config) == (records, rest)


@given(st.binary(max_size=300), st.sampled_from([{}, START, END, {"encoding": "latin1"}]))
@settings(max_examples=300, deadline=None)
def test_nothing_is_lost_between_records(data: bytes, config: dict[str, Any]) -> None:
    config = config | {"max_log_size": 64}
    settings = FileLogConfig.model_validate({"include": ["*"]} | config)
    position = 0
    for final in (False, True):
        at = position
        for span in splitter(settings)(data[at:], final):
            between = data[position : at + span.begin]
            assert not between, "only ends of lines are left out"
            assert span.end - span.begin <= 64
            assert data[at + span.end : at + span.after] in {b"", b"\n"}
            position = at + span.after
    assert position == len(data)
