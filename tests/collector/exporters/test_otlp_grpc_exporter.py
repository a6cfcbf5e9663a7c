"""`otlp_grpc` against a real gRPC server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from collector_samples import batch_of, events, numbers_in, until
from otlp_peers import Certificates, GrpcPeer, InstantTime, aborts, status_with_delay
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.collector.exporters.otlp_grpc import OtlpGrpcConfig, OtlpGrpcExporter
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

DIRECT = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}
"""So that a test sees each attempt's outcome."""
PLAIN = {"tls": {"insecure": True}}


@asynccontextmanager
async def exporter(
    port: int, time: InstantTime | None = None, name: str = "otlp_grpc", **config: Any
) -> AsyncIterator[OtlpGrpcExporter]:
    settings = OtlpGrpcConfig.model_validate({"endpoint": f"127.0.0.1:{port}"} | config)
    running = OtlpGrpcExporter(settings, Host(name), clock=time.clock if time else None)
    await running.start()
    try:
        yield running
    finally:
        await running.shutdown()


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("signal", list(Signal))
async def test_sends_each_signal(grpc_peer: GrpcPeer, signal: Signal, compression: str) -> None:
    batch = batch_of(signal, range(5))
    config = PLAIN | DIRECT | {"compression": compression, "headers": {"X-Token": "t"}}
    async with exporter(grpc_peer.port, **config) as sending:
        await sending.consume(batch)
    (received,) = grpc_peer.received
    assert received.message == batch.message
    assert received.headers["x-token"] == "t"
    assert received.headers["user-agent"].startswith("Belvedere/")


@pytest.mark.parametrize("compression", ["gzip", "none"])
async def test_compression(compression: str) -> None:
    """A server that knows no compression refuses what is compressed."""
    peer = GrpcPeer(options=(("grpc.compression_enabled_algorithms_bitset", 1),))
    await peer.start()
    async with exporter(peer.port, compression=compression, **PLAIN, **DIRECT) as sending:
        expected = pytest.raises(Permanent, match="UNIMPLEMENTED")
        with expected if compression == "gzip" else nullcontext():
            await sending.consume(batch_of(Signal.LOGS))
    await peer.stop()


async def test_bytes_are_passed_through_unparsed(grpc_peer: GrpcPeer) -> None:
    unknown_field = b"\xfa\x3e\x02hi"
    batch = Batch(Signal.TRACES, batch_of(Signal.TRACES, [1]).data + unknown_field, 1)
    async with exporter(grpc_peer.port, **PLAIN, **DIRECT) as sending:
        await sending.consume(batch)
    assert grpc_peer.received[0].message.SerializeToString() == batch.data
    assert batch._message is None


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (grpc.StatusCode.CANCELLED, Retryable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Retryable),
        (grpc.StatusCode.ABORTED, Retryable),
        (grpc.StatusCode.OUT_OF_RANGE, Retryable),
        (grpc.StatusCode.UNAVAILABLE, Retryable),
        (grpc.StatusCode.DATA_LOSS, Retryable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Permanent),
        (grpc.StatusCode.UNKNOWN, Permanent),
        (grpc.StatusCode.INVALID_ARGUMENT, Permanent),
        (grpc.StatusCode.NOT_FOUND, Permanent),
        (grpc.StatusCode.PERMISSION_DENIED, Permanent),
        (grpc.StatusCode.UNAUTHENTICATED, Permanent),
        (grpc.StatusCode.UNIMPLEMENTED, Permanent),
        (grpc.StatusCode.INTERNAL, Permanent),
    ],
    ids=lambda value: getattr(value, "name", value.__name__ if isinstance(value, type) else ""),
)
async def test_codes(grpc_peer: GrpcPeer, code: grpc.StatusCode, outcome: type[Exception]) -> None:
    grpc_peer.answers = [aborts(code)]
    async with exporter(grpc_peer.port, **PLAIN, **DIRECT) as sending:
        with pytest.raises(outcome, match=f"{code.name}: as told") as caught:
            await sending.consume(batch_of(Signal.LOGS))
    assert getattr(caught.value, "after_s", None) is None


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED], ids=lambda c: c.name
)
async def test_retry_info(grpc_peer: GrpcPeer, code: grpc.StatusCode) -> None:
    grpc_peer.answers = [aborts(code, status_with_delay(12.5))]
    async with exporter(grpc_peer.port, **PLAIN, **DIRECT) as sending:
        with pytest.raises(Retryable) as caught:
            await sending.consume(batch_of(Signal.LOGS))
    assert caught.value.after_s == 12.5


