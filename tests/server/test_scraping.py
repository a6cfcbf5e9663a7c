"""`belvedere up` with a scraping configuration: series, `up`, and what `/targets` says."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server
from running_server import RunningServer

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "${{env:BELVEDERE_GRPC_ENDPOINT}}"}}
      http: {{endpoint: "${{env:BELVEDERE_HTTP_ENDPOINT}}"}}
  prometheus:
    config:
      scrape_configs:
        - job_name: app
          scrape_interval: 1s
          static_configs: [{{targets: ["127.0.0.1:{port}"], labels: {{zone: eu}}}}]
        - job_name: gone
          scrape_interval: 1s
          static_configs: [{{targets: ["127.0.0.1:9"]}}]
          relabel_configs: [{{source_labels: [job], regex: nothing, action: drop}}]
        - job_name: dropped
          static_configs: [{{targets: ["127.0.0.1:9"]}}]
          relabel_configs: [{{source_labels: [job], regex: dropped, action: drop}}]
exporters:
  belvedere:
    directory: ${{env:BELVEDERE_DATA_DIR}}
service:
  pipelines:
    metrics:
      receivers: [prometheus, otlp]
      exporters: [belvedere]
"""


@pytest.fixture
def exporter() -> Iterator[int]:
    """The port of an application with a gauge."""
    registry = CollectorRegistry()
    Gauge("depth", "How deep.", registry=registry).set(4)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_scraped_can_be_asked_and_is_listed(
    start_server: Callable[..., RunningServer], tmp_path: Path, exporter: int
) -> None:
    file = tmp_path / "scrape.yaml"
    file.write_text(CONFIG.format(port=exporter))
    server = start_server("--config", str(file))

    def api(path: str, **params: str) -> Any:
        return httpx.get(f"{server.api}/prometheus/api/v1/{path}", params=params).json()["data"]

    deadline = time.monotonic() + 30
    while not (found := api("query", query='depth{zone="eu"}')["result"]):
        assert time.monotonic() < deadline, "nothing was scraped"
        time.sleep(0.1)
    assert found[0]["value"][1] == "4"
    assert found[0]["metric"]["instance"] == f"127.0.0.1:{exporter}"
    ups = {each["metric"]["job"]: each["value"][1] for each in api("query", query="up")["result"]}
    assert ups == {"app": "1", "gone": "0"}
    targets = api("targets")
    active = {each["scrapePool"]: each for each in targets["activeTargets"]}
    assert {name: each["health"] for name, each in active.items()} == {"app": "up", "gone": "down"}
    assert active["app"]["scrapeUrl"] == f"http://127.0.0.1:{exporter}/metrics"
    assert active["app"]["labels"]["zone"] == "eu"
    assert active["gone"]["lastError"]
    assert [each["scrapePool"] for each in targets["droppedTargets"]] == ["dropped"]
    assert api("targets", state="active")["droppedTargets"] == []
    (said,) = api("targets/metadata", metric="depth", match_target='{job="app"}')
    assert (said["target"]["zone"], said["type"]) == ("eu", "gauge")
    assert {each["metric"] for each in api("targets/metadata")} >= {"depth"}
    scraped = yaml.safe_load(api("status/config")["yaml"])["scrape_configs"]
    assert [each["job_name"] for each in scraped] == ["app", "gone"]
    assert api("scrape_pools") == {"scrapePools": ["app", "dropped", "gone"]}
