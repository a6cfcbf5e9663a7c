"""The converters, by upstream's documented examples and known values."""

import hashlib
import time
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ottl_records import span_record, value_of

from belvedere.collector.ottl import EvaluationError
from belvedere.collector.ottl.functions.converters import CONVERTERS
from belvedere.collector.ottl.functions.sprintf import sprintf
from belvedere.collector.ottl.functions.strptime import format_time, parse_time
from belvedere.collector.ottl.functions.times import duration
from belvedere.collector.ottl.values import Duration, Time, duration_text, float_text

TYPES = [
    ("Bool(1)", True),
    ("Bool(0.0)", False),
    ('Bool("TRUE")', True),
    ('Bool("yes")', None),
    ("Bool(nil)", None),
    ('Coalesce([nil, attributes["missing"], 2, 3])', 2),
    ("Coalesce([nil])", None),
    ("ContainsValue([1, 2, 3], 3)", True),
    ('ContainsValue(["GET"], "PUT")', False),
    ('ContainsValue(attributes["list"], "a")', True),
    ('Double("2.0")', 2.0),
    ("Double(true)", 1.0),
    ('Double("x")', None),
    ('Hex("1")', "31"),
    ("Hex(true)", "01"),
    ("Hex(12)", "000000000000000c"),
    ("Hex(1.1)", "3ff199999999999a"),
    ("Hex(0x02)", "02"),
    ("Hex(nil)", None),
    ('Index("hello world", "world")', 6),
    ('Index("é world", "world")', 3),
    ('Index(attributes["list"], 2)', 1),
    ("Index([1], 5)", -1),
    ("Int(2.9)", 2),
    ("Int(-2.9)", -2),
    ('Int("20")', 20),
    ('Int("2.0")', None),
    ('Int("99999999999999999999")', None),
    ("Int(true)", 1),
    ("Int([1])", None),
    ("IsBool(false)", True),
    ("IsBool(42)", False),
    ('IsDouble(attributes["double"])', True),
    ("IsDouble(1)", False),
    ("IsEmpty(nil)", True),
    ('IsEmpty("")', True),
    ("IsEmpty({})", True),
    ("IsEmpty(parent_span_id)", True),
    ("IsEmpty(name)", False),
    ('IsInCIDR("192.168.1.9", ["10.0.0.0/8", "192.168.0.0/16"])', True),
    ('IsInCIDR("::1", ["10.0.0.0/8"])', False),
    ('IsInt(attributes["int"])', True),
    ("IsInt(true)", False),
    ('IsList(attributes["list"])', True),
    ('IsMap(attributes["map"])', True),
    ('IsMap("x")', False),
    ("IsRootSpan()", True),
    ('IsString(attributes["text"])', True),
    ('IsValidLuhn("17893729974")', True),
    ('IsValidLuhn("17893729975")', False),
    ("IsValidLuhn(79927398713)", True),
    ('Len("é")', 2),
    ('Len(attributes["list"])', 3),
    ('Len(attributes["map"])', 2),
    ("Log(1)", 0.0),
    ('Log("1")', 0.0),
    ("String(1.0)", "1"),
    ("String(1.5)", "1.5"),
    ("String(false)", "false"),
    ("String([1,2,3])", "[1,2,3]"),
    ('String({"b": 1, "a": "x"})', '{"a":"x","b":1}'),
    ("String(span_id)", "0001020304050607"),
    ("String(nil)", None),
    ('String(Duration("90m"))', "1h30m0s"),
]
TEXT = [
    ('Base64Decode("aGVsbG8gd29ybGQ=")', "hello world"),
    ('Base64Encode("test string")', "dGVzdCBzdHJpbmc="),
    ('Base64Encode("a?>", "base64-raw-url")', "YT8-"),
    ('Base64Encode("a", "base64-raw")', "YQ"),
    ('Decode("aGVsbG8gd29ybGQ", "base64-raw")', "hello world"),
    ('Decode("YT8-", "base64-url")', "a?>"),
    ('Decode(0xe9, "iso-8859-1")', "é"),
    ('Decode("abc", "us-ascii")', "abc"),
    ('Concat(["HTTP method is: ", attributes["text"]], "")', "HTTP method is: value"),
    ('Concat([name, 1, 1.5, true, nil, span_id], " ")', "GET / 1 1.5 true <nil> 0001020304050607"),
    ('Concat(["a", [1], {"a": 1}, "b"], "-")', "a-b"),
    ('ConvertCase("myMetric", "snake")', "my_metric"),
    ('ConvertCase("MY_METRIC", "lower")', "my_metric"),
    ('ConvertCase("my_metric", "upper")', "MY_METRIC"),
    ('ConvertCase("my_metric", "camel")', "MyMetric"),
    ('ToCamelCase("my_metric_name")', "MyMetricName"),
    ('ToSnakeCase("MyMetricName")', "my_metric_name"),
    ('ToSnakeCase("HTTPServer")', "http_server"),
    ('ToLowerCase("MyMetric")', "mymetric"),
    ('ToUpperCase("MyMetric")', "MYMETRIC"),
    ('ExtractPatterns("GIT_SHA=abc", "GIT_SHA=(?P<git_sha>\\\\w+)")', {"git_sha": "abc"}),
    ('ExtractPatterns("nothing", "(?P<a>x)(?P<b>y)?")', {}),
    ('ExtractPatterns("x", "(?P<a>x)(?P<b>y)?")', {"a": "x", "b": ""}),
    ('Format("%02d", [5])', "05"),
    ('Format("%04d-%02d-%02d", [2024, 2, 9])', "2024-02-09"),
    ('Format("%s/%v/%.1f%%", [name, true, 1.25])', "GET //true/1.2%"),
    ('HasPrefix("ingest_service", "ingest_")', True),
    ('HasSuffix("ingest_service", "_service")', True),
    ('IsMatch(name, "^GET")', True),
    ('IsMatch(attributes["missing"], ".*")', False),
    ('IsMatch(kind, "2")', True),
    ('IsMatch(attributes["map"], "deep.*down")', True),
    ('Split("a|b|c", "|")', ["a", "b", "c"]),
    ('Split("a|b|c", "|")[1]', "b"),
    ('Substring("123456789", 0, 3)', "123"),
    ('Substring("一二三", 0, 4, true)', "一"),
    ('Substring("一二三", 1, 5, utf8_safe = true)', "二"),
    ('Trim(" this is a test ", " ")', "this is a test"),
    ('Trim(" x ")', "x"),
    ('Trim("!!this is a test!!", "!!")', "this is a test"),
    ('TrimPrefix("ingest_service", "ingest_")', "service"),
    ('TrimSuffix("ingest_service", "_service")', "ingest"),
]
COLLECTIONS = [
    ('Keys({"k1": "v1", "k2": "v2"})', ["k1", "k2"]),
    ('Values({"key1": "value1", "key3": [1, 2]})', ["value1", [1, 2]]),
    ("Sort([3, 1, 2])", [1, 2, 3]),
    ("Sort([3, 1.5, 2])", [1.5, 2, 3]),
    ('Sort(["b", "a"], "desc")', ["b", "a"]),
    ("Sort([true, false])", [False, True]),
    ('Sort(["b", 1, true])', [1, "b", True]),
    (
        'SliceToMap([{"name": "foo", "value": 2}], ["name"])',
        {"foo": {"name": "foo", "value": 2}},
    ),
    ('SliceToMap([{"a": 1}])', {"0": {"a": 1}}),
    ('SliceToMap([{"name": "foo", "value": 2}], ["name"], ["value"])', {"foo": 2}),
    ('SliceToMap([{"value": 2}], valuePath = ["value"])', {"0": 2}),
    ('ToKeyValueString({"k1": "v1", "k2": 2})', "k1=v1 k2=2"),
    ('ToKeyValueString({"b": 1, "a": 2}, ":", ",", true)', "a:2,b:1"),
    ('ToKeyValueString({"k1": "v=2", "k2": "\\"v=3\\""})', 'k1="v=2" k2="\\"v=3\\""'),
    ('ToKeyValueString({"k2": {"k3": ["v4"]}})', 'k2={"k3":["v4"]}'),
]
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
    ('FNV("hello world")', 9065573210506989167),
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


