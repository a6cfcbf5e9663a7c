"""The configuration of `kafka`."""

from typing import Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration
from belvedere.collector.exporters.client_tls import ClientTlsConfig
from belvedere.collector.exporters.delivery import DeliveryConfig
from belvedere.otlp.signal import Signal

Encoding = Literal["otlp_proto", "otlp_json"]

_TOPICS: Final = {
    Signal.TRACES: "otlp_spans",
    Signal.METRICS: "otlp_metrics",
    Signal.LOGS: "otlp_logs",
}


_NOT_IN_LIBRDKAFKA: Final = (
    "include_system_ca_certs_pool",
    "max_version",
    "min_version",
    "reload_interval",
    "server_name_override",
)
"""Keys of `tls`."""


class SignalConfig(ComponentConfig):
    """`traces`, `metrics` or `logs`: where a signal goes, and in which form."""

    topic: str = Field("", description="Topic; without it otlp_spans, otlp_metrics or otlp_logs.")
    topic_from_metadata_key: str = Field(
        "", description="Header of the client's request that names the topic, where it is there."
    )
    encoding: Encoding = Field("otlp_proto", description="Form of messages: otlp_proto, otlp_json.")


class SaslConfig(ComponentConfig):
    """`auth::sasl`."""

    username: str = Field(description="User.")
    password: str = Field("", repr=False, description="Password.")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    version: Literal[0, 1] = Field(1, description="Changes nothing: librdkafka agrees on it.")


class PlainTextConfig(ComponentConfig):
    """`auth::plain_text`, the older form of `sasl` with PLAIN."""

    username: str = Field(description="User.")
    password: str = Field("", repr=False, description="Password.")


class AuthConfig(ComponentConfig):
    """`auth`: who we are."""

    sasl: SaslConfig | None = Field(None, description="User and password, by SASL.")
    plain_text: PlainTextConfig | None = Field(
        None, description="Older form of sasl with mechanism PLAIN."
    )
    tls: ClientTlsConfig | None = Field(None, description="Older place of the key tls.")
    kerberos: None = Field(None, description="Not in this version.")

    @field_validator("kerberos", mode="before")
    @classmethod
    def _no_kerberos(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError("this version does not have it; use sasl")
        return value


class MetadataRetryConfig(ComponentConfig):
    """`metadata::retry`."""

    max: int = Field(3, ge=0, description="Attempts to send a message within timeout.")
    backoff: Duration = Field(0.25, description="Pause between them.")


class MetadataConfig(ComponentConfig):
    """`metadata`: what is known of the brokers."""

    full: bool = Field(True, description="Whether all topics are asked for, or the used ones only.")
    refresh_interval: Duration = Field(600.0, description="How often it is asked for.")
    retry: MetadataRetryConfig = Field(
        default_factory=MetadataRetryConfig, description="What happens if a broker does not answer."
    )


class CompressionParams(ComponentConfig):
    """`producer::compression_params`."""

    level: int = Field(-1, ge=-1, le=12, description="Level of the compression; -1: its default.")


class ProducerConfig(ComponentConfig):
    """`producer`: how messages are sent."""

    max_message_bytes: int = Field(
        1_000_000,
        ge=1000,
        le=1_000_000_000,
        description="Size of a message at most; a larger batch becomes several.",
    )
    required_acks: Literal[-1, 0, 1] = Field(
        1, description="Acknowledgements: 1 of the leader, -1 (all) of all replicas, 0 of nobody."
    )
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "none", description="Compression of messages: none, gzip, snappy, lz4 or zstd."
    )
    compression_params: CompressionParams = Field(
        default_factory=CompressionParams, description="More about the compression."
    )
    flush_max_messages: int = Field(
        10_000, ge=0, description="Messages sent at once at most; 0: librdkafka's default."
    )
    linger: Duration = Field(0.01, description="Time that messages wait to be sent together.")
    allow_auto_topic_creation: Literal[True] = Field(
        True, description="Topics are made as the brokers allow (auto.create.topics.enable)."
    )

    @field_validator("required_acks", mode="before")
    @classmethod
    def _all_is_a_number(cls, value: Any) -> Any:
        return -1 if value == "all" else value


