"""What `--alerts` has in it.

Prometheus's `global` for rules, its Alertmanagers, and a route with receivers as Alertmanager's
configuration has them.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field, field_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.errors import ConfigError
from belvedere.collector.exporters.http_post import HttpPostConfig, checked_url
from belvedere.collector.exporters.retry import RetryConfig
from belvedere.collector.source import Source, read_tree
from belvedere.collector.tree import KeyPath, Tree, nearest
from belvedere.collector.validate import validated
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.promql.regex import BadRegexError
from belvedere.rules.duration import DurationMs, PositiveDurationMs

_MATCHER: Final = re.compile(
    r'\s*([^\s=~!"]+)\s*(=~|!=|!~|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*'
)
_ESCAPE: Final = re.compile(r"\\(.)")
_ELSEWHERE: Final = "send to an Alertmanager (alertmanagers), which can"


def _retry(initial: str, longest: str) -> RetryConfig:
    return RetryConfig.model_validate({"initial_interval": initial, "max_elapsed_time": longest})


class HttpTarget(HttpPostConfig):
    """A URL that alerts are posted to, with the Collector's keys of an HTTP client."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "sending_queue": "alerts have a queue of their own",
        "auth": "there are no extensions here; use headers",
    }

    retry_on_failure: RetryConfig = Field(
        default_factory=lambda: _retry("1s", "60s"),
        description="What happens after a failed attempt.",
    )


def _some_url(value: str) -> str:
    if not value:
        raise ValueError("the URL is empty; write one, or set the variable that it is taken from")
    return checked_url(value)


def _as_url(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class AlertmanagerConfig(HttpTarget):
    """An Alertmanager: its URL alone, or a mapping."""

    url: str
    """Its base; alerts go to /api/v2/alerts below it."""

    _checked = field_validator("url")(_some_url)


class WebhookConfig(HttpTarget):
    """Alertmanager's webhook: JSON of version 4."""

    url: str
    send_resolved: bool = True
    max_alerts: int = Field(0, ge=0)
    """How many alerts one message has at most; 0: all."""

    _checked = field_validator("url")(_some_url)


class SlackConfig(HttpTarget):
    """A webhook as Slack has them, and Mattermost, Rocket.Chat and others."""

    api_url: str
    channel: str = ""
    username: str = ""
    icon_emoji: str = ""
    send_resolved: bool = False

    _checked = field_validator("api_url")(_some_url)


class EmailConfig(ComponentConfig):
    """E-mail over SMTP."""

    to: str
    """Addresses, with commas between them."""
    from_: str = Field(alias="from")
    smarthost: str
    """host:port of the mail server."""
    hello: str = ""
    auth_username: str = ""
    auth_password: str = Field("", repr=False)
    require_tls: bool = True
    """Whether the server must speak STARTTLS. Port 465 has TLS from the start."""
    tls_ca_file: str = ""
    """Certificates to trust instead of the system's."""
    headers: dict[str, str] = Field(default_factory=dict)
    send_resolved: bool = False
    timeout: PositiveDurationMs = 30_000
    retry_on_failure: RetryConfig = Field(default_factory=lambda: _retry("5s", "120s"))

    @field_validator("smarthost")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        if not value:
            raise ValueError(
                "the mail server is empty; write host:port, or set the variable that it is taken"
                " from"
            )
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"{value!r} is no mail server; write host:port")
        return value


class ReceiverConfig(ComponentConfig):
    """Who is told, by whatever ways."""

    unsupported: ClassVar[Mapping[str, str]] = {
        f"{name}_configs": _ELSEWHERE
        for name in (
            *("discord", "incidentio", "jira", "mattermost", "msteams", "msteamsv2", "opsgenie"),
            *("pagerduty", "pushover", "rocketchat", "sns", "telegram", "victorops", "webex"),
            "wechat",
        )
    }

    name: str
    webhook_configs: list[WebhookConfig] = Field(default_factory=list)
    slack_configs: list[SlackConfig] = Field(default_factory=list)
    email_configs: list[EmailConfig] = Field(default_factory=list)


