"""Configuration and life of the receiver."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any, get_args

import grpc
import pytest
from collector_samples import Recorder
from otlp_doors import Doors, traces
from ports import free_port
from pydantic import BaseModel, ValidationError

from belvedere import internal_telemetry as telemetry
from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError, Retryable
from belvedere.collector.receivers.otlp import OtlpReceiver
from belvedere.collector.receivers.otlp.config import OtlpReceiverConfig
from belvedere.collector.registry import Kind, component_class
from belvedere.collector.serving.listen import close, listen
from belvedere.otlp.decode import AsReceived
from belvedere.otlp.signal import Signal

GOOD = traces().SerializeToString()


def config(**keys: Any) -> OtlpReceiverConfig:
    return OtlpReceiver.Config.model_validate(keys)


def test_it_is_registered() -> None:
    assert component_class(Kind.RECEIVER, "otlp") is OtlpReceiver
    assert OtlpReceiver.signals == frozenset(Signal)


def test_the_default_serves_both_on_the_ports_of_otlp() -> None:
    protocols = config().protocols
    assert protocols.grpc is not None
    assert protocols.http is not None
    assert (protocols.grpc.endpoint, protocols.http.endpoint) == (
        "localhost:4317",
        "localhost:4318",
    )
    assert protocols.grpc.max_recv_msg_size_mib == 64
    assert protocols.http.max_request_body_size == 64 << 20


@pytest.mark.parametrize(
    ("protocols", "served"),
    [
        ({"grpc": None}, {"grpc"}),
        ({"http": None}, {"http"}),
        ({"grpc": None, "http": {"endpoint": "0.0.0.0:80"}}, {"grpc", "http"}),
    ],
    ids=["grpc", "http", "both"],
)
def test_a_protocol_is_served_if_its_key_is_there(
    protocols: dict[str, Any], served: set[str]
) -> None:
    parsed = config(protocols=protocols).protocols
    assert {name for name in ("grpc", "http") if getattr(parsed, name)} == served


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"protocols": {}}, "at least one protocol"),
        ({"protocols": {"grcp": None}}, "grcp"),
        ({"protocols": {"grpc": {"endpont": "x:1"}}}, "endpont"),
        ({"protocols": {"grpc": {"endpoint": "localhost"}}}, "write host:port"),
        ({"protocols": {"grpc": {"endpoint": "localhost:http"}}}, "write host:port"),
        ({"protocols": {"grpc": {"endpoint": "http://localhost:4317"}}}, "write host:port"),
        ({"protocols": {"grpc": {"endpoint": "localhost:70000"}}}, "ports end at 65535"),
        ({"protocols": {"grpc": {"endpoint": "::1:4317"}}}, "in brackets"),
        ({"protocols": {"grpc": {"max_recv_msg_size_mib": 0}}}, "greater than 0"),
        ({"protocols": {"http": {"max_request_body_size": 0}}}, "greater than 0"),
        ({"protocols": {"http": {"read_timeout": 5}}}, "has no unit"),
        ({"protocols": {"http": {"tls": {"cert_file": "c.pem"}}}}, "key_file"),
        ({"tokens": {"a": "no project"}}, "invalid project 'no project'"),
        ({"tokens": {"a": "p"}, "tokens_file": "f"}, "exclude each other"),
        ({"protocols": "grpc"}, "protocols"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_configurations(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**keys)


def test_tokens_are_not_shown() -> None:
    assert "s3cret" not in repr(config(tokens={"s3cret": "p"}))


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_a_taken_port_is_named_with_the_key_that_changes_it(door: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            Doors(**{door: {"endpoint": f"127.0.0.1:{port}"}})  # type: ignore[arg-type]  # one of two keys
    key = f"receivers::otlp::protocols::{door}::endpoint"
    assert caught.value.key == key
    assert str(caught.value) == (
        f"{key}: port {port} is taken by another process"
        f" (stop that process, or set {key} to another port)"
    )


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_two_receivers_cannot_share_a_port(doors: Doors, door: str) -> None:
    port = doors.grpc_port if door == "grpc" else doors.http_port
    with pytest.raises(ConfigError, match=f"port {port} is taken"):
        Doors(**{door: {"endpoint": f"127.0.0.1:{port}"}})  # type: ignore[arg-type]  # one of two keys


async def test_ports_are_known_while_it_runs() -> None:
    receiver = OtlpReceiver(
        config(protocols={"grpc": {"endpoint": "localhost:0"}}), Host("otlp"), {}
    )
    assert (receiver.grpc_port, receiver.http_port) == (None, None)
    await receiver.shutdown()  # before start
    await receiver.start()
    assert receiver.grpc_port
    assert receiver.http_port is None
    await receiver.shutdown()
    await receiver.shutdown()
    assert receiver.grpc_port is None


async def test_a_port_is_free_after_shutdown() -> None:
    keys = {door: {"endpoint": f"localhost:{free_port()}"} for door in ("grpc", "http")}
    for _ in range(2):
        receiver = OtlpReceiver(config(protocols=keys), Host("otlp"), {})
        await receiver.start()
        await receiver.shutdown()


async def test_a_door_that_cannot_open_closes_the_other() -> None:
    free = free_port()
    with socket.create_server(("127.0.0.1", 0)) as other:
        keys = {
            "grpc": {"endpoint": f"127.0.0.1:{free}"},
            "http": {"endpoint": f"127.0.0.1:{other.getsockname()[1]}"},
        }
        receiver = OtlpReceiver(config(protocols=keys), Host("otlp"), {})
        with pytest.raises(ConfigError):
            await receiver.start()
        close(listen(f"127.0.0.1:{free}", "key"))


def value(name: str, **labels: str) -> float:
    return telemetry.REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_what_it_does_is_counted(open_doors: Callable[..., Doors], transport: str) -> None:
    doors = open_doors()

    def send(message: bytes) -> None:
        if transport == "http":
            doors.post(message)
            return
        with contextlib.suppress(grpc.RpcError):  # refusals are counted, too
            doors.export(message)

    names = {
        "accepted": "otelcol_receiver_accepted_spans_total",
        "refused": "otelcol_receiver_refused_spans_total",
        "rejected": "belvedere_receiver_rejected_spans_total",
    }
    labels = {"receiver": "otlp", "transport": transport}
    requests = "belvedere_receiver_requests_total"

    def counts() -> dict[str, float]:
        by_name = {key: value(name, **labels) for key, name in names.items()}
        by_outcome = {
            outcome: value(requests, **labels, signal="traces", outcome=outcome)
            for outcome in ("ok", "INVALID_ARGUMENT", "UNAVAILABLE")
        }
        other = {
            "bytes": value("belvedere_receiver_accepted_bytes_total", **labels, signal="traces"),
            "durations": value(
                "belvedere_receiver_request_duration_seconds_count", **labels, signal="traces"
            ),
        }
        return {**by_name, **by_outcome, **other}

    before = counts()
    send(GOOD)
    send(traces("bad", trace_id=b"").SerializeToString())
    send(b"\xff")
    doors.error = Retryable("full")
    send(traces("a", "b").SerializeToString())
    assert {key: after - before[key] for key, after in counts().items()} == {
        "accepted": 1,
        "refused": 2,
        "rejected": 1,
        "ok": 2,
        "INVALID_ARGUMENT": 1,
        "UNAVAILABLE": 1,
        "bytes": len(GOOD),
        "durations": 4,
    }


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A configuration and all that are in it."""
    yield model
    for field in model.model_fields.values():
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models(part)


def test_each_key_is_documented() -> None:
    for model in models(OtlpReceiverConfig):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


@pytest.mark.parametrize(
    ("services", "stays"),
    [({}, False), ({AsReceived: AsReceived()}, True)],
    ids=["canonical", "as_received"],
)
async def test_valid_requests_stay_as_received_where_the_process_says_so(
    services: dict[type[Any], Any], *, stays: bool
) -> None:
    recorder = Recorder()
    keys = {"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}}}
    receiver = OtlpReceiver(
        config(**keys), Host("otlp", services=services), {Signal.TRACES: recorder}
    )
    unknown_field = b"\xa0\x06\x05"
    await receiver.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as channel:
            call: Any = channel.unary_unary(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            )
            await call(GOOD + unknown_field)
    finally:
        await receiver.shutdown()
    (batch,) = recorder.batches
    assert batch.data == GOOD + (unknown_field if stays else b"")
