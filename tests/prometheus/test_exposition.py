"""Scrapes in text, written and parsed."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_metrics import Metrics, all_kinds
from prometheus_client import parser as reference_text
from prometheus_client.openmetrics import parser as reference_openmetrics

from belvedere.otlp.prometheus import Strategy
from belvedere.otlp.varint import read_varint
from belvedere.prometheus.errors import MalformedError
from belvedere.prometheus.exposition.family import Accepted, Family, Format, negotiate
from belvedere.prometheus.exposition.messages import MetricFamily
from belvedere.prometheus.exposition.parse import parse_openmetrics, parse_text, read_series
from belvedere.prometheus.exposition.protobuf import write_protobuf
from belvedere.prometheus.exposition.write import Options, write
from belvedere.prometheus.from_otlp import Translation, series_of, translate
from belvedere.prometheus.model import Exemplar, Metadata, MetricType


def families(metrics: Metrics, chosen: Translation | None = None) -> list[Family]:
    points = translate(metrics.request, chosen or Translation(scope_labels=False)).points
    return [Family(point.metadata, (point,)) for point in points]


OPENMETRICS = """\
# HELP queue_depth help of queue.depth
# TYPE queue_depth gauge
queue_depth{instance="i-1",job="shop/api",queue="a"} 3 1700000000.000
# HELP temperature_celsius help of temperature
# TYPE temperature_celsius gauge
# UNIT temperature_celsius celsius
temperature_celsius{instance="i-1",job="shop/api",text="qu\\"ote\\\\ and\\nline"} -15 1700000000.000
# HELP requests help of requests
# TYPE requests counter
requests_total{http_method="GET",instance="i-1",job="shop/api"} 7 1700000000.000
# HELP inflight help of inflight
# TYPE inflight gauge
inflight{instance="i-1",job="shop/api"} 2.5 1700000000.000
# HELP latency_seconds help of latency
# TYPE latency_seconds histogram
# UNIT latency_seconds seconds
latency_seconds_bucket{instance="i-1",job="shop/api",route="/",le="0.1"} 1 1700000000.000
latency_seconds_bucket{instance="i-1",job="shop/api",route="/",le="0.5"} 1 1700000000.000
latency_seconds_bucket{instance="i-1",job="shop/api",route="/",le="1.0"} 3 1700000000.000
latency_seconds_bucket{instance="i-1",job="shop/api",route="/",le="+Inf"} 4 1700000000.000
latency_seconds_sum{instance="i-1",job="shop/api",route="/"} 3.5 1700000000.000
latency_seconds_count{instance="i-1",job="shop/api",route="/"} 4 1700000000.000
# HELP size help of size
# TYPE size histogram
size_bucket{instance="i-1",job="shop/api",le="+Inf"} 10 1700000000.000
size_sum{instance="i-1",job="shop/api"} 12.5 1700000000.000
size_count{instance="i-1",job="shop/api"} 10 1700000000.000
# HELP rpc help of rpc
# TYPE rpc summary
rpc{instance="i-1",job="shop/api",quantile="0.5"} 0.2 1700000000.000
rpc{instance="i-1",job="shop/api",quantile="0.99"} 0.9 1700000000.000
rpc_sum{instance="i-1",job="shop/api"} 5.5 1700000000.000
rpc_count{instance="i-1",job="shop/api"} 10 1700000000.000
# HELP target_info Target metadata
# TYPE target_info gauge
target_info{host_name="h1",instance="i-1",job="shop/api"} 1 1700000000.000
# EOF
"""


def test_openmetrics_as_it_is_written() -> None:
    assert write(families(all_kinds()), Options(openmetrics=True, timestamps=True)) == OPENMETRICS


def test_what_is_written_is_what_the_client_library_reads() -> None:
    read = list(reference_openmetrics.text_string_to_metric_families(OPENMETRICS))
    assert [family.type for family in read] == [
        "gauge",
        "gauge",
        "counter",
        "gauge",
        "histogram",
        "histogram",
        "summary",
        "gauge",
    ]
    text = write(families(all_kinds()), Options())
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in reference_text.text_string_to_metric_families(text)
        for sample in family.samples
    }
    expected = {
        (series.name, tuple(pair for pair in series.labels if pair[0] != "__name__")): value
        for series in series_of(
            translate(all_kinds().request, Translation(scope_labels=False)).points
        )
        for _, value in series.samples
    }
    assert expected.items() <= samples.items()


def test_what_is_written_is_what_is_parsed() -> None:
    points = translate(all_kinds().request, Translation()).points
    expected = [
        (point.labels_of(line), line.value, point.time_ms)
        for point in points
        for line in point.lines
    ]
    for options, parse in (
        (Options(openmetrics=True, timestamps=True), parse_openmetrics),
        (Options(timestamps=True), parse_text),
    ):
        parsed = parse(write([Family(p.metadata, (p,)) for p in points if p.lines], options))
        found = [(read_series(s.replace('"1.0"', '"1"')), v, t) for s, v, t, _ in parsed.entries]
        assert found == expected


def test_older_text() -> None:
    metrics = Metrics({})
    metrics.sum("requests", 1)
    metrics.scope.metrics[0].description = 'a "b"\\\n'
    assert write(families(metrics), Options()) == (
        '# HELP requests_total a "b"\\\\\\n\n# TYPE requests_total counter\nrequests_total 1\n'
    )


def test_a_counter_without_total_is_no_counter_in_openmetrics() -> None:
    metrics = Metrics({})
    metrics.sum("requests", 1)
    chosen = Translation(strategy=Strategy.UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES)
    assert "# TYPE requests unknown" in write(families(metrics, chosen), Options(openmetrics=True))
    assert "# TYPE requests counter" in write(families(metrics, chosen), Options())


@pytest.mark.parametrize(
    ("utf8", "expected"),
    [
        pytest.param(True, '# TYPE "a.b" gauge\n{"a.b","c.d"="e"} 1\n', id="quoted"),
        pytest.param(False, '# TYPE a_b gauge\na_b{c_d="e"} 1\n', id="escaped"),
    ],
)
def test_names_with_any_character(*, utf8: bool, expected: str) -> None:
    metrics = Metrics({})
    metrics.gauge("a.b", 1, **{"c.d": "e"})
    metrics.scope.metrics[0].description = ""
    chosen = Translation(strategy=Strategy.NO_TRANSLATION)
    text = write(families(metrics, chosen), Options(utf8_names=utf8))
    assert text == expected
    (entry,) = parse_text(text).entries
    name, label = ("a.b", "c.d") if utf8 else ("a_b", "c_d")
    assert dict(read_series(entry[0])) == {"__name__": name, label: "e"}


def test_exemplars_of_counters_and_buckets() -> None:
    metrics = Metrics({})
    for point in (metrics.sum("hits", 1), metrics.histogram("h", [1], [], 1.0)):
        point.exemplars.add(as_double=0.25, trace_id=b"\1" * 16, time_unix_nano=1_500_000_000)
    text = write(families(metrics), Options(openmetrics=True))
    exemplar = f'# {{trace_id="{"01" * 16}"}} 0.25 1.500'
    assert [line for line in text.splitlines() if "trace_id" in line] == [
        f"hits_total 1 {exemplar}",
        f'h_bucket{{le="+Inf"}} 1 {exemplar}',
    ]
    read = parse_openmetrics(text).entries[0]
    assert read[3] == Exemplar((("trace_id", "01" * 16),), 0.25, 1500)


TEXT = """
# A comment.
# HELP hits Text with \\\\ and \\n "quotes"
#\tTYPE   hits   counter
hits{code="200",path="C:\\\\DIR\\n\\"x\\"",} 1027 1395066363000
  hits {  code = "400" } 3e2
no_labels 12.47
weird{problem="}#"} +Inf -3982045
nan NaN
minus -Inf
# TYPE old untyped
"""


def test_parsing_the_older_text() -> None:
    parsed = parse_text(TEXT)
    assert parsed.families == {
        "hits": Metadata("hits", MetricType.COUNTER, 'Text with \\ and \n "quotes"'),
        "old": Metadata("old", MetricType.UNKNOWN),
    }
    found = [(dict(read_series(s)), v, t) for s, v, t, _ in parsed.entries]
    assert found[:4] == [
        ({"__name__": "hits", "code": "200", "path": 'C:\\DIR\n"x"'}, 1027.0, 1395066363000),
        ({"__name__": "hits", "code": "400"}, 300.0, None),
        ({"__name__": "no_labels"}, 12.47, None),
        ({"__name__": "weird", "problem": "}#"}, math.inf, -3982045),
    ]
    assert math.isnan(found[4][1])
    assert found[5][1] == -math.inf


def test_parsing_openmetrics() -> None:
    parsed = parse_openmetrics(
        "# TYPE a counter\n# UNIT a_seconds seconds\n"
        'a_total 1 1605281325.123 # {trace_id="x} 1",b=""} 0.5 1605281325.1\n'
        'b_bucket{le="1"} 2 # {} 3\n# EOF\n'
    )
    assert parsed.families["a_seconds"].unit == "seconds"
    assert parsed.entries == [
        ("a_total", 1.0, 1605281325123, Exemplar((("trace_id", "x} 1"),), 0.5, 1605281325100)),
        ('b_bucket{le="1"}', 2.0, None, Exemplar((), 3.0, 0)),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a",
        "a b",
        "1a 1",
        "a 1_0",
        "a 1 2 3",
        'a{b="c} 1',
        'a{b="c"',
        "a 1 1.5",
        "a{} ",
        "a 0x1p1",
        "a٣ 1",
        "# TYPE a nonsense",
        "<html>",
        "\x00",
    ],
)
def test_lines_of_the_older_text_that_are_refused(line: str) -> None:
    with pytest.raises(MalformedError, match="line 2: "):
        parse_text(f"ok 1\n{line}\n")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a 1\n", 1),
        ("a 1\n# EOF\na 2\n", 3),
        ("a 1\n\n# EOF\n", 2),
        ("# b\n# EOF\n", 1),
        ("a 1 x\n# EOF\n", 1),
        ("a 1 # {a} 1\n# EOF\n", 1),
        ("a 1 nan\n# EOF\n", 1),
        ("a 1 inf\n# EOF\n", 1),
        (" a 1\n# EOF\n", 1),
        ("", 1),
    ],
)
def test_openmetrics_that_is_refused(text: str, number: int) -> None:
    with pytest.raises(MalformedError, match=f"line {number}: "):
        parse_openmetrics(text)


@pytest.mark.parametrize(
    "series", ['a{b="1",b="2"}', '{b="1"}', 'a{"b"}', "a{b}", 'a{b="1" c="2"}', ""]
)
def test_series_that_are_none(series: str) -> None:
    with pytest.raises(MalformedError):
        read_series(series)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(min_size=1), st.text(), max_size=4),
    st.floats(allow_nan=False),
    st.integers(0, 1 << 42),
)
def test_any_name_and_label_come_back(pairs: dict[str, str], value: float, time_ms: int) -> None:
    metrics = Metrics({}, time_ms=time_ms or 1)
    try:
        metrics.gauge(next(iter(pairs), "m"), value, **pairs)
    except UnicodeEncodeError:
        return
    chosen = Translation(strategy=Strategy.NO_TRANSLATION)
    (point,) = translate(metrics.request, chosen).points
    for options, parse in (
        (Options(utf8_names=True, timestamps=True), parse_text),
        (Options(utf8_names=True, timestamps=True, openmetrics=True), parse_openmetrics),
    ):
        (entry,) = parse(write([Family(point.metadata, (point,))], options)).entries
        assert (read_series(entry[0]), *entry[1:3]) == (
            point.labels_of(point.lines[0]),
            value,
            point.time_ms,
        )


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from('a{}"\\=,# \n1.eE+-tTYPEOF'), max_size=60))
def test_any_text_is_refused_or_read(text: str) -> None:
    for parse in (parse_text, parse_openmetrics):
        try:
            for entry in parse(text).entries:
                read_series(entry[0])
        except MalformedError:
            pass


PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)


@pytest.mark.parametrize(
    ("accept", "offered", "expected"),
    [
        pytest.param("", Format, Accepted(), id="nothing"),
        pytest.param("*/*", Format, Accepted(), id="anything"),
        pytest.param(
            f"{PROTOBUF};q=0.5,application/openmetrics-text;version=1.0.0;q=0.6",
            Format,
            Accepted(Format.OPENMETRICS),
            id="the best",
        ),
        pytest.param(f"{PROTOBUF},text/plain", Format, Accepted(Format.PROTOBUF), id="the first"),
        pytest.param(
            "application/openmetrics-text,text/plain;q=0.1;escaping=allow-utf-8",
            [Format.TEXT],
            Accepted(Format.TEXT, utf8_names=True),
            id="what is offered",
        ),
        pytest.param("text/plain;q=0", Format, Accepted(), id="refused, and yet there is no other"),
        pytest.param(
            "application/openmetrics-text;version=2.0.0", Format, Accepted(), id="unknown version"
        ),
        pytest.param("application/vnd.google.protobuf", Format, Accepted(), id="other protobuf"),
    ],
)
def test_negotiation(accept: str, offered: Iterable[Format], expected: Accepted) -> None:
    assert negotiate(accept, offered) == expected


def test_protobuf_carries_what_texts_cannot() -> None:
    points = translate(all_kinds(120_000).request, Translation(scope_labels=False)).points
    data = write_protobuf([Family(each.metadata, (each,)) for each in points], timestamps=True)
    found, position = {}, 0
    while position < len(data):
        length, position = read_varint(data, position)
        family = MetricFamily.FromString(data[position : position + length])
        found[family.name] = family
        position += length
    (size,) = found["size"].metric
    assert (size.histogram.schema, size.histogram.sample_count) == (1, 10)
    assert [(s.offset, s.length) for s in size.histogram.positive_span] == [(-1, 2), (3, 1)]
    assert list(size.histogram.positive_delta) == [1, 1, 2]
    assert size.histogram.created_timestamp.seconds == 60
    assert size.timestamp_ms == 120_000
    (latency,) = found["latency_seconds"].metric
    assert [(b.upper_bound, b.cumulative_count) for b in latency.histogram.bucket] == [
        (0.1, 1),
        (0.5, 1),
        (1.0, 3),
        (math.inf, 4),
    ]
    assert found["requests_total"].metric[0].counter.created_timestamp.seconds == 60
    assert found["latency_seconds"].unit == "seconds"
