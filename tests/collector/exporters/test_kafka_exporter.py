"""`kafka` against librdkafka's mock cluster: brokers of its own that speak Kafka's protocol."""

import builtins
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import confluent_kafka
import pytest
from collector_samples import batch_of, events, numbers_in, until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_peers import InstantTime
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.collector.exporters.kafka import KafkaExporter
from belvedere.collector.exporters.kafka.config import KafkaConfig
from belvedere.collector.exporters.kafka.messages import messages_of
from belvedere.installation import install_command
from belvedere.otlp.any_value import any_value
from belvedere.otlp.batch import Batch
from belvedere.otlp.json import parse_json
from belvedere.otlp.signal import Signal

DIRECT = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}


class Cluster:
    """The mock cluster, which lives as long as the client that holds it."""

    def __init__(self) -> None:
        self._holder = confluent_kafka.Producer(
            {"test.mock.num.brokers": 2, "bootstrap.servers": "mock", "log_level": 0}
        )
        brokers = self._holder.list_topics(timeout=10).brokers.values()
        self.brokers = [f"{broker.host}:{broker.port}" for broker in brokers]

    def read(self, topic: str, count: int) -> list[Any]:
        """The first messages of a topic."""
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": ",".join(self.brokers),
                "group.id": f"test-{topic}",
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in partitions])
        found: list[Any] = []
        while len(found) < count:
            new = consumer.consume(count - len(found), timeout=10)
            assert new, f"{len(found)} of {count} messages"
            assert not any(message.error() for message in new)
            found += new
        consumer.close()
        return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield Cluster()  # noqa: PT022 - it lives until here


@asynccontextmanager
async def exporter(
    brokers: list[str], clock: InstantTime | None = None, name: str = "kafka", **config: Any
) -> AsyncIterator[KafkaExporter]:
    settings = KafkaConfig.model_validate({"brokers": brokers} | config)
    sending = KafkaExporter(settings, Host(name), clock=clock.clock if clock else None)
    await sending.start()
    try:
        yield sending
    finally:
        await sending.shutdown()


@pytest.mark.parametrize("encoding", ["otlp_proto", "otlp_json"])
@pytest.mark.parametrize("signal", Signal)
async def test_sends_each_signal(cluster: Cluster, signal: Signal, encoding: str) -> None:
    topic = f"{signal}_{encoding}"
    batch = batch_of(signal, range(5), metadata={"x-tenant": ("a",), "other": ("b",)})
    own = {str(signal): {"topic": topic, "encoding": encoding}}
    keys = ["X-Tenant"]
    async with exporter(cluster.brokers, **DIRECT, **own, include_metadata_keys=keys) as sending:
        await sending.consume(batch)
    (message,) = cluster.read(topic, 1)
    is_json = encoding == "otlp_json"
    read: Callable[..., Any] = parse_json if is_json else lambda s, d: s.request_type.FromString(d)
    assert read(signal, message.value()) == batch.message
    assert message.key() is None
    assert message.headers() == [("X-Tenant", b"a")]


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("acks", [1, "all"])
async def test_compression_and_acks(cluster: Cluster, compression: str, acks: Any) -> None:
    topic = f"logs_{compression}_{acks}"
    producer = {"compression": compression, "required_acks": acks}
    async with exporter(cluster.brokers, **DIRECT, topic=topic, producer=producer) as sending:
        for number in range(3):
            await sending.consume(batch_of(Signal.LOGS, [number] * 100))
    values = [message.value() for message in cluster.read(topic, 3)]
    found = [numbers_in(Batch(Signal.LOGS, value, 100)) for value in values]
    assert sorted(found) == [[number] * 100 for number in range(3)]


async def test_batches_that_are_too_large_are_divided(
    cluster: Cluster, counted: Callable[[str], dict[str, float]]
) -> None:
    name, producer = "kafka/large", {"max_message_bytes": 10_000}
    async with exporter(
        cluster.brokers, name=name, **DIRECT, topic="divided", producer=producer
    ) as sending:
        await sending.consume(batch_of(Signal.LOGS, range(5000)))
    messages = cluster.read("divided", 4)
    assert all(len(message.value()) <= 10_000 for message in messages)
    found = [n for message in messages for n in numbers_in(Batch(Signal.LOGS, message.value(), 1))]
    assert sorted(found) == list(range(5000))
    assert counted(name) == {"sent_log_records": 5000} | {
        key: value for key, value in counted(name).items() if key.startswith("queue")
    }


def spans(*names: str) -> Batch:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for name in names:
        scope.spans.add(name=name)
    return Batch.of(Signal.TRACES, request)


