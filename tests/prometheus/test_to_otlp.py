"""Scraped samples become OTLP metrics."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from otlp_metrics import all_kinds
from real_prometheus import series_text

from belvedere.prometheus.exposition.family import Family
from belvedere.prometheus.exposition.parse import parse_openmetrics, parse_text, read_series
from belvedere.prometheus.exposition.write import Options, write
from belvedere.prometheus.from_otlp import Translation, series_of, translate
from belvedere.prometheus.to_otlp import Builder, Place, Places, Target
from belvedere.prometheus.to_otlp.build import SCOPE_NAME

TARGET = Target("job", "host:80")


class Scraper:
    """Scrapes one target, again and again."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.places = Places({}, TARGET)
        self.known: dict[str, Place] = {}
        self.builder = self._new()

    def _new(self) -> Builder:
        return Builder(lambda target: {"service.name": target.job}, **self.options)

    def scrape(self, text: str, time_ms: int = 1000, *stale: str, start_ns: int = 0) -> Any:
        parsed = parse_openmetrics(text) if text.endswith("# EOF\n") else parse_text(text)
        self.places.families = parsed.families
        self.builder = self._new()
        for series, value, own_ms, exemplar in parsed.entries:
            self.builder.add(self._place(series), value, own_ms or time_ms, exemplar)
        for series in stale:
            self.builder.add_stale(self._place(series), time_ms)
        return self.builder.build(start_ns)

    def _place(self, series: str) -> Place:
        return self.known.setdefault(series, self.places.place(read_series(series)))


