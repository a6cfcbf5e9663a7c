"""`scrape_configs` of Prometheus's configuration."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import httpx
from pydantic import BeforeValidator, Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.prometheus.http_config import (
    AuthorizationConfig,
    BasicAuthConfig,
    HeaderConfig,
    PromTlsConfig,
)
from belvedere.collector.receivers.prometheus.scalars import (
    PositivePromDuration,
    PromSize,
    Text,
)
from belvedere.prometheus.relabel import (
    DEFAULT_REGEX,
    DEFAULT_REPLACEMENT,
    Action,
    Rule,
)


class Protocol(StrEnum):
    """A format of scrapes, as `scrape_protocols` names it."""

    OPENMETRICS_1 = "OpenMetricsText1.0.0"
    OPENMETRICS_0 = "OpenMetricsText0.0.1"
    TEXT = "PrometheusText0.0.4"
    TEXT_1 = "PrometheusText1.0.0"


def _no_protobuf(value: Any) -> Any:
    if isinstance(value, str) and value == "PrometheusProto":
        raise ValueError(
            "PrometheusProto is not scraped; leave it out: OpenMetricsText1.0.0 has all of it but"
            " native histograms"
        )
    return value


ScrapeProtocol = Annotated[Protocol, BeforeValidator(_no_protobuf)]
"""An entry of `scrape_protocols`."""

_DISCOVERIES: Final = (
    "azure",
    "consul",
    "digitalocean",
    "dns",
    "docker",
    "dockerswarm",
    "ec2",
    "eureka",
    "gce",
    "hetzner",
    "http",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "nerve",
    "nomad",
    "openstack",
    "ovhcloud",
    "puppetdb",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
)
_NO_DISCOVERY: Final = (
    "targets come from static_configs and file_sd_configs; let a discovery of yours write a file"
)
_NO_NATIVE: Final = (
    "native histograms come by protobuf, which is not scraped; classic histograms are"
)
PROTOBUF: Final[Mapping[str, str]] = (
    dict.fromkeys(
        (
            "always_scrape_classic_histograms",
            "convert_classic_histograms_to_nhcb",
            "native_histogram_bucket_limit",
            "native_histogram_min_bucket_factor",
            "scrape_classic_histograms",
            "scrape_native_histograms",
        ),
        _NO_NATIVE,
    )
    | dict.fromkeys(
        ("metric_name_escaping_scheme", "metric_name_validation_scheme"),
        "names are taken as targets give them; remove the key",
    )
    | {"scrape_failure_log_file": "failed scrapes are in the log; remove the key"}
)
"""Keys of `global` and of jobs that are refused."""


class RelabelConfig(ComponentConfig):
    """An entry of `relabel_configs` or `metric_relabel_configs`."""

    source_labels: tuple[str, ...] = Field((), description="Labels whose values are joined.")
    separator: Text = Field(";", description="What stands between them.")
    target_label: Text = Field("", description="The label that is set; $1 stands for a group.")
    regex: Text = Field(DEFAULT_REGEX, description="RE2 expression, which must match all of it.")
    modulus: int = Field(0, ge=0, description="Of hashmod.")
    replacement: Text = Field(DEFAULT_REPLACEMENT, description="The value; $1 is a group.")
    action: Action = Field(Action.REPLACE, description="What is done.")

    @field_validator("action", mode="before")
    @classmethod
    def _in_any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _ = self.rule
        return self

    @property
    def rule(self) -> Rule:
        """What it does.

        Raises:
            RelabelError: it makes no sense.
        """
        return Rule(
            self.action,
            self.source_labels,
            self.separator,
            self.regex,
            self.modulus,
            self.target_label,
            self.replacement,
        )


class StaticConfig(ComponentConfig):
    """An entry of `static_configs`, and of the files of `file_sd_configs`."""

    targets: tuple[str, ...] = Field((), description="Addresses, host:port.")
    labels: dict[str, Text] = Field(default_factory=dict, description="Labels of all of them.")

    @field_validator("targets")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for target in value:
            if "/" in target:
                raise ValueError(f"{target!r} is no address; write host:port, and metrics_path")
        return value


class FileSdConfig(ComponentConfig):
    """An entry of `file_sd_configs`."""

    files: tuple[str, ...] = Field(description="Names with .json, .yml or .yaml; * in the last.")
    refresh_interval: PositivePromDuration = Field(
        300.0, description="When files are read again that did not change."
    )

    @field_validator("files")
    @classmethod
    def _are_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if Path(name).suffix not in (".json", ".yml", ".yaml") or "*" in str(Path(name).parent):
                raise ValueError(
                    f"{name!r} must end with .json, .yml or .yaml, with * after the last / only"
                )
        return value


class ScrapeConfig(ComponentConfig):
    """A job. Unset keys with None are `global`'s."""

    unsupported: ClassVar[Mapping[str, str]] = {
        **{f"{name}_sd_configs": _NO_DISCOVERY for name in _DISCOVERIES},
        **PROTOBUF,
        "oauth2": "let a proxy of yours get the tokens, or write them to authorization's file",
        "proxy_from_environment": "set proxy_url",
        "proxy_connect_header": "proxies get no headers of ours; remove the key",
        "no_proxy": "set proxy_url in the jobs that need it",
    }

    job_name: str = Field(min_length=1, description="The label job, unless targets have one.")
    scrape_interval: PositivePromDuration | None = Field(
        None, description="Time between two scrapes."
    )
    scrape_timeout: PositivePromDuration | None = Field(
        None, description="How long a scrape may take."
    )
    scrape_protocols: tuple[ScrapeProtocol, ...] | None = Field(
        None, description="Formats to ask for, the best first."
    )
    fallback_scrape_protocol: ScrapeProtocol | None = Field(
        None, description="Format of answers whose Content-Type says none; unset: the older text."
    )
    metrics_path: str = Field("/metrics", description="Where targets answer.")
    scheme: Literal["http", "https"] = Field("http", description="http or https.")
    params: dict[str, tuple[Text, ...]] = Field(
        default_factory=dict, description="Parameters of the URL."
    )
    honor_labels: bool = Field(
        False, description="Whether a sample's labels win over the target's of the same name."
    )
    honor_timestamps: bool = Field(True, description="Whether samples' own times count.")
    track_timestamps_staleness: bool = Field(
        False, description="Whether series with times of their own end when they vanish."
    )
    basic_auth: BasicAuthConfig | None = Field(None, description="User and password.")
    authorization: AuthorizationConfig | None = Field(None, description="Token.")
    bearer_token: Text = Field("", repr=False, description="Older key of authorization.")
    bearer_token_file: Path | None = Field(None, description="Older key of authorization.")
    http_headers: dict[str, HeaderConfig] = Field(
        default_factory=dict, description="Further headers."
    )
    tls_config: PromTlsConfig = Field(
        default_factory=PromTlsConfig, description="Certificates, for https."
    )
    follow_redirects: bool = Field(True, description="Whether redirects are followed.")
    enable_http2: bool = Field(True, description="HTTP/1.1 is spoken in any case.")
    enable_compression: bool = Field(True, description="Whether gzip is asked for.")
    proxy_url: str = Field("", description="HTTP proxy.")
    body_size_limit: PromSize | None = Field(None, description="Largest answer; 0: no limit.")
    sample_limit: int | None = Field(None, ge=0, description="Most samples; 0: no limit.")
    target_limit: int | None = Field(None, ge=0, description="Most targets; 0: no limit.")
    label_limit: int | None = Field(None, ge=0, description="Most labels; 0: no limit.")
    label_name_length_limit: int | None = Field(
        None, ge=0, description="Longest name of a label, in bytes; 0: no limit."
    )
    label_value_length_limit: int | None = Field(
        None, ge=0, description="Longest value of a label, in bytes; 0: no limit."
    )
    keep_dropped_targets: int | None = Field(
        None, ge=0, description="Dropped targets that are shown; 0: all."
    )
    extra_scrape_metrics: bool | None = Field(
        None, description="Whether scrape_timeout_seconds and others are added."
    )
    static_configs: tuple[StaticConfig, ...] = Field((), description="Targets.")
    file_sd_configs: tuple[FileSdConfig, ...] = Field((), description="Targets in files.")
    relabel_configs: tuple[RelabelConfig, ...] = Field(
        (), description="Rules for targets, before they are scraped."
    )
    metric_relabel_configs: tuple[RelabelConfig, ...] = Field((), description="Rules for samples.")

    @field_validator("proxy_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(f"{value!r} is no URL: {error}") from error
        if value and url.scheme not in {"http", "https"}:
            raise ValueError(f"{value!r} is no URL of a proxy; write http://host:port")
        return value

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        used = [
            key
            for key in ("basic_auth", "authorization", "bearer_token", "bearer_token_file")
            if getattr(self, key)
        ]
        if len(used) > 1:
            raise ValueError(f"set one of {' and '.join(used)}")
        return self

    @model_validator(mode="after")
    def _timeout_is_within_interval(self) -> Self:
        if self.scrape_interval and (self.scrape_timeout or 0) > self.scrape_interval:
            raise ValueError(
                f"scrape_timeout is longer than its scrape_interval ({self.scrape_interval:g} s)"
            )
        return self

    def completed(self, of: Any) -> Self:
        """The same with what `of`, the global configuration, says where the job says nothing."""
        unset = {
            name: getattr(of, name)
            for name in type(self).model_fields
            if getattr(self, name) is None and name in type(of).model_fields
        }
        if "scrape_timeout" in unset:
            # A job with a short interval need not say that its scrapes are short, too.
            interval_s = self.scrape_interval or unset["scrape_interval"]
            unset["scrape_timeout"] = min(unset["scrape_timeout"], interval_s)
        return self.model_copy(update=unset)
