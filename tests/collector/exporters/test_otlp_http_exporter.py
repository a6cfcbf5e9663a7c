"""`otlp_http` against a real HTTP server."""

import asyncio
import email.utils
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
from collector_samples import batch_of, events, numbers_in, until
from otlp_peers import Certificates, HttpAnswer, HttpPeer, InstantTime, status_with_delay
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.config import load_config
from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.collector.exporters.otlp_http import OtlpHttpConfig, OtlpHttpExporter
from belvedere.collector.registry import Kind
from belvedere.collector.running import Collector
from belvedere.collector.source import Source
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

DIRECT = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}
"""So that a test sees each attempt's outcome."""
PROTOBUF = ("content-type", "application/x-protobuf")


@asynccontextmanager
async def exporter(
    url: str, time: InstantTime | None = None, name: str = "otlp_http", **config: Any
) -> AsyncIterator[OtlpHttpExporter]:
    settings = OtlpHttpConfig.model_validate({"endpoint": url} | config)
    running = OtlpHttpExporter(settings, Host(name), clock=time.clock if time else None)
    await running.start()
    try:
        yield running
    finally:
        await running.shutdown()


def url(peer: HttpPeer) -> str:
    return f"http://127.0.0.1:{peer.port}"


@pytest.mark.parametrize("compression", ["gzip", "zstd", "snappy", "deflate", "none"])
@pytest.mark.parametrize("signal", list(Signal))
async def test_sends_each_signal(http_peer: HttpPeer, signal: Signal, compression: str) -> None:
    batch = batch_of(signal, range(5))
    config = DIRECT | {"compression": compression, "headers": {"X-Token": "t"}}
    async with exporter(url(http_peer) + "/", **config) as sending:
        await sending.consume(batch)
    (received,) = http_peer.received
    assert received.message == batch.message
    assert received.path == f"/v1/{signal}"
    headers = received.headers
    assert headers["x-token"] == "t"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers.get("content-encoding", "none") == compression
    assert headers["user-agent"].startswith("Belvedere/")


@pytest.mark.parametrize("compression", ["gzip", "zstd", "snappy", "deflate", "none"])
async def test_large_bodies(http_peer: HttpPeer, compression: str) -> None:
    batch = batch_of(Signal.LOGS, range(30_000))
    async with exporter(url(http_peer), compression=compression, **DIRECT) as sending:
        await sending.consume(batch)
    assert http_peer.received[0].items == 30_000


async def test_bytes_are_passed_through_unparsed(http_peer: HttpPeer) -> None:
    unknown_field = b"\xfa\x3e\x02hi"
    batch = Batch(Signal.TRACES, batch_of(Signal.TRACES, [1]).data + unknown_field, 1)
    async with exporter(url(http_peer), **DIRECT) as sending:
        await sending.consume(batch)
    assert http_peer.received[0].message.SerializeToString() == batch.data
    assert batch._message is None


async def test_endpoints_of_signals_are_taken_as_they_are(http_peer: HttpPeer) -> None:
    config = DIRECT | {"logs_endpoint": f"{url(http_peer)}/otlp/special/logs"}
    async with exporter(url(http_peer) + "/base", **config) as sending:
        for signal in Signal:
            await sending.consume(batch_of(signal))
    assert [received.path for received in http_peer.received] == [
        "/base/v1/traces",
        "/base/v1/metrics",
        "/otlp/special/logs",
    ]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(code, Retryable) for code in (429, 502, 503, 504)]
    + [(code, Permanent) for code in (301, 400, 401, 403, 404, 405, 408, 413, 500, 501, 505)],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
async def test_statuses(http_peer: HttpPeer, status: int, outcome: type[Exception]) -> None:
    http_peer.answers = [HttpAnswer(status)]
    async with exporter(url(http_peer), **DIRECT) as sending:
        with pytest.raises(outcome, match=f"/v1/logs: {status} ") as caught:
            await sending.consume(batch_of(Signal.LOGS))
    assert getattr(caught.value, "after_s", None) is None


