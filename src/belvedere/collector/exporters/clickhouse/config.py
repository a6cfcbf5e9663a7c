"""The configuration of `clickhouse`."""

from typing import Any, Final, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration
from belvedere.collector.exporters.http_post import HttpPostConfig

_NATIVE: Final = {"tcp", "clickhouse", "native"}
_OF_THE_DRIVER: Final = frozenset(
    {
        "block_buffer_size",
        "client_info_product",
        "compress",
        "compress_level",
        "conn_max_lifetime",
        "connection_open_strategy",
        "debug",
        "dial_timeout",
        "max_compression_buffer",
        "max_idle_conns",
        "max_open_conns",
        "password",
        "read_timeout",
        "username",
    }
)
"""Options of the official exporter's Go driver that are no settings of ClickHouse: how it connects,
which changes nothing here, and who we are."""

_INSTEAD: Final = {
    "http_path": "requests go to /, where ClickHouse answers; remove it",
    "http_proxy": "set proxy_url",
    "secure": "write https://, and its port (8443)",
    "skip_verify": "set tls: {insecure_skip_verify: true}",
}
"""Options of that driver which matter, and what to write."""


class TableEngine(ComponentConfig):
    """`table_engine`."""

    name: str = Field(
        "MergeTree", pattern=r"^\w*MergeTree$", description="Engine of tables that are made."
    )
    params: str = Field("", description="Its parameters, as they stand in parentheses.")


class MetricsTable(ComponentConfig):
    """A table in `metrics_tables`."""

    name: str = Field("", description="Name of the table; without it, otel_metrics_ and the kind.")


class MetricsTables(ComponentConfig):
    """`metrics_tables`: by kind of metric, a name or `name: ...`."""

    gauge: MetricsTable = Field(MetricsTable(), description="Of gauges.")
    sum: MetricsTable = Field(MetricsTable(), description="Of sums.")
    summary: MetricsTable = Field(MetricsTable(), description="Of summaries.")
    histogram: MetricsTable = Field(MetricsTable(), description="Of histograms.")
    exponential_histogram: MetricsTable = Field(
        MetricsTable(), description="Of exponential histograms."
    )

    @field_validator("*", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class ClickHouseConfig(HttpPostConfig):
    """`exporters::clickhouse`."""

    endpoint: str = Field(
        description="URL of the HTTP interface, http://host:8123 or https://host:8443; several"
        " hosts with commas are tried in order."
    )
    username: str = Field("", description="User; without it the endpoint's, or the server's.")
    password: str = Field("", repr=False, description="Password of that user.")
    database: str = Field("default", description="Database; the endpoint's path counts as well.")
    connection_params: dict[str, str] = Field(
        default_factory=dict,
        description="Settings of ClickHouse that go with each insert. Options of the official"
        " exporter's driver that say how it connects, like dial_timeout, change nothing.",
    )
    create_schema: bool = Field(
        True, description="Whether database and tables are made where they are missing."
    )
    ttl: Duration = Field(0.0, description="Time to live of rows in tables that are made; 0s: any.")
    logs_table_name: str = Field("otel_logs", min_length=1, description="Table of logs.")
    traces_table_name: str = Field("otel_traces", min_length=1, description="Table of traces.")
    metrics_tables: MetricsTables = Field(
        default_factory=MetricsTables, description="Tables of metrics."
    )
    metrics_table_name: str = Field(
        "", description="Older form of metrics_tables: how the names of all five begin."
    )
    cluster_name: str = Field("", description="Cluster on which tables are made (ON CLUSTER).")
    table_engine: TableEngine = Field(
        default_factory=TableEngine, description="Engine of tables that are made."
    )
    compress: Literal["none", "gzip", "zstd", "lz4"] = Field(
        "lz4", description="Compression of inserts: lz4, zstd, gzip or none."
    )
    async_insert: bool = Field(
        True, description="Whether ClickHouse gathers inserts; each is waited for all the same."
    )
    json_columns: Literal[False] = Field(
        False, alias="json", description="Tables with columns of type JSON; there are none here."
    )

    @field_validator("json_columns", mode="before")
    @classmethod
    def _no_json(cls, value: Any) -> Any:
        if value:
            raise ValueError("columns of type JSON are not supported; remove the key")
        return value

    @field_validator("endpoint")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value:
            raise ValueError("endpoint is required: http://host:8123")
        url = urlsplit(value)
        if url.scheme in _NATIVE:
            hosts = (
                url.netloc.rpartition("@")[2].replace(":9000", ":8123").replace(":9440", ":8443")
            )
            raise ValueError(
                f"{url.scheme}:// is ClickHouse's native protocol, which is not supported; use its"
                f" HTTP interface: http://{hosts} (or https://)"
            )
        if url.scheme not in {"http", "https"} or not url.netloc:
            raise ValueError(f"{value!r} is no URL; write http://host:8123")
        return value

    @model_validator(mode="after")
    def _settings_of_the_server(self) -> Self:
        for name in self.settings:
            if name in _INSTEAD:
                raise ValueError(
                    f"{name} is an option of the Go driver, not a setting of ClickHouse;"
                    f" {_INSTEAD[name]}"
                )
        return self

    @property
    def urls(self) -> list[str]:
        """The servers."""
        url = urlsplit(self.endpoint)
        hosts = url.netloc.rpartition("@")[2].split(",")
        return [f"{url.scheme}://{host.rpartition('://')[2].strip('/')}/" for host in hosts]

    @property
    def database_name(self) -> str:
        """`database`, or what the endpoint's path says."""
        path = urlsplit(self.endpoint).path.strip("/")
        return path if path and self.database == "default" else self.database

    @property
    def credentials(self) -> dict[str, str]:
        """Headers that say who we are."""
        url = urlsplit(self.endpoint)
        query = dict(parse_qsl(url.query))
        user = self.username or unquote(url.username or "") or query.get("username", "")
        password = unquote(url.password or "") or query.get("password", "")
        key = self.password if self.username else password
        return {"x-clickhouse-user": user, "x-clickhouse-key": key} if user else {}

    @property
    def settings(self) -> dict[str, str]:
        """Settings of ClickHouse in the endpoint and in `connection_params`."""
        query = dict(parse_qsl(urlsplit(self.endpoint).query)) | self.connection_params
        return {name: value for name, value in query.items() if name not in _OF_THE_DRIVER}

    def metrics_table(self, kind: str) -> str:
        """The table of a kind of metric."""
        table: MetricsTable = getattr(self.metrics_tables, kind)
        return table.name or f"{self.metrics_table_name or 'otel_metrics'}_{kind}"
