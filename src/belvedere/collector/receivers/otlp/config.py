"""Keys of the receiver `otlp`: those of the Collector's, and `tokens`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration, PositiveDuration, SizeBytes
from belvedere.collector.serving.listen import Endpoint, UrlPath
from belvedere.collector.serving.tls import TlsConfig
from belvedere.collector.tls import any_version
from belvedere.otlp.batch import PROJECT_NAME_RULE, is_project_name
from belvedere.otlp.compression import DEFAULT_LIMIT_BYTES

ALL_PROJECTS: Final = "*"
"""In place of a token's project: the token is an operator's, who sees all projects."""


def _checked_project(name: str) -> str:
    if name != ALL_PROJECTS and not is_project_name(name):
        raise ValueError(
            f"invalid project {name!r}: expected {PROJECT_NAME_RULE}; or '*' for all projects"
        )
    return name


def _checked_token(token: str) -> str:
    if not token.strip():
        raise ValueError("empty token: anyone could send it")
    return token


TokenText = Annotated[str, AfterValidator(_checked_token)]
TokenProject = Annotated[str, AfterValidator(_checked_project)]


class AuthConfig(ComponentConfig):
    """Who decides which clients may send."""

    authenticator: str = Field(description="Id of the extension that knows the clients.")


class ServerParameters(ComponentConfig):
    """How long connections live; unset means gRPC's default."""

    max_connection_idle: PositiveDuration | None = Field(
        None, description="Connections without requests are closed after this."
    )
    max_connection_age: PositiveDuration | None = Field(
        None, description="Connections are closed after this, so that load balancers spread them."
    )
    max_connection_age_grace: PositiveDuration | None = Field(
        None, description="What requests get to finish after max_connection_age."
    )
    time: PositiveDuration | None = Field(
        None, description="A quiet connection is pinged after this."
    )
    timeout: PositiveDuration | None = Field(
        None, description="A connection is closed if a ping has no answer for this long."
    )


class EnforcementPolicy(ComponentConfig):
    """How much pinging clients may do."""

    min_time: PositiveDuration | None = Field(
        None, description="Clients that ping more often are disconnected."
    )
    permit_without_stream: bool = Field(
        False, description="Whether clients may ping without a request in flight."
    )


class KeepaliveConfig(ComponentConfig):
    """Pings and ages of gRPC connections."""

    server_parameters: ServerParameters = Field(
        ServerParameters(), description="Ages and pings of connections."
    )
    enforcement_policy: EnforcementPolicy = Field(
        EnforcementPolicy(), description="What is asked of the clients' pings."
    )


_NO_BUFFERS = "Changes nothing: gRPC's library chooses its buffers."


class GrpcConfig(ComponentConfig):
    """OTLP/gRPC."""

    unsupported: ClassVar[Mapping[str, str]] = {"middlewares": "there are no such extensions"}

    endpoint: Endpoint = Field(
        "localhost:4317", description="Address to listen on, host:port; port 0 picks a free one."
    )
    max_recv_msg_size_mib: int = Field(
        DEFAULT_LIMIT_BYTES >> 20,
        gt=0,
        lt=2048,
        description="Largest request, before and after decompression.",
    )
    max_concurrent_streams: int | None = Field(
        None, gt=0, description="Requests at once on one connection; unset: no limit."
    )
    tls: Annotated[TlsConfig | None, AfterValidator(any_version)] = Field(
        None, description="Unset: no encryption."
    )
    keepalive: KeepaliveConfig = Field(
        KeepaliveConfig(), description="Pings and ages of connections."
    )
    auth: AuthConfig | None = Field(None, description="Who may send; unset: see tokens.")
    include_metadata: bool = Field(
        True, description="Whether components get the request's metadata, without credentials."
    )
    transport: Literal["tcp", "tcp4", "tcp6"] = Field(
        "tcp", description="tcp; which of IPv4 and IPv6 is served is what endpoint says."
    )
    read_buffer_size: SizeBytes = Field(0, description=_NO_BUFFERS)
    write_buffer_size: SizeBytes = Field(0, description=_NO_BUFFERS)