@pytest.mark.parametrize(("text", "value"), TYPES + TEXT + COLLECTIONS + PARSERS + TIMES)
def test_converters(text: str, value: Any) -> None:
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('HasPrefix(attributes["missing"], "x")', "a string is expected, not nil"),
        ("Len(1)", "an int has no length"),
        ('Index(1, "x")', "cannot be looked for in an int"),
        ("Log(0)", "no logarithm"),
        ('Log("x")', "'x' is no number"),
        ('IsInCIDR("x", ["10.0.0.0/8"])', "does not appear to be"),
        ('IsValidLuhn("12a")', "not made of digits"),
        ('Substring("abc", 1, 3)', "3 bytes have no 3 from 1 on"),
        ('Decode("!", "base64")', "not base64"),
        ('Decode("a", "klingon")', "there is no encoding"),
        ('Decode("a", "hex")', "there is no encoding of text"),
        ('Split("a", "b")[3]', "index 3 is outside"),
        ("Sort([{}])", "only strings, numbers and bools"),
        ("SliceToMap([1])", "element 0 is an int, not a map"),
        ('SliceToMap([{"a": 1}], ["b"])', "there is no b"),
        ('SliceToMap([{"a": 1}], ["a"])', "the key of element 0 is an int"),
        ('ToKeyValueString({}, "=", "=")', "must not be the same"),
        ('ParseJSON("{")', "not JSON"),
        ('ParseJSON(Concat(["[[[[[[[[[[", "]]]]]]]]]]"], "x"))', "not JSON"),
        ('ParseKeyValue("")', "no pairs in an empty string"),
        ('ParseKeyValue("a")', "'a' is no pair"),
        ('ParseKeyValue("a=\\"b")', "a quote is not closed"),
        ('ParseCSV("a,b", "x")', "2 fields do not go with 1 headers"),
        ('ParseCSV("a\\"b,c", "x,y")', "not quoted"),
        ('ParseCSV("a", "x", "||")', "a delimiter is one character"),
        ('ParseInt("0x1", 16)', "no integer of base 16"),
        ('ParseInt("1_0", 10)', "no integer of base 10"),
        ('ParseInt("12", 1)', "base 1 is not 0 or 2 to 36"),
        ('ParseInt("9223372036854775808", 10)', "does not fit in 64 bits"),
        ('ParseSeverity("x", {"info": [{"equals": ["inf"]}]})', "no level is mapped"),
        ('ParseXML("<a>")', "not XML"),
        ('ParseXML("<!DOCTYPE a [<!ENTITY b \\"c\\">]><a>&b;</a>")', "DTD is refused"),
        ('URL("a b")', "is no URL"),
        ('TraceID("00")', "needs 16 bytes"),
        ('SpanID("xx")', "is not hexadecimal"),
        ('CommunityID("x", 1, "y", 2)', "does not appear to be"),
        ('CommunityID("::1", 70000, "::1", 2)', "not between 0 and 65535"),
        ('Duration("1 hour")', "is no duration"),
        ('Duration("9999999999h")', "longer than 292 years"),
        ('Time("x", "%Y")', "is not written as"),
        ('Time("2023-02-30", "%F")', "is no time"),
        ('Time("2023", "%Q")', "%Q is no part of a time"),
        ('Time("2023", "%Y", "Mars/Base")', "there is no location"),
        ('Time("2023 XYZ", "%Y %Z")', "zone 'XYZ' is not known"),
        ('Time("2023", "%Y", "", "it")', "locale 'it' is not supported"),
        ('FormatTime(Unix(99999999999999), "%Y")', "outside of the years"),
        ('Day("x")', "a time is expected"),
    ],
)
def test_values_that_converters_do_not_take(text: str, message: str) -> None:
    with pytest.raises((EvaluationError, ValueError)) as caught:
        value_of(text, span_record())
    assert message in str(caught.value)