async def test_retries_until_the_peer_takes_it(
    grpc_peer: GrpcPeer, counted: Callable[[str], dict[str, float]]
) -> None:
    grpc_peer.answers = [
        aborts(grpc.StatusCode.UNAVAILABLE, status_with_delay(40)),
        aborts(grpc.StatusCode.ABORTED),
    ]
    time = InstantTime()
    async with exporter(grpc_peer.port, time, "otlp_grpc/retries", **PLAIN) as sending:
        await sending.consume(batch_of(Signal.METRICS, range(7)))
        await until(lambda: len(grpc_peer.received) == 3)
    assert time.pauses_s == [40, 7.5]
    assert counted("otlp_grpc/retries")["sent_metric_points"] == 7


async def test_partial_success(
    grpc_peer: GrpcPeer, counted: Callable[[str], dict[str, float]]
) -> None:
    answer = Signal.TRACES.response_type()
    answer.partial_success.rejected_spans = 2  # type: ignore[union-attr]  # of traces
    answer.partial_success.error_message = "too old"
    grpc_peer.answers = [lambda *_: answer]
    async with exporter(grpc_peer.port, name="otlp_grpc/partial", **PLAIN, **DIRECT) as sending:
        with capture_logs() as logs:
            await sending.consume(batch_of(Signal.TRACES, range(5)))
    assert events(logs, "warning") == ["peer_rejected_items"]
    assert (logs[0]["rejected"], logs[0]["message"]) == (2, "too old")
    counters = counted("otlp_grpc/partial")
    assert (counters["sent_spans"], counters["send_failed_spans"]) == (3, 2)


async def test_timeout(grpc_peer: GrpcPeer) -> None:
    async def never(*_: Any) -> Any:
        await asyncio.sleep(60)

    grpc_peer.answers = [never]
    async with exporter(grpc_peer.port, timeout="50ms", **PLAIN, **DIRECT) as sending:
        with pytest.raises(Retryable, match="DEADLINE_EXCEEDED"):
            await sending.consume(batch_of(Signal.LOGS))


async def test_a_peer_that_goes_down_and_comes_back(grpc_peer: GrpcPeer) -> None:
    config = PLAIN | {"retry_on_failure": {"initial_interval": "20ms", "max_interval": "50ms"}}
    async with exporter(grpc_peer.port, **config) as sending:
        await sending.consume(batch_of(Signal.LOGS, [1]))
        await until(lambda: bool(grpc_peer.received))
        await grpc_peer.stop()
        for number in range(2, 6):
            await sending.consume(batch_of(Signal.LOGS, [number]))
        await asyncio.sleep(0.1)
        await grpc_peer.start()
        await until(lambda: len(grpc_peer.received) == 5)
    numbers = [numbers_in(Batch.of(r.signal, r.message))[0] for r in grpc_peer.received]
    assert sorted(numbers) == [1, 2, 3, 4, 5]


@pytest.fixture
async def secure_peer(certificates: Certificates) -> AsyncIterator[GrpcPeer]:
    peer = GrpcPeer(credentials=_server_credentials(certificates.authority, "peer.example"))
    await peer.start()
    yield peer
    await peer.stop()


def _server_credentials(
    authority: trustme.CA, name: str, client_authority: trustme.CA | None = None
) -> grpc.ServerCredentials:
    certificate = authority.issue_cert(name)
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    return grpc.ssl_server_credentials(
        [(certificate.private_key_pem.bytes(), chain)],
        client_authority.cert_pem.bytes() if client_authority else None,
        client_authority is not None,
    )


