"""Prometheus's YAML in a Collector configuration: what works, and what its errors say."""

from typing import Any

import pytest

from belvedere.collector.config import load_config
from belvedere.collector.errors import ConfigError
from belvedere.collector.receivers.prometheus.scalars import parse_duration, parse_size
from belvedere.collector.receivers.prometheus.scrape_config import ScrapeConfig
from belvedere.collector.receivers.prometheus.target import (
    ScrapeTarget,
    TargetError,
    make_target,
)
from belvedere.collector.registry import Kind
from belvedere.collector.source import Source

REST = """
exporters: {nop: {}}
service: {pipelines: {metrics: {receivers: [prometheus], exporters: [nop]}}}
"""


def load(config: str) -> Any:
    """The receiver's configuration, from the text under `config:`."""
    indented = "\n".join(f"      {line}" for line in config.strip("\n").splitlines())
    text = f"receivers:\n  prometheus:\n    config:\n{indented}\n{REST}"
    return (
        load_config(Source("c.yaml", text), env={}).components[Kind.RECEIVER]["prometheus"].config
    )


EXAMPLE = """
global:
  scrape_interval: 15s
  scrape_timeout: 10s
  evaluation_interval: 30s
  external_labels: {region: eu, number: 1}
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ['a:9100', 'b:9100']
        labels: {env: prod}
    relabel_configs:
      - source_labels: [__address__]
        regex: (.*):\\d+
        target_label: host
        replacement: $$1-x
      - {action: Drop, source_labels: [host], regex: b}
    metric_relabel_configs:
      - {action: labeldrop, regex: tmp_.*}
  - job_name: fast
    scrape_interval: 5s
    metrics_path: /probe
    scheme: https
    params: {module: [http_2xx]}
    tls_config: {insecure_skip_verify: true}
    file_sd_configs: [{files: [targets/*.json], refresh_interval: 1m}]
"""


def test_the_example() -> None:
    config = load(EXAMPLE).config
    node, fast = config.jobs
    assert (node.scrape_interval, node.scrape_timeout) == (15.0, 10.0)
    assert (fast.scrape_interval, fast.scrape_timeout) == (5.0, 5.0), "within its interval"
    assert config.global_.external_labels == {"region": "eu", "number": "1"}
    (host, drop) = node.relabel_configs
    assert host.replacement == "$1-x"
    labels = {"__address__": "a:9100", "env": "prod"}
    target = make_target(node, labels)
    assert target is not None
    assert dict(target.labels) == {
        "env": "prod", "host": "a-x", "instance": "a:9100", "job": "node",
    }  # fmt: skip
    assert drop.rule.action == "drop"


JOB = "scrape_configs:\n  - job_name: a\n"


@pytest.mark.parametrize(
    ("config", "line", "complaint"),
    [
        ("globl: {}", 4, "did you mean 'global'|global"),
        (f"{JOB}    scrape_intervall: 5s", 6, "scrape_interval"),
        (f"{JOB}    kubernetes_sd_configs: [a]", 6, "static_configs and file_sd_configs"),
        (f"{JOB}    scrape_native_histograms: true", 6, "native histograms"),
        (f"{JOB}    scrape_protocols: [PrometheusProto]", 6, "but native histograms"),
        (f"{JOB}    scrape_interval: 5", 6, "no duration of Prometheus"),
        (f"{JOB}    scrape_interval: 5s\n    scrape_timeout: 6s", 5, "longer than its"),
        (f"{JOB}    scrape_timeout: 2m", 4, "longer than the global"),
        (f"{JOB}    relabel_configs: [{{action: nonsense}}]", 6, "replace"),
        (f"{JOB}    relabel_configs: [{{action: hashmod}}]", 6, "target_label is required"),
        (f"{JOB}    relabel_configs: [{{regex: '(', target_label: b}}]", 6, "RE2"),
        (f"{JOB}    static_configs: [{{targets: ['http://a:1/']}}]", 6, "is no address"),
        (f"{JOB}    file_sd_configs: [{{files: ['a.txt']}}]", 6, "must end with .json"),
        (f"{JOB}    file_sd_configs: [{{files: ['*/a.json']}}]", 6, "must end with .json"),
        (f"{JOB}    basic_auth: {{}}\n    authorization: {{}}", 5, "set one of basic_auth"),
        (f"{JOB}    authorization: {{type: Basic}}", 6, "set by basic_auth"),
        (f"{JOB}    scheme: ftp", 6, "http"),
        (f"{JOB}    proxy_url: 'ftp://a'", 6, "no URL of a proxy"),
        (f"{JOB}    tls_config: {{cert_file: a}}", 6, "belong together"),
        (f"{JOB}  - job_name: a", 5, "there twice"),
        ("rule_files: [a]", 5, "the receiver scrapes only"),
        ("scrape_configs: [{}]", 5, "job_name"),
    ],
)  # fmt: skip
def test_errors_name_line_key_and_what_to_write(config: str, line: int, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        load(config)
    assert caught.value.line is not None
    assert abs(caught.value.line - line) <= 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("1m30s", 90), ("1d", 86400), ("1w", 604800), ("100ms", 0.1), (0, 0)],
)
def test_durations(text: Any, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", 5, "1.5s", "s", "1s1m", "-1s", True, None])
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1KB", 1024), ("100MB", 100 << 20), ("1GiB", 1 << 30), (5, 5), ("5B", 5)]
)
def test_sizes(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "1XB", -1, None])
def test_what_is_no_size(text: Any) -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)


def target(labels: dict[str, str], **job: Any) -> ScrapeTarget | None:
    job = {"job_name": "j", "scrape_interval": "1m", "scrape_timeout": "10s", **job}
    return make_target(ScrapeConfig.model_validate(job), labels)


@pytest.mark.parametrize(
    ("labels", "job", "url"),
    [
        ({}, {}, "http://h:1/metrics"),
        ({"__scheme__": "https"}, {}, "https://h:1/metrics"),
        ({"__metrics_path__": "a?b"}, {}, "http://h:1/a%3Fb"),
        ({"__param_x": "1 2"}, {}, "http://h:1/metrics?x=1+2"),
        ({}, {"params": {"x": ["a", "b"]}}, "http://h:1/metrics?x=a&x=b"),
        ({"__address__": "[::1]:9"}, {}, "http://[::1]:9/metrics"),
    ],
)
def test_urls(labels: dict[str, str], job: dict[str, Any], url: str) -> None:
    found = target({"__address__": "h:1", **labels}, **job)
    assert found is not None
    assert found.url == url


def test_labels_may_say_when_a_target_is_scraped() -> None:
    found = target(
        {"__address__": "h:1", "__scrape_interval__": "5s", "__scrape_timeout__": "1s",
         "__meta_a": "b"}
    )  # fmt: skip
    assert found is not None
    assert (found.interval_s, found.timeout_s) == (5.0, 1.0)
    assert found.labels == (("instance", "h:1"), ("job", "j"))
    assert ("__meta_a", "b") in found.discovered


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ({"__address__": ""}, "no address"),
        ({"__address__": "http://a"}, "is no address"),
        ({"__address__": "h", "__scrape_interval__": "soon"}, "no duration"),
        ({"__address__": "h", "__scrape_interval__": "1s"}, "must be within its interval"),
        ({"__address__": "h", "__scheme__": "ftp"}, "none of http, https"),
        ({"__address__": "h:port"}, "is no URL"),
    ],
)
def test_labels_that_make_no_target(labels: dict[str, str], complaint: str) -> None:
    with pytest.raises(TargetError, match=complaint):
        target(labels)