def test_deep_json_is_refused() -> None:
    for depth in (102, 1_000, 100_000):
        record = span_record(json="[" * depth + "]" * depth)
        with pytest.raises(EvaluationError):
            value_of('ParseJSON(attributes["json"])', record)


def test_deep_xml_is_refused() -> None:
    record = span_record(xml="<a>" * 100_000)
    with pytest.raises(EvaluationError, match="within each other"):
        value_of('ParseXML(attributes["xml"])', record)


@pytest.mark.parametrize(
    ("form", "arguments", "text"),
    [
        ("%d", [], "%!d(MISSING)"),
        ("%d", ["x"], "%!d(string=x)"),
        ("%s", [1], "%!s(int64=1)"),
        ("%s", [None], "%!s(<nil>)"),
        ("x", [1], "x%!(EXTRA int64=1)"),
        ("%5d|%-5d|%+d|%x|%X|%b", [1, 2, 3, 255, "az", 5], "    1|2    |+3|ff|617A|101"),
        ("%6.2f|%e|%g", [1.005, 1.5, 1.5], "  1.00|1.500000e+00|1.5"),
        ("%q %t %T %v", ['a"b', True, 1.5, None], '"a\\"b" true float64 <nil>'),
        ("%.2s|%%", ["abc"], "ab|%"),
    ],
)
def test_format_is_go_s_sprintf(form: str, arguments: list[Any], text: str) -> None:
    assert sprintf(form, arguments) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (1.5e-9, "0.0000000015"),
        (float("inf"), "+Inf"),
        (-0.5, "-0.5"),
        (1.7976931348623157e308, f"{1.7976931348623157e308:.0f}"),
    ],
)
def test_doubles_are_written_without_exponents(value: float, text: str) -> None:
    assert float_text(value) == text


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


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(CONVERTERS)),
    st.lists(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-9, 300),
            st.floats(),
            st.text(max_size=6),
            st.binary(max_size=4),
            st.lists(st.integers(), max_size=2),
        ),
        max_size=4,
    ),
)
def test_converters_give_a_value_or_an_evaluation_error(name: str, values: list[Any]) -> None:
    function = CONVERTERS[name]
    if function.of_record:
        return
    required = sum(each.default is each.empty for each in function.parameters)
    values = [*values, *([1] * required)][: max(required, len(function.parameters))]
    values = values[: len(function.kinds)]
    try:
        checked = [
            kind.check(value) if kind.check else value
            for kind, value in zip(function.kinds, values, strict=False)
        ]
        function.call(*checked)
    except EvaluationError:
        pass
