"""Templates against what Prometheus's documentation and Go's text/template say of them."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.rules.template.errors import TemplateError, TemplateSyntaxError
from belvedere.rules.template.expand import expand, parse_alert_template
from belvedere.rules.template.functions import Surroundings
from belvedere.rules.template.values import AlertData, Sample, StringMap

_UP = [
    Sample(StringMap({"__name__": "up", "instance": "b:1"}), 1.0),
    Sample(StringMap({"__name__": "up", "instance": "a:1"}), 2.0),
]


def _query(text: str) -> Sequence[Sample]:
    return _UP if text == "up" else []


_AROUND = Surroundings(_query, 1_500_000, "http://b.example/prefix")
_DATA = AlertData(
    StringMap({"instance": "i:9090", "job": "j"}), StringMap({"dc": "x"}), "http://b.example", 1.5
)


def _expanded(text: str, value: float = 1.5) -> str:
    data = AlertData(_DATA.labels, _DATA.external_labels, _DATA.external_url, value)
    return expand("Foo", text, data, _AROUND)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain { text }", "plain { text }"),
        ("{{ $labels.instance }} is {{ $value }}", "i:9090 is 1.5"),
        (
            "{{ .Labels.job }}{{ .Value }}{{ .ExternalLabels.dc }}{{ .ExternalURL }}",
            "j1.5xhttp://b.example",
        ),
        ("[{{ $labels.absent }}]", "[]"),
        ("{{ $labels }}", "map[instance:i:9090 job:j]"),
        (
            "{{ 1000000.0 }} {{ 1 }} {{ 'a' }} {{ true }} {{ 0x10 }} {{ 010 }}",
            "1e+06 1 97 true 16 8",
        ),
        ('{{ "a\\tb" }}{{ `c\\n` }}', "a\tbc\\n"),
        ("a {{- /* gone */ -}} b {{- 1 -}} c", "ab1c"),
        ("{{ if gt $value 1.0 }}high{{ else if gt $value 0.0 }}low{{ else }}none{{ end }}", "high"),
        ("{{ if $labels.absent }}a{{ else }}b{{ end }}", "b"),
        ("{{ with $labels.job }}<{{ . }}>{{ else }}none{{ end }}", "<j>"),
        ("{{ with $labels.no }}a{{ else with $labels.job }}{{ . }}{{ end }}", "j"),
        ('{{ range query "up" }}{{ .Labels.instance }}={{ .Value }};{{ end }}', "b:1=1;a:1=2;"),
        ('{{ range query "down" }}x{{ else }}none{{ end }}', "none"),
        (
            '{{ range $i, $s := query "up" }}{{ $i }}{{ label "instance" $s }} {{ end }}',
            "0b:1 1a:1 ",
        ),
        ("{{ range $k, $v := $labels }}{{ $k }}={{ $v }} {{ end }}", "instance=i:9090 job=j "),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        (
            (
                "{{ range $x := 5 }}{{ if eq $x 1 }}{{ continue }}{{ end }}"
                "{{ if eq $x 3 }}{{ break }}{{ end }}{{ $x }}{{ end }}"
            ),
            "02",
        ),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"),
        ('{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" $value }}', "[1.5]"),
        ('{{ block "t" "x" }}<{{ . }}>{{ end }}', "<x>"),
        ('{{ query "up" | sortByLabel "instance" | first | value }}', "2"),
        ('{{ query "up" | first | label "instance" | toUpper }}', "B:1"),
        (
            '{{ printf "%.2f|%5d|%-4s|%q|%05.1f|%x|%+d|%%|%v" 1.234 3 "a" "b" 2.5 255 4 $value }}',
            '1.23|    3|a   |"b"|002.5|ff|+4|%|1.5',
        ),
        ('{{ printf "%d" "a" }}{{ printf "%s" }}', "%!d(string=a)%!s(MISSING)"),
        ('{{ print 1 2 "a" 3 }}|{{ println "a" 1 }}', "1 2a3|a 1\n"),
        ('{{ len "äb" }} {{ len $labels }} {{ index $labels "job" }}', "3 2 j"),
        ('{{ and 1 0 }} {{ or 0 "x" }} {{ not true }} {{ and true (eq 1 1) }}', "0 x false true"),
        (
            '{{ eq 1 2 1 }} {{ ne "a" "b" }} {{ lt 1 2 }} {{ le 2 2 }} {{ ge "b" "a" }}',
            "true true true true true",
        ),
        ('{{ html "<a>" }} {{ urlquery "a b&" }} {{ slice "abcd" 1 3 }}', "&lt;a&gt; a+b%26 bc"),
        ("{{ (args 1 2).arg1 }}", "2"),
        ('{{ reReplaceAll "(.*):.*" "$1!" $labels.instance }}', "i!"),
        ('{{ match "^i" $labels.instance }} {{ match "^j" $labels.instance }}', "true false"),
        ('{{ title "a fine day" }} {{ toLower "AB" }}', "A Fine Day ab"),
        ('{{ stripPort "a.b:80" }} {{ stripPort "[::1]:80" }} {{ stripPort "a" }}', "a.b ::1 a"),
        (
            '{{ stripDomain "a.b.c:80" }} {{ stripDomain "1.2.3.4" }} {{ stripDomain "a.b" }}',
            "a:80 1.2.3.4 a",
        ),
        (
            '{{ graphLink "up > 1" }} {{ tableLink "up" }}',
            "/graph?g0.expr=up+%3E+1&g0.tab=0 /graph?g0.expr=up&g0.tab=1",
        ),
        (
            "{{ externalURL }} {{ pathPrefix }} {{ $externalURL }} {{ $externalLabels.dc }}",
            "http://b.example/prefix /prefix http://b.example x",
        ),
        ('{{ parseDuration "1h30m" }} {{ now }}', "5400 1500"),
        ('{{ (toTime 1.5).Format "2006-01-02T15:04:05.000Z07:00" }}', "1970-01-01T00:00:01.500Z"),
        ("{{ toTime 0 }} {{ (toTime 90).Minute }}", "1970-01-01 00:00:00 +0000 UTC 1"),
        ("{{ toDuration 3661.5 }} {{ (toDuration 90).Minutes }}", "1h1m1.5s 1.5"),
        ("{{ safeHtml `<b>` }} {{ urlQueryEscape `a/b` }}", "<b> a%2Fb"),
    ],
)
def test_a_template_writes(text: str, expected: str) -> None:
    assert _expanded(text) == expected


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        ("humanize", 0.0, "0"),
        ("humanize", 1234567.0, "1.235M"),
        ("humanize", 0.0012, "1.2m"),
        ("humanize", -999.9, "-999.9"),
        ("humanize", float("inf"), "+Inf"),
        ("humanize", float("nan"), "NaN"),
        ("humanize", 1e30, "1e+06Y"),
        ("humanize1024", 1048576.0, "1Mi"),
        ("humanize1024", 0.5, "0.5"),
        ("humanizeDuration", 0.0, "0s"),
        ("humanizeDuration", 59.1234, "59.12s"),
        ("humanizeDuration", 61.0, "1m 1s"),
        ("humanizeDuration", 3600.0, "1h 0m 0s"),
        ("humanizeDuration", -90061.0, "-1d 1h 1m 1s"),
        ("humanizeDuration", 0.01, "10ms"),
        ("humanizePercentage", 0.1234567, "12.35%"),
        ("humanizeTimestamp", 1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
        ("humanizeTimestamp", float("-inf"), "-Inf"),
    ],
)
def test_numbers_are_written_for_people(function: str, value: float, expected: str) -> None:
    assert _expanded(f"{{{{ $value | {function} }}}}", value) == expected


def test_texts_are_numbers_too() -> None:
    assert _expanded('{{ humanize "1500" }}') == "1.5k"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ foo }}", 'function "foo" not defined'),
        ('{{ tmpl "x" . }}', 'function "tmpl" not defined'),
        ("{{ $foo }}", 'undefined variable "$foo"'),
        ("{{ if }}", "missing value for if"),
        ("{{ if true }}", "unexpected EOF"),
        ("{{ .Labels.x", "unclosed action"),
        ("{{ end }}", "unexpected {{end}}"),
        ("{{ else }}", "unexpected {{else}}"),
        ("{{ break }}", "{{break}} outside {{range}}"),
        ('{{ "a }}', "unterminated quoted string"),
        ("{{ (1 }}", "unclosed left paren"),
        ("{{ 1) }}", "unexpected right paren"),
        ("{{ 1a }}", "bad number syntax"),
        ("{{/* a }}", "unclosed comment"),
        ("{{ 1 | 2 }}", "non executable command"),
        ("{{ 1 | }}", "missing value"),
        ("{{ # }}", "unrecognized character in action"),
        ("{{ define foo }}{{ end }}", "in define clause"),
        ("{{ if true }}a\n{{ else }}\n{{ else }}{{ end }}", "expected end; found {{else}}"),
    ],
)
def test_what_is_no_template_is_refused(text: str, problem: str) -> None:
    with pytest.raises(TemplateSyntaxError) as raised:
        parse_alert_template("Foo", text)
    assert problem in str(raised.value)


def test_errors_name_the_line() -> None:
    with pytest.raises(TemplateSyntaxError, match=r"__alert_Foo:3: function"):
        parse_alert_template("Foo", "a\nb\n{{ nope }}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ gt $value 1 }}", "at <gt $value 1>: error calling gt: incompatible types"),
        ('{{ query "down" | first }}', "first() called on vector with no elements"),
        ("{{ toUpper 1 }}", "wrong type for value; expected string; got int"),
        ("{{ humanize }}", "wrong number of args for humanize: want 1 got 0"),
        ("{{ $labels.x.y }}", "can't evaluate field y in type string"),
        ('{{ humanize "x" }}', "parsing"),
        ('{{ template "nope" }}', 'template "nope" not defined'),
        ('{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}', "maximum template depth"),
        ("{{ range 99999999 }}{{ end }}", "too many steps"),
        ("{{ range 9999999 }}aaaaaaaaaaaaaaaaaaaa{{ end }}", "writes too much"),
        ("{{ nil }}", "nil is not a command"),
        ("{{ range true }}{{ end }}", "range can't iterate over true"),
        ('{{ reReplaceAll "(" "" "" }}', "error parsing regexp"),
        ("{{ toTime `inf` }}", "NaN or Inf"),
        ("{{ index $labels 1 }}", "value has type int; should be string"),
    ],
)
def test_what_a_template_cannot_do_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(TemplateError) as raised:
        _expanded(text)
    assert problem in str(raised.value)


@given(st.text(alphabet="{}-. $|()\"`'=:,/*aelsindrgwthf1\n", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_expanded_or_refused(text: str) -> None:
    try:
        _expanded("{{" + text)
    except TemplateError:
        return