class KafkaConfig(DeliveryConfig):
    """`exporters::kafka`."""

    brokers: list[str] = Field(
        default_factory=lambda: ["localhost:9092"],
        min_length=1,
        description="Brokers to begin with.",
    )
    protocol_version: str = Field(
        "2.1.0", description="Changes nothing: librdkafka agrees with each broker on it."
    )
    resolve_canonical_bootstrap_servers_only: bool = Field(
        False, description="Whether the brokers' names are resolved to canonical ones."
    )
    client_id: str = Field("otel-collector", description="Name by which brokers know this client.")
    conn_idle_timeout: Duration = Field(540.0, description="Time after which idle connections end.")
    traces: SignalConfig = Field(default_factory=SignalConfig, description="Where traces go.")
    metrics: SignalConfig = Field(default_factory=SignalConfig, description="Where metrics go.")
    logs: SignalConfig = Field(default_factory=SignalConfig, description="Where logs go.")
    topic: str = Field("", description="Older form of traces::topic, metrics::topic, logs::topic.")
    encoding: Encoding | None = Field(None, description="Older form of traces::encoding, ...")
    topic_from_attribute: str = Field(
        "", description="Resource attribute that names the topic, where it is there."
    )
    include_metadata_keys: list[str] = Field(
        default_factory=list,
        description="Headers of the client's request that become headers of messages.",
    )
    partition_traces_by_id: bool = Field(
        False, description="Whether each trace is a message of its own, with its id as key."
    )
    partition_metrics_by_resource_attributes: bool = Field(
        False, description="Whether each resource's metrics are a message, with a key."
    )
    partition_logs_by_resource_attributes: bool = Field(
        False, description="Whether each resource's log records are a message, with a key."
    )
    partition_logs_by_trace_id: bool = Field(
        False, description="Whether each trace's log records are a message, with its id as key."
    )
    tls: ClientTlsConfig | None = Field(
        None, description="Encryption; absent: plain text. With tls: {} the usual authorities."
    )
    auth: AuthConfig = Field(default_factory=AuthConfig, description="Who we are.")
    metadata: MetadataConfig = Field(
        default_factory=MetadataConfig, description="What is known of the brokers."
    )
    producer: ProducerConfig = Field(
        default_factory=ProducerConfig, description="How messages are sent."
    )

    @model_validator(mode="after")
    def _clear(self) -> Self:
        if self.partition_logs_by_resource_attributes and self.partition_logs_by_trace_id:
            raise ValueError(
                "partition_logs_by_resource_attributes and partition_logs_by_trace_id do not go"
                " together"
            )
        if self.auth.sasl and self.auth.plain_text:
            raise ValueError("auth: set sasl or plain_text, not both")
        tls = self.tls or self.auth.tls
        for key in _NOT_IN_LIBRDKAFKA if tls else ():
            if getattr(tls, key):
                raise ValueError(f"tls: {key} is not supported by librdkafka")
        return self

    def topic_of(self, signal: Signal) -> str:
        """The configured topic of a signal."""
        own: SignalConfig = getattr(self, signal)
        return own.topic or self.topic or _TOPICS[signal]

    def encoding_of(self, signal: Signal) -> Encoding:
        """The form of a signal's messages."""
        own: SignalConfig = getattr(self, signal)
        if self.encoding and "encoding" not in own.model_fields_set:
            return self.encoding
        return own.encoding

    def librdkafka(self) -> dict[str, Any]:
        """The same as properties of librdkafka."""
        producer, metadata = self.producer, self.metadata
        found: dict[str, Any] = {
            "bootstrap.servers": ",".join(self.brokers),
            "client.id": self.client_id,
            "client.dns.lookup": "resolve_canonical_bootstrap_servers_only"
            if self.resolve_canonical_bootstrap_servers_only
            else "use_all_dns_ips",
            "connections.max.idle.ms": int(self.conn_idle_timeout * 1000),
            "topic.metadata.refresh.interval.ms": int(metadata.refresh_interval * 1000) or -1,
            "topic.metadata.refresh.sparse": not metadata.full,
            "message.send.max.retries": metadata.retry.max,
            "retry.backoff.ms": max(1, int(metadata.retry.backoff * 1000)),
            "message.max.bytes": producer.max_message_bytes,
            "message.timeout.ms": int(self.timeout * 1000),
            "acks": producer.required_acks,
            "enable.idempotence": producer.required_acks == -1 and metadata.retry.max > 0,
            "compression.codec": producer.compression,
            "linger.ms": int(producer.linger * 1000),
        }
        if producer.compression_params.level >= 0:
            found["compression.level"] = producer.compression_params.level
        if producer.flush_max_messages:
            found["batch.num.messages"] = min(producer.flush_max_messages, 1_000_000)
        return found | self._security()

    def _security(self) -> dict[str, Any]:
        tls, sasl, plain = self.tls or self.auth.tls, self.auth.sasl, self.auth.plain_text
        is_tls = tls is not None and not tls.insecure
        found: dict[str, Any] = {}
        if user := sasl or plain:
            found["sasl.mechanism"] = sasl.mechanism if sasl else "PLAIN"
            found["sasl.username"], found["sasl.password"] = user.username, user.password
        if tls and is_tls:
            files = {"ca": tls.ca_file, "certificate": tls.cert_file, "key": tls.key_file}
            found |= {f"ssl.{name}.location": str(file) for name, file in files.items() if file}
            texts = {"ca": tls.ca_pem, "certificate": tls.cert_pem, "key": tls.key_pem}
            found |= {f"ssl.{name}.pem": text for name, text in texts.items() if text}
            found["enable.ssl.certificate.verification"] = not tls.insecure_skip_verify
        protocols = (("plaintext", "ssl"), ("sasl_plaintext", "sasl_ssl"))
        return found | {"security.protocol": protocols[bool(user)][is_tls]}