@pytest.mark.parametrize(
    ("answer", "least_s", "most_s"),
    [
        pytest.param(HttpAnswer(503, headers=[("retry-after", "7")]), 7, 7, id="seconds"),
        pytest.param(
            HttpAnswer(429, headers=[("retry-after", email.utils.formatdate(time.time() + 9e4))]),
            1e4,  # of 90,000 when the tests were collected
            9e4,
            id="date",
        ),
        pytest.param(
            HttpAnswer(429, headers=[("retry-after", "Mon, 01 Jan 2024 00:00:00 GMT")]), 0, 0,
            id="date-in-the-past",
        ),
        pytest.param(
            HttpAnswer(503, status_with_delay(2.5).SerializeToString(), [PROTOBUF]), 2.5, 2.5,
            id="retry-info",
        ),
        pytest.param(
            HttpAnswer(
                503, status_with_delay(2.5).SerializeToString(), [PROTOBUF, ("retry-after", "4")]
            ),
            4,
            4,
            id="header-before-retry-info",
        ),
    ],
)  # fmt: skip
async def test_waits_as_long_as_the_peer_asks(
    http_peer: HttpPeer, answer: HttpAnswer, least_s: float, most_s: float
) -> None:
    http_peer.answers = [answer]
    async with exporter(url(http_peer), **DIRECT) as sending:
        with pytest.raises(Retryable) as caught:
            await sending.consume(batch_of(Signal.LOGS))
    assert caught.value.after_s is not None
    assert least_s <= caught.value.after_s <= most_s


@pytest.mark.parametrize("value", ["soon", "-3", ""])
async def test_a_retry_after_that_is_none(http_peer: HttpPeer, value: str) -> None:
    http_peer.answers = [HttpAnswer(503, headers=[("retry-after", value)])]
    async with exporter(url(http_peer), **DIRECT) as sending:
        with pytest.raises(Retryable) as caught:
            await sending.consume(batch_of(Signal.LOGS))
    assert caught.value.after_s is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            HttpAnswer(400, status_with_delay(0, "bad span").SerializeToString()), "bad span",
            id="status-message",
        ),
        pytest.param(HttpAnswer(400, b"plain words", []), "plain words", id="text"),
        pytest.param(HttpAnswer(400, b"\xff\xff\xff"), "400 Bad Request", id="no-status"),
        pytest.param(
            HttpAnswer(308, headers=[("location", "https://there/")]),
            "set the endpoint to https://there/",
            id="redirect",
        ),
    ],
)  # fmt: skip
async def test_what_the_peer_says(http_peer: HttpPeer, answer: HttpAnswer, message: str) -> None:
    http_peer.answers = [answer]
    async with exporter(url(http_peer), **DIRECT) as sending:
        with pytest.raises(Permanent, match=message):
            await sending.consume(batch_of(Signal.LOGS))


async def test_retries_until_the_peer_takes_it(
    http_peer: HttpPeer, counted: Callable[[str], dict[str, float]]
) -> None:
    http_peer.answers = [HttpAnswer(503, headers=[("retry-after", "40")]), HttpAnswer(502)]
    time = InstantTime()
    async with exporter(url(http_peer), time, "otlp_http/retries") as sending:
        await sending.consume(batch_of(Signal.METRICS, range(7)))
        await until(lambda: len(http_peer.received) == 3)
    assert time.pauses_s == [40, 7.5]
    assert counted("otlp_http/retries")["sent_metric_points"] == 7


@pytest.mark.parametrize(
    ("rejected", "message", "event"),
    [
        (2, "too old", "peer_rejected_items"),
        (0, "careful", "peer_warns"),
        (9, "more than there were", "peer_rejected_items"),
    ],
)
async def test_partial_success(
    http_peer: HttpPeer, counted: Callable[[str], dict[str, float]], rejected: int, message: str,
    event: str,
) -> None:  # fmt: skip
    answer: Any = Signal.LOGS.response_type()
    answer.partial_success.rejected_log_records = rejected
    answer.partial_success.error_message = message
    http_peer.answers = [HttpAnswer(200, answer.SerializeToString())]
    name = f"otlp_http/partial{rejected}"
    async with exporter(url(http_peer), name=name, **DIRECT) as sending:
        with capture_logs() as logs:
            await sending.consume(batch_of(Signal.LOGS, range(5)))
    assert events(logs, "warning") == [event]
    counters = counted(name)
    assert counters.get("send_failed_log_records", 0) == min(rejected, 5)
    assert counters.get("sent_log_records", 0) == 5 - min(rejected, 5)