async def test_tls_with_an_authority_and_another_name(
    secure_peer: GrpcPeer, certificates: Certificates
) -> None:
    tls = {"ca_file": certificates.ca, "server_name_override": "peer.example"}
    async with exporter(secure_peer.port, tls=tls, **DIRECT) as sending:
        await sending.consume(batch_of(Signal.LOGS))
    assert secure_peer.received


@pytest.mark.parametrize(
    "keys",
    [{"server_name_override": "peer.example"}, {"ca_file": ...}],
    ids=["unknown-authority", "wrong-name"],
)
async def test_tls_refuses_who_it_does_not_trust(
    secure_peer: GrpcPeer, certificates: Certificates, keys: dict[str, Any]
) -> None:
    tls = {key: certificates.ca if value is ... else value for key, value in keys.items()}
    async with exporter(secure_peer.port, tls=tls, **DIRECT) as sending:
        with pytest.raises(Retryable, match="UNAVAILABLE"):
            await sending.consume(batch_of(Signal.LOGS))
    assert not secure_peer.received


async def test_mutual_tls(certificates: Certificates) -> None:
    peer = GrpcPeer(
        credentials=_server_credentials(certificates.authority, "127.0.0.1", certificates.authority)
    )
    await peer.start()
    tls = {
        "ca_file": certificates.ca,
        "cert_file": certificates.client,
        "key_file": certificates.client_key,
    }
    async with exporter(peer.port, tls=tls, **DIRECT) as sending:
        await sending.consume(batch_of(Signal.LOGS))
    await peer.stop()
    assert peer.received


async def test_a_certificate_that_is_replaced_is_used_after_reload_interval(
    certificates: Certificates, tmp_path: Path
) -> None:
    peer = GrpcPeer(
        credentials=_server_credentials(certificates.authority, "127.0.0.1", certificates.authority)
    )
    await peer.start()
    files = {"cert_file": tmp_path / "client.pem", "key_file": tmp_path / "client.key"}
    untrusted = trustme.CA().issue_cert("client.example")
    untrusted.cert_chain_pems[0].write_to_path(files["cert_file"])
    untrusted.private_key_pem.write_to_path(files["key_file"])
    tls = {"ca_file": certificates.ca, "reload_interval": "1ms", **files}
    async with exporter(peer.port, tls=tls, **DIRECT) as sending:
        with pytest.raises(Retryable):
            await sending.consume(batch_of(Signal.LOGS))
        files["cert_file"].write_bytes(Path(certificates.client).read_bytes())
        files["key_file"].write_bytes(Path(certificates.client_key).read_bytes())
        await sending.consume(batch_of(Signal.LOGS))
    await peer.stop()
    assert len(peer.received) == 1


async def test_certificates_may_stand_in_the_configuration(certificates: Certificates) -> None:
    peer = GrpcPeer(
        credentials=_server_credentials(certificates.authority, "127.0.0.1", certificates.authority)
    )
    await peer.start()
    files = {
        "ca_pem": certificates.ca,
        "cert_pem": certificates.client,
        "key_pem": certificates.client_key,
    }
    tls = {key: Path(file).read_text() for key, file in files.items()}
    async with exporter(peer.port, tls=tls, **DIRECT) as sending:
        await sending.consume(batch_of(Signal.LOGS))
    await peer.stop()
    assert peer.received


async def test_keys_of_the_channel(grpc_peer: GrpcPeer) -> None:
    config = {
        "keepalive": {"time": "30s", "timeout": "5s", "permit_without_stream": True},
        "balancer_name": "pick_first",
        "authority": "tempo.example",
        "wait_for_ready": True,
    }
    async with exporter(grpc_peer.port, **PLAIN, **DIRECT, **config) as sending:
        await sending.consume(batch_of(Signal.LOGS))
    assert grpc_peer.received
    settings = OtlpGrpcConfig.model_validate({"endpoint": "a:1"} | config)
    assert dict(settings.channel_options()) == {
        "grpc.lb_policy_name": "pick_first",
        "grpc.default_authority": "tempo.example",
        "grpc.keepalive_time_ms": 30_000,
        "grpc.keepalive_timeout_ms": 5_000,
        "grpc.keepalive_permit_without_calls": 1,
    }