async def test_items_that_are_too_large_alone(
    cluster: Cluster, counted: Callable[[str], dict[str, float]]
) -> None:
    alone, large, both = spans("1"), spans("2" * 2000), spans("1", "2" * 2000)
    name, producer = "kafka/alone", {"max_message_bytes": 1000}
    with capture_logs() as logs:
        async with exporter(
            cluster.brokers, name=name, **DIRECT, topic="alone", producer=producer
        ) as sending:
            await sending.consume(both)
            with pytest.raises(Permanent, match=r"max_message_bytes \(1000\)"):
                await sending.consume(large)
    assert events(logs, "warning") == ["too_large"]
    assert cluster.read("alone", 1)[0].value() == alone.data
    assert counted(name)["sent_spans"] == 1
    assert counted(name)["send_failed_spans"] == 2


def resources(signal: Signal, *hosts: str) -> Batch:
    """A batch with an item of each host: the n-th is numbered n, and of the trace of its host."""
    message: Any = signal.request_type()
    for number, host in enumerate(hosts):
        part: Any = batch_of(signal, [number]).message
        (resource,) = getattr(part, f"resource_{'spans' if signal is Signal.TRACES else signal}")
        resource.resource.attributes.add(key="host", value=any_value(host))
        if signal is not Signal.METRICS:
            (scope,) = getattr(resource, f"scope_{'spans' if signal is Signal.TRACES else signal}")
            records = scope.spans if signal is Signal.TRACES else scope.log_records
            records[0].trace_id = host.encode() * 16
        message.MergeFrom(part)
    return Batch.of(signal, message)


@pytest.mark.parametrize(
    ("signal", "config", "expected"),
    [
        (Signal.TRACES, {}, {("otlp_spans", False): [0, 1, 2]}),
        (
            Signal.TRACES,
            {"partition_traces_by_id": True},
            {("otlp_spans", b"61" * 16): [0, 2], ("otlp_spans", b"62" * 16): [1]},
        ),
        (
            Signal.LOGS,
            {"partition_logs_by_trace_id": True},
            {("otlp_logs", b"61" * 16): [0, 2], ("otlp_logs", b"62" * 16): [1]},
        ),
        (
            Signal.LOGS,
            {"topic_from_attribute": "host"},
            {("a", False): [0, 2], ("b", False): [1]},
        ),
        (Signal.METRICS, {"topic": "t"}, {("t", False): [0, 1, 2]}),
    ],
    ids=["one", "traces-by-id", "logs-by-trace", "topic-from-attribute", "metrics"],
)
def test_topics_and_keys(
    signal: Signal, config: dict[str, Any], expected: dict[tuple[str, Any], list[int]]
) -> None:
    settings = KafkaConfig.model_validate(config)
    found = {
        (message.topic, message.key or False): numbers_in(message.batch)
        for message in messages_of(resources(signal, "a", "b", "a"), settings)
    }
    assert found == expected


@pytest.mark.parametrize(
    ("signal", "key"),
    [
        (Signal.METRICS, "partition_metrics_by_resource_attributes"),
        (Signal.LOGS, "partition_logs_by_resource_attributes"),
    ],
)
def test_messages_of_resources(signal: Signal, key: str) -> None:
    settings = KafkaConfig.model_validate({key: True})
    first, second = messages_of(resources(signal, "a", "b", "a"), settings)
    assert [numbers_in(first.batch), numbers_in(second.batch)] == [[0, 2], [1]]
    (again,) = messages_of(resources(signal, "a"), settings)
    assert again.key == first.key != second.key


def test_topic_of_the_request() -> None:
    settings = KafkaConfig.model_validate({"logs": {"topic_from_metadata_key": "X-Topic"}})
    batch = batch_of(Signal.LOGS, metadata={"x-topic": ("mine",)})
    assert [message.topic for message in messages_of(batch, settings)] == ["mine"]


async def test_brokers_that_are_away(unused_tcp_port: int) -> None:
    async with exporter([f"127.0.0.1:{unused_tcp_port}"], timeout="50ms", **DIRECT) as sending:
        with pytest.raises(Retryable, match=r"otlp_logs: .*timed out"):
            await sending.consume(batch_of(Signal.LOGS))


async def test_tried_again_until_the_brokers_are_there(
    unused_tcp_port: int, counted: Callable[[str], dict[str, float]]
) -> None:
    cluster = Cluster()
    name = "kafka/later"
    brokers = [f"127.0.0.1:{unused_tcp_port}"]
    clock = InstantTime()
    async with exporter(brokers, clock, name, timeout="50ms", topic="later") as sending:
        await sending.consume(batch_of(Signal.LOGS, [7]))
        await until(lambda: len(clock.pauses_s) >= 2)
    async with exporter(cluster.brokers, name=name, topic="later") as sending:
        await sending.consume(batch_of(Signal.LOGS, [8]))
        await until(lambda: counted(name).get("sent_log_records") == 1)
    assert counted(name)["send_failed_log_records"] == 1