class CorsConfig(ComponentConfig):
    """Which web pages may send."""

    allowed_origins: tuple[str, ...] = Field(
        (), description="Origins like https://app.example.com; * stands for any characters."
    )
    allowed_headers: tuple[str, ...] = Field(
        (), description="Request headers beyond the ones that are always allowed; * for all."
    )
    exposed_headers: tuple[str, ...] = Field(
        (), description="Response headers that pages may read."
    )
    max_age: int = Field(0, ge=0, description="Seconds for which browsers may remember the answer.")


class HttpConfig(ComponentConfig):
    """OTLP/HTTP."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "compression_algorithms": "plain, gzip, deflate, zstd, snappy and lz4 are accepted;"
        " remove this key",
        "keep_alives_enabled": "set idle_timeout, which is how long connections are kept",
        "middlewares": "there are no such extensions",
        "response_headers": "a proxy before this receiver can add them",
    }
    done_anyway: ClassVar[Mapping[str, Any]] = {"keep_alives_enabled": True}

    endpoint: Endpoint = Field(
        "localhost:4318", description="Address to listen on, host:port; port 0 picks a free one."
    )
    tls: TlsConfig | None = Field(None, description="Unset: no encryption.")
    cors: CorsConfig | None = Field(
        None, description="Browsers that may send; unset: none from other origins."
    )
    auth: AuthConfig | None = Field(None, description="Who may send; unset: see tokens.")
    include_metadata: bool = Field(
        True, description="Whether components get the request's headers, without credentials."
    )
    max_request_body_size: SizeBytes = Field(
        DEFAULT_LIMIT_BYTES,
        gt=0,
        description="Largest request in bytes, before and after decompression. JSON gets a quarter"
        " of it, since it takes more memory.",
    )
    traces_url_path: UrlPath = Field("/v1/traces", description="Where traces are sent to.")
    metrics_url_path: UrlPath = Field("/v1/metrics", description="Where metrics are sent to.")
    logs_url_path: UrlPath = Field("/v1/logs", description="Where logs are sent to.")
    read_timeout: Duration = Field(
        60.0, gt=0, description="How long the body of a request may take to come."
    )
    read_header_timeout: Duration = Field(
        60.0, gt=0, description="How long the headers of a request may take to come."
    )
    write_timeout: Duration = Field(
        30.0, description="Changes nothing: answers are small enough for any socket's buffer."
    )
    idle_timeout: Duration = Field(
        60.0, gt=0, description="How long a connection is kept open without requests."
    )


class Protocols(ComponentConfig):
    """The doors: each one is open if its key is there, be it without a value."""

    grpc: GrpcConfig | None = Field(None, description="OTLP/gRPC.")
    http: HttpConfig | None = Field(None, description="OTLP/HTTP, protobuf and JSON.")

    @model_validator(mode="before")
    @classmethod
    def _null_means_defaults(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: {} if part is None else part for key, part in value.items()}

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.grpc is None and self.http is None:
            raise ValueError("at least one protocol is required: grpc, http")
        return self


class OtlpReceiverConfig(ComponentConfig):
    """Keys of `otlp`."""

    protocols: Protocols = Field(
        Protocols(grpc=GrpcConfig(), http=HttpConfig()), description="What to listen on."
    )
    tokens: dict[TokenText, TokenProject] = Field(
        {},
        repr=False,
        description="Bearer tokens and their projects ('*': the one that the header X-Scope-OrgID"
        " names). If there are any, requests need one.",
    )
    tokens_file: Path | None = Field(
        None, description="The same in a YAML file, so that tokens stay out of the configuration."
    )

    @model_validator(mode="after")
    def _tokens_in_one_place(self) -> Self:
        if self.tokens and self.tokens_file:
            raise ValueError("tokens and tokens_file exclude each other")
        return self