async def test_skip_verify_takes_any_certificate_also_a_new_one() -> None:
    peer = GrpcPeer(credentials=_server_credentials(trustme.CA(), "*.example.com"))
    config = {
        "tls": {"insecure_skip_verify": True},
        "retry_on_failure": {"initial_interval": "20ms", "max_interval": "50ms"},
        "sending_queue": {"enabled": False},
    }
    await peer.start()
    async with exporter(peer.port, **config) as sending:
        await sending.consume(batch_of(Signal.LOGS, [1]))
        await peer.stop()
        peer.credentials = _server_credentials(trustme.CA(), "127.0.0.1")
        again = asyncio.create_task(sending.consume(batch_of(Signal.LOGS, [2])))
        await asyncio.sleep(0.05)
        await peer.start()
        await again
    await peer.stop()
    assert [received.items for received in peer.received] == [1, 1]


async def test_skip_verify_without_a_peer_is_a_retry(unused_tcp_port: int) -> None:
    config = DIRECT | {"tls": {"insecure_skip_verify": True}}
    async with exporter(unused_tcp_port, **config) as sending:
        with pytest.raises(Retryable, match="no certificate"):
            await sending.consume(batch_of(Signal.LOGS))


@pytest.mark.parametrize("key", ["ca_file", "cert_file"])
async def test_missing_certificate_files(certificates: Certificates, key: str) -> None:
    tls = {"cert_file": certificates.client, "key_file": certificates.client_key}
    with pytest.raises(ConfigError, match=r"tls: nowhere.pem cannot be read: No such file"):
        async with exporter(1, tls=tls | {key: "nowhere.pem"}):
            pass


@pytest.mark.parametrize(
    ("endpoint", "target", "plain_text"),
    [
        ("tempo:4317", "tempo:4317", False),
        ("http://tempo:4317", "tempo:4317", True),
        ("https://tempo:4317/", "tempo:4317", False),
        ("[::1]:4317", "[::1]:4317", False),
        ("dns:///tempo:4317", "dns:///tempo:4317", False),
        ("unix:/tmp/x.sock", "unix:/tmp/x.sock", False),
    ],
)
def test_endpoints(endpoint: str, target: str, *, plain_text: bool) -> None:
    config = OtlpGrpcConfig(endpoint=endpoint)
    assert (config.target, config.plain_text) == (target, plain_text)
    insecure = OtlpGrpcConfig.model_validate({"endpoint": endpoint} | PLAIN)
    assert insecure.plain_text is not endpoint.startswith("https")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "endpoint"),
        ({"endpoint": "tempo"}, "write host:port"),
        ({"endpoint": "http://tempo:4318/v1/traces"}, "belong to otlp_http"),
        ({"endpoint": "a:1", "compression": "zstd"}, "send by otlp_http, which has zstd"),
        ({"endpoint": "a:1", "compression": "brotli"}, "'gzip', 'none' or ''"),
        ({"endpoint": "a:1", "tls": {"max_version": "1.2"}}, "remove min_version and max_version"),
        ({"endpoint": "a:1", "tls": {"include_system_ca_certs_pool": True}}, "into ca_file"),
        ({"endpoint": "a:1", "tls": {"cipher_suites": ["a"]}}, "not supported: the TLS library's"),
        ({"endpoint": "a:1", "tls": {"cert_file": "x"}}, "belong together"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OtlpGrpcConfig.model_validate(config)


def test_headers_may_be_a_list() -> None:
    headers = [{"name": "X-Token", "value": "t"}]
    config = OtlpGrpcConfig.model_validate({"endpoint": "a:1", "headers": headers})
    assert config.headers == {"X-Token": "t"}


def test_headers_do_not_show_in_logs() -> None:
    config = OtlpGrpcConfig(endpoint="a:1", headers={"authorization": "Bearer secret"})
    assert "secret" not in repr(config)


async def test_consume_after_shutdown(grpc_peer: GrpcPeer) -> None:
    async with exporter(grpc_peer.port, **PLAIN, **DIRECT) as stopped:
        pass
    with pytest.raises(Retryable, match="shutting down"):
        await stopped.consume(batch_of(Signal.LOGS))