async def test_what_waits_is_sent_at_the_stop(cluster: Cluster) -> None:
    async with exporter(cluster.brokers, topic="stop") as sending:
        for number in range(20):
            await sending.consume(batch_of(Signal.LOGS, [number]))
    found = [
        numbers_in(Batch(Signal.LOGS, message.value(), 1)) for message in cluster.read("stop", 20)
    ]
    assert sorted(found) == [[number] for number in range(20)]


async def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *more: Any) -> Any:
        if name == "confluent_kafka":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=re.escape(install_command("kafka"))):
        async with exporter(["localhost:9092"]):
            pass


async def test_a_file_that_is_no_certificate(tmp_path: Any) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(ConfigError, match="librdkafka does not accept"):
        async with exporter(["localhost:9092"], tls={"ca_file": file}):
            pass


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"security.protocol": "plaintext", "acks": 1, "enable.idempotence": False}),
        ({"tls": {}}, {"security.protocol": "ssl", "enable.ssl.certificate.verification": True}),
        (
            {"tls": {"ca_pem": "authorities"}},
            {
                "security.protocol": "ssl",
                "ssl.ca.pem": "authorities",
                "enable.ssl.certificate.verification": True,
            },
        ),
        ({"tls": {"insecure": True}}, {"security.protocol": "plaintext"}),
        (
            {"auth": {"sasl": {"username": "u", "password": "p", "mechanism": "SCRAM-SHA-256"}}},
            {
                "security.protocol": "sasl_plaintext",
                "sasl.mechanism": "SCRAM-SHA-256",
                "sasl.username": "u",
                "sasl.password": "p",
            },
        ),
        (
            {
                "auth": {
                    "plain_text": {"username": "u", "password": "p"},
                    "tls": {"insecure_skip_verify": True},
                }
            },
            {
                "security.protocol": "sasl_ssl",
                "sasl.mechanism": "PLAIN",
                "enable.ssl.certificate.verification": False,
            },
        ),
        (
            {"producer": {"required_acks": "all", "compression_params": {"level": 3}}},
            {"acks": -1, "enable.idempotence": True, "compression.level": 3},
        ),
        (
            {"timeout": "2s", "metadata": {"full": False, "retry": {"max": 0}}},
            {
                "message.timeout.ms": 2000,
                "topic.metadata.refresh.sparse": True,
                "message.send.max.retries": 0,
            },
        ),
    ],
    ids=str,
)
def test_properties(config: dict[str, Any], expected: dict[str, Any]) -> None:
    found = KafkaConfig.model_validate(config).librdkafka()
    assert {key: found[key] for key in expected} == expected
    own = {key: value for key, value in found.items() if not key.startswith("ssl.")}
    confluent_kafka.Producer(own | {"log_level": 0})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"brokers": []}, "at least 1 item"),
        ({"traces": {"encoding": "jaeger_proto"}}, "'otlp_proto' or 'otlp_json'"),
        ({"producer": {"required_acks": 2}}, "-1, 0 or 1"),
        ({"producer": {"allow_auto_topic_creation": False}}, "True"),
        ({"auth": {"kerberos": {}}}, "use sasl"),
        (
            {"auth": {"sasl": {"username": "u", "mechanism": "AWS_MSK_IAM_OAUTHBEARER"}}},
            "'SCRAM-SHA-256' or",
        ),
        ({"tls": {"server_name_override": "x"}}, "not supported by librdkafka"),
        ({"tls": {"reload_interval": "1h"}}, "not supported by librdkafka"),
        (
            {"partition_logs_by_trace_id": True, "partition_logs_by_resource_attributes": True},
            "do not go together",
        ),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        KafkaConfig.model_validate(config)


async def test_brokers_that_are_not_there_are_told_once() -> None:
    with capture_logs() as logs:
        async with exporter(["127.0.0.1:1"], **DIRECT, timeout="1s") as sending:
            for _ in range(2):
                with pytest.raises(Retryable, match=r"otlp_logs: .*timed out \(.*refused"):
                    await sending.consume(batch_of(Signal.LOGS, [1]))
    told = [entry["error"] for entry in logs if entry["event"] == "kafka"]
    assert 1 <= len(told) == len({error.partition(":")[0] for error in told}) <= 2