class RouteConfig(ComponentConfig):
    """Which receiver alerts are for; what is not said is as in the route around it."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "match": "write matchers",
        "match_re": "write matchers",
        "mute_time_intervals": _ELSEWHERE,
        "active_time_intervals": _ELSEWHERE,
    }

    receiver: str = ""
    matchers: list[str] = Field(default_factory=list)
    """`severity="page"`; all of them must match."""
    continue_: bool = Field(False, alias="continue")
    """Whether routes after this one are looked at as well."""
    group_by: list[str] | None = None
    """Labels; `...` for all."""
    group_wait: DurationMs | None = None
    """Time from a group's first alert to its first message; 30s."""
    group_interval: PositiveDurationMs | None = None
    """Time from a message to one of what has changed since; 5m."""
    repeat_interval: PositiveDurationMs | None = None
    """Time from a message to the same again, where nothing has changed; 4h."""
    routes: "list[RouteConfig]" = Field(default_factory=list)

    @field_validator("matchers")
    @classmethod
    def _readable(cls, value: list[str]) -> list[str]:
        for text in value:
            parse_matcher(text)
        return value


class AlertsConfig(ComponentConfig):
    """`--alerts`."""

    evaluation_interval: PositiveDurationMs = 60_000
    """Of groups that say none."""
    rule_query_offset: DurationMs = 0
    """Of groups that say none: how far in the past queries look, for data that comes late."""
    external_url: str = ""
    """Where users find this server: what links in messages begin with."""
    external_labels: dict[str, str] = Field(default_factory=dict)
    """Labels that alerts get where they do not have them."""
    alertmanagers: list[Annotated[AlertmanagerConfig, BeforeValidator(_as_url)]] = Field(
        default_factory=list
    )
    route: RouteConfig | None = None
    receivers: list[ReceiverConfig] = Field(default_factory=list)

    _checked = field_validator("external_url")(checked_url)


def parse_matcher(text: str) -> Matcher:
    """A matcher as Alertmanager writes them: `a="b"`, `a=b`, `a=~"b|c"`.

    Raises:
        ValueError: it is none.
    """
    match = _MATCHER.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is no matcher; write one like severity="page"')
    value = match[4] if match[3] is None else _ESCAPE.sub(_unescaped, match[3])
    try:
        return Matcher(match[1], MatchOp(match[2]), value)
    except BadRegexError as error:
        raise ValueError(f"{text!r} is no matcher: {error}") from None


def _unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(match[1], match[1])


def load_alerts(source: Source, env: Mapping[str, str] | None = None) -> AlertsConfig:
    """Read a file of alerts. References to the environment, `${env:NAME}`, are expanded.

    Raises:
        ConfigError: it cannot be used.
    """
    expected = "a file of alerts is a mapping with keys like alertmanagers, route and receivers"
    tree = read_tree(source, os.environ if env is None else env, expected=expected)
    config = validated(AlertsConfig, tree, ())
    for problem in _problems(config, tree):
        raise problem
    return config


def _problems(config: AlertsConfig, tree: Tree) -> Iterator[ConfigError]:
    names = [receiver.name for receiver in config.receivers]
    for at, name in enumerate(names):
        if name in names[:at]:
            yield tree.error(("receivers", at, "name"), f"the receiver {name!r} is there twice")
    if config.route is None:
        if names:
            yield tree.error(("receivers",), "no route leads to them; add the key route")
        return
    if not config.route.receiver:
        yield tree.error(("route",), "the route names a receiver")
    if config.route.matchers:
        yield tree.error(("route", "matchers"), "the outermost route takes all alerts")
    yield from _unknown_receivers(config.route, tree, ("route",), names)


def _unknown_receivers(
    route: RouteConfig, tree: Tree, path: KeyPath, names: list[str]
) -> Iterator[ConfigError]:
    if route.receiver and route.receiver not in names:
        hint = nearest(route.receiver, names)
        yield tree.error((*path, "receiver"), f"there is no receiver {route.receiver!r}", hint)
    for at, inner in enumerate(route.routes):
        yield from _unknown_receivers(inner, tree, (*path, "routes", at), names)
