"""Converters that parse, hash and tell the time, by upstream's examples and known values."""

import hashlib
import time
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ottl_records import span_record, value_of

from belvedere.collector.ottl import EvaluationError
from belvedere.collector.ottl.functions.strptime import format_time, parse_time
from belvedere.collector.ottl.functions.times import duration
from belvedere.collector.ottl.values import Duration, Time, duration_text

PARSERS = [
    ('ParseJSON("{\\"attr\\":true}")', {"attr": True}),
    ('ParseJSON("[\\"attr1\\",1,null]")', ["attr1", 1.0, None]),
    ('ParseKeyValue("k1=v1 k2=v2 k3=v3")', {"k1": "v1", "k2": "v2", "k3": "v3"}),
    ('ParseKeyValue("k1!v1_k2!v2", "!", "_")', {"k1": "v1", "k2": "v2"}),
    ('ParseKeyValue("a=\\"x y\\" b=\'z w\'  c=")', {"a": "x y", "b": "z w", "c": ""}),
    (
        'ParseCSV("999-999-9999,Joe Smith,joe@example.com", "phone,name,email")',
        {"phone": "999-999-9999", "name": "Joe Smith", "email": "joe@example.com"},
    ),
    ('ParseCSV("a|\\"b|c\\"", "x|y", delimiter="|")', {"x": "a", "y": "b|c"}),
    ('ParseCSV("a|b", "x,y", delimiter="|", headerDelimiter=",")', {"x": "a", "y": "b"}),
    ('ParseCSV("\\"5,J\\",b", "x,y,z", mode="ignoreQuotes")', {"x": '"5', "y": 'J"', "z": "b"}),
    ('ParseCSV("a\\"b,c", "x,y", mode="lazyQuotes")', {"x": 'a"b', "y": "c"}),
    ('ParseCSV("\\"a\\nb\\",c\\n", "x,y")', {"x": "a\nb", "y": "c"}),
    ('ParseInt("12345", 10)', 12345),
    ('ParseInt("0xAA", 0)', 170),
    ('ParseInt("AA", 16)', 170),
    ('ParseInt("-20", 8)', -16),
    ('ParseInt("0b1111_0000", 0)', 240),
    ('ParseInt("-0o123", 0)', -83),
    ('ParseInt("0123", 0)', 83),
    ('ParseInt("+7", 10)', 7),
    (
        'ParseSeverity("inf", {"info": [{"equals": ["inf"]}, {"range": {"min": 2, "max": 29}}]})',
        "info",
    ),
    (
        'ParseSeverity(250, {"info": [{"equals": ["inf"]}, {"range": {"min": 200, "max": 299}}]})',
        "info",
    ),
    ('ParseSeverity(404, {"info": [{"range": "2xx"}], "warn": [{"range": "4xx"}]})', "warn"),
    (
        'ParseXML("<L a=\\"1\\"><U> Joe </U><!-- c --><T/></L>")',
        {
            "tag": "L",
            "attributes": {"a": "1"},
            "children": [{"tag": "U", "content": "Joe"}, {"tag": "T"}],
        },
    ),
    (
        'ParseSimplifiedXML("<a x=\\"1\\">text<b>1</b><b><![CDATA[2]]></b><c>3</c><d/></a>")',
        {"a": {"b": ["1", "2"], "c": "3"}},
    ),
    ('ParseSimplifiedXML("<a><b>1</b><b/></a>")', {"a": {"b": ["1"]}}),
    (
        'URL("http://www.example.com")',
        {
            "url.original": "http://www.example.com",
            "url.scheme": "http",
            "url.domain": "www.example.com",
            "url.path": "",
        },
    ),
    (
        'URL("http://myusername:mypassword@www.example.com:80/foo.gif?key1=val1&key2=val2#fragment")',
        {
            "url.path": "/foo.gif",
            "url.fragment": "fragment",
            "url.extension": "gif",
            "url.password": "mypassword",
            "url.original": "http://myusername:mypassword@www.example.com:80"
            "/foo.gif?key1=val1&key2=val2#fragment",
            "url.scheme": "http",
            "url.port": 80,
            "url.user_info": "myusername:mypassword",
            "url.domain": "www.example.com",
            "url.query": "key1=val1&key2=val2",
            "url.username": "myusername",
        },
    ),
]
TIMES = [
    ('UnixSeconds(Time("02/04/2023", "%m/%d/%Y"))', 1675468800),
    ('UnixSeconds(Time("Feb 15, 2023", "%b %d, %Y"))', 1676419200),
    ('UnixSeconds(Time("2023-05-26 12:34:56 HST", "%Y-%m-%d %H:%M:%S %Z"))', 1685140496),
    ('UnixSeconds(Time("1986-10-01T00:17:33 MST", "%Y-%m-%dT%H:%M:%S %Z"))', 528535053),
    ('UnixSeconds(Time("2012-11-01T22:08:41+0000", "%Y-%m-%dT%H:%M:%S%z"))', 1351807721),
    (
        'UnixSeconds(Time("2023-05-26 12:34:56", "%Y-%m-%d %H:%M:%S", "America/New_York"))',
        1685118896,
    ),
    ('UnixNano(Time("1970-01-01 00:00:01.5", "%F %T"))', 1_500_000_000),
    ('UnixMilli(Time("01/01/70 1:00:00 PM", "%x %l:%M:%S %p"))', 46_800_000),
    ('FormatTime(Time("02/04/2023", "%m/%d/%Y"), "%A %h %e %Y")', "Saturday Feb  4 2023"),
    (
        'FormatTime(Unix(0, 123456789), "%Y-%m-%dT%H:%M:%S.%L %f %s %j%%")',
        "1970-01-01T00:00:00.123 123456 123456789 +00:00%",
    ),
    ('FormatTime(Unix(7), "%S.%f,%L,%s")', "07"),
    ('UnixNano(Time("1970-01-01 07", "%F %S.%f"))', 7_000_000_000),
    ('UnixNano(Time("1970-01-01 07,25", "%F %S.%L"))', 7_250_000_000),
    ('FormatTime(Unix(7, 120000000), "%S.%f %S,%L %S.%s")', "07.12 07,12 07.12"),
    ('FormatTime(Unix(7, 500), "%S.%f %S.%s %%.%%f")', "07 07.0000005 %.%f"),
    ("Year(Unix(1672527600))", 2022),
    ("Month(Unix(1672527600))", 12),
    ("Day(Unix(1672527600))", 31),
    ("Hour(Unix(1672527600))", 23),
    ("Minute(Unix(1672527661))", 1),
    ("Second(Unix(1672527661))", 1),
    ("Nanosecond(Unix(1, 5))", 5),
    ("Weekday(Unix(1672527600))", 6),
    ("Weekday(Unix(1672614000))", 0),
    ('Hour(Time("12", "%H", "Asia/Tokyo"))', 12),
    ('Hours(Duration("90m"))', 1.5),
    ('Minutes(Duration("90s"))', 1.5),
    ('Seconds(Duration("1500ms"))', 1.5),
    ('Milliseconds(Duration("1.5s"))', 1500),
    ('Microseconds(Duration("-1.5us"))', -1),
    ('Nanoseconds(Duration("1h"))', 3_600_000_000_000),
    ("UnixMicro(start_time)", 1_000_000),
    ('UnixSeconds(TruncateTime(Unix(3725), Duration("1h")))', 3600),
    ('UnixNano(TruncateTime(end_time, Duration("1s")))', 3_000_000_000),
]
HASHES = [
    ('MD5("hello world")', "5eb63bbbe01eeed093cb22bb8f5acdc3"),
    ('SHA1("hello world")', "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"),
    (
        'SHA256("hello world")',
        "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
    ),
    (
        'SHA512("")',
        hashlib.sha512(b"").hexdigest(),
    ),
    ('FNV("pass")', 266877920130663416),
    ('FNV("")', -3750763034362895579),
    ('Murmur3Hash("Hello World")', "ce837619"),
    ('Murmur3Hash128("hello world")', "0e617feb46603f53b163eb607d4697ab"),
    (
        'TraceID("a389023abaa839283293ed323892389d")',
        bytes.fromhex("a389023abaa839283293ed323892389d"),
    ),
    ("SpanID(0x0102030405060708)", bytes(range(1, 9))),
    (
        'CommunityID("128.232.110.120", 34855, "66.35.250.204", 80)',
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
    ),
    (
        'CommunityID("66.35.250.204", 80, "128.232.110.120", 34855)',
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
    ),
    (
        'CommunityID("192.168.1.52", 54585, "8.8.8.8", 53, "UDP")',
        "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
    ),
]