@pytest.mark.parametrize(
    "answer",
    [
        HttpAnswer(200, b"{}", [("content-type", "application/json")]),
        HttpAnswer(202, b"ok", [("content-type", "text/plain")]),
        HttpAnswer(204, b"", []),
        HttpAnswer(200, b"\xff\xff"),
        HttpAnswer(200, b"not gzip", [PROTOBUF, ("content-encoding", "gzip")]),
        HttpAnswer(200, b"\x12" * (5 << 20)),
    ],
    ids=["json", "text", "nothing", "no-protobuf", "no-gzip", "huge"],
)
async def test_a_success_is_one_whatever_its_body(http_peer: HttpPeer, answer: HttpAnswer) -> None:
    http_peer.answers = [answer]
    async with exporter(url(http_peer), **DIRECT) as sending:
        await sending.consume(batch_of(Signal.LOGS))


async def test_timeout(http_peer: HttpPeer) -> None:
    http_peer.answers = [HttpAnswer(wait_s=60)]
    async with exporter(url(http_peer), timeout="50ms", **DIRECT) as sending:
        with pytest.raises(Retryable, match=r"no answer within 0\.05 s"):
            await sending.consume(batch_of(Signal.LOGS))


async def test_nobody_there(unused_tcp_port: int) -> None:
    async with exporter(f"http://localhost:{unused_tcp_port}", **DIRECT) as sending:
        with pytest.raises(Retryable, match=f"localhost:{unused_tcp_port}/v1/logs: "):
            await sending.consume(batch_of(Signal.LOGS))


async def test_a_peer_that_goes_down_and_comes_back(
    http_peer: HttpPeer, counted: Callable[[str], dict[str, float]]
) -> None:
    config = {"retry_on_failure": {"initial_interval": "20ms", "max_interval": "50ms"}}
    name = "otlp_http/down"
    async with exporter(url(http_peer), name=name, **config) as sending:
        await sending.consume(batch_of(Signal.LOGS, [1]))
        await until(lambda: counted(name).get("sent_log_records") == 1)
        await http_peer.stop()
        for number in range(2, 6):
            await sending.consume(batch_of(Signal.LOGS, [number]))
        await asyncio.sleep(0.1)
        await http_peer.start()
        await until(lambda: len(http_peer.received) == 5)
    numbers = [numbers_in(Batch.of(r.signal, r.message))[0] for r in http_peer.received]
    assert sorted(numbers) == [1, 2, 3, 4, 5]


@pytest.fixture
async def secure_peer(certificates: Certificates) -> AsyncIterator[HttpPeer]:
    peer = HttpPeer(certificate=certificates.authority.issue_cert("peer.example"))
    await peer.start()
    yield peer
    await peer.stop()


@pytest.mark.parametrize(
    ("keys", "trusted"),
    [
        pytest.param({"ca_file": ..., "server_name_override": "peer.example"}, True, id="trusted"),
        pytest.param(
            {"ca_file": ..., "include_system_ca_certs_pool": True, "reload_interval": "1ns"}
            | {"server_name_override": "peer.example", "min_version": "1.3"},
            True,
            id="trusted-beside-others",
        ),
        pytest.param({"insecure_skip_verify": True}, True, id="not-verified"),
        pytest.param({"ca_file": ...}, False, id="wrong-name"),
        pytest.param({"server_name_override": "peer.example"}, False, id="unknown-authority"),
    ],
)
async def test_tls(
    secure_peer: HttpPeer, certificates: Certificates, keys: dict[str, Any], *, trusted: bool
) -> None:
    tls = {key: certificates.ca if value is ... else value for key, value in keys.items()}
    async with exporter(f"https://127.0.0.1:{secure_peer.port}", tls=tls, **DIRECT) as sending:
        if trusted:
            await sending.consume(batch_of(Signal.LOGS))
        else:
            with pytest.raises(Retryable, match="CERTIFICATE_VERIFY_FAILED"):
                await sending.consume(batch_of(Signal.LOGS))
    assert bool(secure_peer.received) is trusted