def metrics(message: Any) -> dict[str, Metric]:
    return {
        metric.name: metric
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def one(message: Any) -> Any:
    """The one data point."""
    ((_, metric),) = metrics(message).items()
    (point,) = getattr(metric, metric.WhichOneof("data")).data_points
    return point


def attributes(of: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in of}


ALL = """\
# HELP hits Hits.
# TYPE hits counter
hits_total{code="200"} 5
hits_created{code="200"} 12.5
# TYPE temperature_celsius gauge
# UNIT temperature_celsius celsius
temperature_celsius -3
# TYPE latency_seconds histogram
# UNIT latency_seconds seconds
latency_seconds_bucket{le="0.5"} 1
latency_seconds_bucket{le="2.0"} 4
latency_seconds_bucket{le="+Inf"} 5
latency_seconds_count 5
latency_seconds_sum 7.5
# TYPE rpc summary
rpc{quantile="0.5"} 0.25
rpc_count 3
rpc_sum 1.5
# TYPE build info
build_info{version="1"} 1
# TYPE state stateset
state{state="on"} 1
untyped 42
# EOF
"""


def test_types() -> None:
    found = metrics(Scraper().scrape(ALL))
    assert {name: metric.WhichOneof("data") for name, metric in found.items()} == {
        "hits_total": "sum",
        "temperature_celsius": "gauge",
        "latency_seconds": "histogram",
        "rpc": "summary",
        "build_info": "sum",
        "state": "sum",
        "untyped": "gauge",
    }
    assert {name: attributes(m.metadata)["prometheus.type"] for name, m in found.items()} == {
        "hits_total": "counter",
        "temperature_celsius": "gauge",
        "latency_seconds": "histogram",
        "rpc": "summary",
        "build_info": "info",
        "state": "stateset",
        "untyped": "unknown",
    }
    assert found["hits_total"].sum.is_monotonic
    assert not found["build_info"].sum.is_monotonic
    assert found["hits_total"].description == "Hits."
    assert (found["temperature_celsius"].unit, found["latency_seconds"].unit) == ("Cel", "s")


def test_values() -> None:
    found = metrics(Scraper().scrape(ALL, 60_000))
    (hits,) = found["hits_total"].sum.data_points
    assert (hits.as_double, attributes(hits.attributes)) == (5.0, {"code": "200"})
    assert (hits.start_time_unix_nano, hits.time_unix_nano) == (12_500_000_000, 60_000_000_000)
    (latency,) = found["latency_seconds"].histogram.data_points
    assert list(latency.explicit_bounds) == [0.5, 2.0]
    assert list(latency.bucket_counts) == [1, 3, 1]
    assert (latency.count, latency.sum) == (5, 7.5)
    assert latency.start_time_unix_nano == latency.time_unix_nano, "it was never seen before"
    (rpc,) = found["rpc"].summary.data_points
    assert [(q.quantile, q.value) for q in rpc.quantile_values] == [(0.5, 0.25)]
    assert (rpc.count, rpc.sum) == (3, 1.5)
    (gauge,) = found["untyped"].gauge.data_points
    assert gauge.start_time_unix_nano == 0


def test_the_older_text_has_counters_by_their_full_name() -> None:
    message = Scraper().scrape(
        "# TYPE a_total counter\na_total 1\n# TYPE a_created gauge\na_created 3\n"
    )
    found = metrics(message)
    assert found["a_total"].WhichOneof("data") == "sum"
    assert found["a_created"].gauge.data_points[0].as_double == 3


def test_resources_and_scopes() -> None:
    message = Scraper().scrape(
        'target_info{version="1"} 1\n'
        'otel_scope_info{otel_scope_name="lib",kind="x"} 1\n'
        'a{otel_scope_name="lib"} 1\n'
        'b{otel_scope_name="lib",otel_scope_version="2",otel_scope_color="red"} 1\n'
        'c{job="other",instance="i"} 1\n'
        "d 1\n"
    )
    resources = {
        attributes(each.resource.attributes)["service.name"]: each
        for each in message.resource_metrics
    }
    assert attributes(resources["job"].resource.attributes) == {
        "service.name": "job",
        "version": "1",
    }
    scopes = {
        (s.scope.name, s.scope.version): (
            attributes(s.scope.attributes),
            [metric.name for metric in s.metrics],
        )
        for s in resources["job"].scope_metrics
    }
    assert scopes[("lib", "")] == ({"kind": "x"}, ["a"])
    assert scopes[("lib", "2")] == ({"color": "red"}, ["b"])
    assert next(each for name, each in scopes.items() if name[0] == SCOPE_NAME) == ({}, ["d"])
    assert [m.name for s in resources["other"].scope_metrics for m in s.metrics] == ["c"]


def test_starts_of_counters() -> None:
    scraper = Scraper()
    starts = [
        one(scraper.scrape(f"# TYPE a counter\na {value}\n", time_ms)).start_time_unix_nano
        for time_ms, value in ((1, 5), (2, 6), (3, 2), (4, 3))
    ]
    assert [start // 1_000_000 for start in starts] == [1, 1, 3, 3], "it fell at 3"
    point = one(scraper.scrape("# TYPE a counter\na 4\n", 5, start_ns=7))
    assert point.start_time_unix_nano == 7, "that of the process"


def test_starts_of_histograms_by_their_count() -> None:
    scraper = Scraper()
    text = '# TYPE h histogram\nh_bucket{{le="+Inf"}} {0}\nh_count {0}\nh_sum 1\n'
    starts = [
        one(scraper.scrape(text.format(count), time_ms)).start_time_unix_nano // 1_000_000
        for time_ms, count in ((1, 5), (2, 6), (3, 0))
    ]
    assert starts == [1, 1, 3]


@pytest.mark.parametrize(
    ("lines", "is_stale"),
    [
        pytest.param("", True, id="all are gone"),
        pytest.param("h_count 1\nh_sum 1\n", False, id="buckets are gone"),
    ],
)
def test_a_point_ends_when_its_count_does(*, lines: str, is_stale: bool) -> None:
    scraper = Scraper()
    text = "# TYPE h histogram\n"
    whole = f'{text}h_bucket{{le="1"}} 1\nh_bucket{{le="+Inf"}} 1\nh_count 1\nh_sum 1\n'
    scraper.scrape(whole)
    gone = ['h_bucket{le="1"}', 'h_bucket{le="+Inf"}', *([] if lines else ["h_count", "h_sum"])]
    point = one(scraper.scrape(text + lines, 2, *gone))
    assert bool(point.flags & 1) == is_stale
    assert point.count == (0 if is_stale else 1)


@pytest.mark.parametrize("type_", ["counter", "gauge", "unknown", "summary"])
def test_an_end_has_no_value(type_: str) -> None:
    scraper = Scraper()
    series = ["a_count", "a_sum"] if type_ == "summary" else ["a"]
    text = f"# TYPE a {'untyped' if type_ == 'unknown' else type_}\n"
    scraper.scrape(text + "".join(f"{each} 1\n" for each in series))
    point = one(scraper.scrape(text, 2, *series))
    assert (point.flags, point.time_unix_nano) == (1, 2_000_000)
    assert getattr(point, "as_double", 0.0) == 0.0


@pytest.mark.parametrize(
    "lines",
    [
        'h_bucket{le="1"} 3\nh_bucket{le="+Inf"} 2\nh_count 2\n',
        "h_count NaN\n",
        "h_count -1\n",
        "h_sum 1\n",
        'h_bucket{le="1"} 1\nh_sum 1\n',
    ],
)
def test_histograms_that_are_none_are_left_out(lines: str) -> None:
    scraper = Scraper()
    assert metrics(scraper.scrape(f"# TYPE h histogram\n{lines}")) == {}
    assert scraper.builder.malformed == 1


def test_the_bucket_of_infinity_stands_in_for_the_count() -> None:
    point = one(Scraper().scrape('# TYPE h histogram\nh_bucket{le="+Inf"} 2\n'))
    assert (point.count, list(point.bucket_counts)) == (2, [2])


def test_exemplars() -> None:
    trace, span = "ab" * 16, "cd" * 8
    point = one(
        Scraper().scrape(
            "# TYPE a counter\n"
            f'a_total 1 # {{trace_id="{trace}",span_id="{span}",user="u"}} 0.5 2.0\n# EOF\n'
        )
    )
    (exemplar,) = point.exemplars
    assert (exemplar.trace_id.hex(), exemplar.span_id.hex()) == (trace, span)
    assert (exemplar.as_double, exemplar.time_unix_nano) == (0.5, 2_000_000_000)
    assert attributes(exemplar.filtered_attributes) == {"user": "u"}
    odd = one(Scraper().scrape('# TYPE a counter\na_total 1 # {trace_id="x"} 0.5\n# EOF\n'))
    assert attributes(odd.exemplars[0].filtered_attributes) == {"trace_id": "x"}


@pytest.mark.parametrize(
    ("name", "type_", "unit", "expected"),
    [
        ("hits_total", "counter", "", "hits"),
        ("sung_seconds_total", "counter", "seconds", "sung"),
        ("size_bytes", "gauge", "bytes", "size"),
        ("total", "counter", "", "total"),
        ("seconds", "gauge", "seconds", "seconds"),
    ],
)
def test_suffixes_are_trimmed_if_told(name: str, type_: str, unit: str, expected: str) -> None:
    text = f"# TYPE {name} {type_}\n# UNIT {name} {unit}\n{name} 1\n"
    assert list(metrics(Scraper(trim_suffixes=True).scrape(text))) == [expected]


@pytest.mark.parametrize("openmetrics", [True, False], ids=["openmetrics", "text"])
def test_what_was_otlp_comes_back_to_prometheus_the_same(*, openmetrics: bool) -> None:
    points = translate(all_kinds(5000).request, Translation()).points
    families = [Family(each.metadata, (each,)) for each in points if each.lines]
    text = write(families, Options(openmetrics=openmetrics, timestamps=True))
    message = Scraper().scrape(text)

    def values(of: Any) -> dict[str, float]:
        found = series_of(translate(of, Translation()).points)
        return {series_text(dict(s.labels)): s.samples[-1][1] for s in found if s.samples}

    expected = values(all_kinds(5000).request)
    again = values(message)
    # The builder of these tests gives resources their job only.
    assert {
        name.replace('job="shop/api"', 'instance="i-1", job="shop/api"'): value
        for name, value in again.items()
        if not name.startswith("target_info")
    } == {name: value for name, value in expected.items() if not name.startswith("target_info")}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "a_total", "a_bucket", "a_count", "a_sum", "a_created", "b"]),
            st.sampled_from(["", '{le="1"}', '{le="x"}', '{quantile="0.5"}', '{x="1"}']),
            st.sampled_from(["1", "NaN", "-Inf", "+Inf", "-2", "1e300"]),
        ),
        max_size=8,
    ),
    st.sampled_from(["counter", "histogram", "summary", "info", "gaugehistogram", "stateset"]),
)
def test_any_scrape_makes_a_message(lines: list[tuple[str, str, str]], type_: str) -> None:
    text = f"# TYPE a {type_}\n" + "".join(f"{n}{ls} {v}\n" for n, ls, v in lines)
    message = Scraper().scrape(text)
    message.SerializeToString()
    for metric in metrics(message).values():
        if metric.WhichOneof("data") == "histogram":
            for point in metric.histogram.data_points:
                assert sum(point.bucket_counts) == point.count
                assert not any(math.isnan(bound) for bound in point.explicit_bounds)