@pytest.mark.parametrize(("text", "value"), PARSERS + TIMES)
def test_converters_of_data(text: str, value: Any) -> None:
    result = value_of(text, span_record())
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(("text", "value"), HASHES)
def test_hashes_and_ids(text: str, value: Any) -> None:
    assert value_of(text, span_record()) == value


def test_what_differs_each_time() -> None:
    record = span_record()
    assert abs(value_of("UnixNano(Now())", record) - time.time_ns()) < 60_000_000_000
    assert uuid.UUID(value_of("UUID()", record)).version == 4
    seven = uuid.UUID(value_of("UUIDv7()", record))
    assert (seven.int >> 76 & 0xF, seven.variant) == (7, uuid.RFC_4122)
    assert abs((seven.int >> 80) - time.time_ns() // 1_000_000) < 60_000


def test_deep_json_is_refused() -> None:
    for depth in (102, 1_000, 100_000):
        record = span_record(json="[" * depth + "]" * depth)
        with pytest.raises(EvaluationError):
            value_of('ParseJSON(attributes["json"])', record)


def test_an_error_repeats_the_begin_of_a_long_value() -> None:
    record = span_record(line="x" * 1_000_000)
    with pytest.raises(EvaluationError, match=r"^'x+…$") as caught:
        value_of('ParseKeyValue(attributes["line"])', record)
    assert len(str(caught.value)) == 301


def test_deep_xml_is_refused() -> None:
    record = span_record(xml="<a>" * 100_000)
    with pytest.raises(EvaluationError, match="within each other"):
        value_of('ParseXML(attributes["xml"])', record)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (-1_500_000, "-1.5ms"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_001, "1h0m0.000000001s"),
    ],
)
def test_durations_are_written_as_go_does(ns: int, text: str) -> None:
    assert duration_text(Duration(ns)) == text
    assert duration(text) == Duration(ns)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4_102_444_800_000_000_000))
def test_times_written_are_times_read(ns: int) -> None:
    form = "%Y-%m-%dT%H:%M:%S.%s%j"
    assert parse_time(format_time(Time(ns), form), form) == Time(ns)