async def test_a_file_that_is_no_certificate(certificates: Certificates) -> None:
    tls = {"cert_file": certificates.client, "key_file": certificates.ca}
    with pytest.raises(ConfigError, match=r"tls: .*PEM files"):
        async with exporter("https://a:1", tls=tls):
            pass


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "endpoint is required"),
        ({"endpoint": "tempo:4318"}, "write http://host:port"),
        ({"endpoint": "ftp://a"}, "write http://host:port"),
        ({"logs_endpoint": "http://a:b/"}, "no URL"),
        ({"endpoint": "http://a", "compression": "br"}, "'gzip', 'zstd', 'snappy', 'zlib'"),
        ({"endpoint": "http://a", "encoding": "json"}, "every OTLP server takes proto"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OtlpHttpConfig.model_validate(config)


def test_signals_are_those_with_an_endpoint() -> None:
    assert OtlpHttpConfig(endpoint="http://a").signals == set(Signal)
    assert OtlpHttpConfig(traces_endpoint="http://a").signals == {Signal.TRACES}


async def test_consume_after_shutdown(http_peer: HttpPeer) -> None:
    async with exporter(url(http_peer), **DIRECT) as stopped:
        pass
    with pytest.raises(Retryable, match="not running"):
        await stopped.consume(batch_of(Signal.LOGS))


async def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    http_peer: HttpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with exporter(url(http_peer), **DIRECT) as sending:
        await sending.consume(batch_of(Signal.LOGS))
    assert http_peer.received


async def test_a_configured_proxy_is_used_for_every_peer(http_peer: HttpPeer) -> None:
    """The peer is the proxy here: it sees the whole address of another one."""
    config = DIRECT | {"proxy_url": url(http_peer)}
    async with exporter("http://127.0.0.1:9/far", **config) as sending:
        await sending.consume(batch_of(Signal.LOGS))
    (received,) = http_peer.received
    assert received.headers["host"] == "127.0.0.1:9"


@pytest.mark.parametrize(
    ("keys", "limits"),
    [
        ({}, (None, 100, 90)),
        ({"max_idle_conns_per_host": 3, "max_conns_per_host": 5}, (5, 3, 90)),
        ({"disable_keep_alives": True, "idle_conn_timeout": "0s"}, (None, 0, None)),
    ],
    ids=str,
)
def test_connections(keys: dict[str, Any], limits: tuple[Any, ...]) -> None:
    found = OtlpHttpConfig.model_validate({"endpoint": "http://a"} | keys).limits()
    assert (
        found.max_connections,
        found.max_keepalive_connections,
        found.keepalive_expiry,
    ) == limits


async def test_connections_are_kept_or_not(http_peer: HttpPeer) -> None:
    for off, connections in ((False, 1), (True, 3)):
        seen: set[str] = set()
        async with exporter(url(http_peer), disable_keep_alives=off, **DIRECT) as sending:
            for _ in range(3):
                await sending.consume(batch_of(Signal.LOGS))
                seen.add(http_peer.client)
        assert len(seen) == connections


async def test_a_reload_reads_authorities_that_were_renewed_in_their_file(
    secure_peer: HttpPeer, certificates: Certificates, tmp_path: Path
) -> None:
    """The text of the configuration stays as it is. What waited for the peer goes there then."""
    authorities = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(authorities)
    text = f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  otlp_http:
    endpoint: https://127.0.0.1:{secure_peer.port}
    tls: {{ca_file: {authorities}, server_name_override: peer.example}}
    retry_on_failure: {{initial_interval: 1h, max_elapsed_time: 0s}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [otlp_http]}}}}
"""
    collector = Collector(lambda: load_config(Source("a.yaml", text), env={}))
    with capture_logs() as told:
        await collector.start()
        sending = cast(OtlpHttpExporter, collector.component(Kind.EXPORTER, "otlp_http"))
        await sending.consume(batch_of(Signal.LOGS, [1]))
        await until(lambda: "send_failed_will_retry" in events(told, "info"))
        certificates.authority.cert_pem.write_to_path(authorities)
        assert await collector.reload()
        await until(lambda: bool(secure_peer.received))
    await collector.stop()
    assert [each.items for each in secure_peer.received] == [1]
