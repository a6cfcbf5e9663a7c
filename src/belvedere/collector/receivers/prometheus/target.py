"""Targets: from discovered labels, by relabelling, to what is scraped."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from belvedere.collector.receivers.prometheus.scalars import parse_duration
from belvedere.collector.receivers.prometheus.scrape_config import ScrapeConfig
from belvedere.prometheus.model import Labels, labels_of
from belvedere.prometheus.relabel import relabel


class TargetError(ValueError):
    """Discovered labels do not make a target. The message says why."""


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """Something to scrape. Equal targets are one."""

    url: str
    labels: Labels
    """What all its series get."""
    interval_s: float
    timeout_s: float
    discovered: Labels = field(compare=False)
    """Labels before relabelling."""

    @property
    def job(self) -> str:
        """The label job."""
        return dict(self.labels).get("job", "")

    @property
    def instance(self) -> str:
        """The label instance."""
        return dict(self.labels).get("instance", "")

    @property
    def scheme(self) -> str:
        """Of the URL."""
        return self.url.partition(":")[0]

    def offset_s(self, seed: str) -> float:
        """When in its interval it is scraped: targets are spread, each always at the same time.

        `seed` tells Collectors apart that scrape the same targets.
        """
        text = repr((seed, self.url, self.labels))
        digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
        return int.from_bytes(digest[:8], "big") / (1 << 64) * self.interval_s


def make_target(job: ScrapeConfig, labels: Mapping[str, str]) -> ScrapeTarget | None:
    """The target of discovered labels; None: `relabel_configs` drops it.

    Raises:
        TargetError: there is no address after relabelling, or an interval makes no sense.
    """
    found = discovered(job, labels)
    rules = [each.rule for each in job.relabel_configs]
    kept = relabel(found, rules)
    if kept is None:
        return None
    address = kept.get("__address__", "")
    if not address:
        raise TargetError("it has no address after relabelling")
    if "/" in address:
        raise TargetError(f"{address!r} is no address: host:port is one")
    try:
        interval_s = parse_duration(kept.get("__scrape_interval__", ""))
        timeout_s = parse_duration(kept.get("__scrape_timeout__", ""))
    except ValueError as error:
        raise TargetError(str(error)) from None
    if not 0 < timeout_s <= interval_s:
        raise TargetError(f"its timeout ({timeout_s:g} s) must be within its interval")
    public = {name: value for name, value in kept.items() if not name.startswith("__")}
    public.setdefault("instance", address)
    return ScrapeTarget(
        _url(job, kept, address), labels_of(public), interval_s, timeout_s, labels_of(found)
    )


def discovered(job: ScrapeConfig, labels: Mapping[str, str]) -> dict[str, str]:
    """Labels with which relabelling begins: what the job says, unless the target does."""
    first = {f"__param_{name}": values[0] for name, values in job.params.items() if values}
    return {
        "job": job.job_name,
        "__scheme__": job.scheme,
        "__metrics_path__": job.metrics_path,
        "__scrape_interval__": duration_text(job.scrape_interval or 0),
        "__scrape_timeout__": duration_text(job.scrape_timeout or 0),
        **first,
        **labels,
    }


def duration_text(seconds: float) -> str:
    """A duration as Prometheus writes it.

    >>> duration_text(90), duration_text(0.1), duration_text(3600)
    ('1m30s', '100ms', '1h')
    """
    milliseconds = round(seconds * 1000)
    text = ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _url(job: ScrapeConfig, labels: Mapping[str, str], address: str) -> str:
    parameters = {name: list(values) for name, values in job.params.items()}
    for label, value in labels.items():
        if label.startswith("__param_"):
            name = label.removeprefix("__param_")
            parameters[name] = [value, *parameters.get(name, [])[1:]]
    scheme, path = labels.get("__scheme__", "http"), labels.get("__metrics_path__", "/")
    if scheme not in ("http", "https"):
        raise TargetError(f"its scheme {scheme!r} is none of http, https")
    pairs = [(name, value) for name in sorted(parameters) for value in parameters[name]]
    path = path if path.startswith("/") else f"/{path}"
    query = f"?{urlencode(pairs)}" if pairs else ""
    # What a path has of ? and # is a part of it, as in Prometheus.
    text = f"{scheme}://{address}{path.replace('?', '%3F').replace('#', '%23')}{query}"
    try:
        return str(httpx.URL(text))
    except httpx.InvalidURL as error:
        raise TargetError(f"{text!r} is no URL: {error}") from None
