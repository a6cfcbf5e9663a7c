"""The converters, by upstream's documented examples and known values."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from ottl_records import span_record, value_of

from belvedere.collector.ottl import EvaluationError
from belvedere.collector.ottl.functions.converters import CONVERTERS
from belvedere.collector.ottl.functions.sprintf import sprintf
from belvedere.collector.ottl.values import Duration, Time, float_text, write

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
    ("String(span_id)", "[0,1,2,3,4,5,6,7]"),
    ('String(SpanID("00000000000000ff"))', "[0,0,0,0,0,0,0,255]"),
    ('String(attributes["bytes"])', "01ff"),
    (
        'Format("%s|%s|%q", [span_id, parent_span_id, span_id])',
        '0001020304050607||"0001020304050607"',
    ),
    ("Hex(span_id)", "0001020304050607"),
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
    ('Concat([name, 1, 1.5, true, nil, span_id], " ")', "GET / 1 1.5 true <nil> [0,1,2,3,4,5,6,7]"),
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
    ('SliceToMap(["a", 2, [nil]])', {"0": "a", "1": 2, "2": [None]}),
    ('SliceToMap([{"name": "foo", "value": 2}], ["name"], ["value"])', {"foo": 2}),
    ('SliceToMap([{"value": 2}], valuePath = ["value"])', {"0": 2}),
    ('ToKeyValueString({"k1": "v1", "k2": 2})', "k1=v1 k2=2"),
    ('ToKeyValueString({"b": 1, "a": 2}, ":", ",", true)', "a:2,b:1"),
    ('ToKeyValueString({"k1": "v=2", "k2": "\\"v=3\\""})', 'k1="v=2" k2="\\"v=3\\""'),
    ('ToKeyValueString({"k2": {"k3": ["v4"]}})', 'k2={"k3":["v4"]}'),
]


@pytest.mark.parametrize(("text", "value"), TYPES + TEXT + COLLECTIONS)
def test_converters(text: str, value: Any) -> None:
    result = value_of(text, span_record())
    assert result == value
    assert type(result) is type(value)


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
        ('SliceToMap([1], ["a"])', "element 0 is an int, not a map"),
        ('SliceToMap([1], valuePath = ["a"])', "element 0 is an int, not a map"),
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


@settings(max_examples=300, deadline=None)
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
        result = function.call(*checked)
        if not isinstance(result, Time | Duration):
            write(AnyValue(), result)
    except EvaluationError:
        pass
