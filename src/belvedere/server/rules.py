"""The rules of a server: `--rules` and `--alerts`, over its store."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from belvedere.api.state import LastReload, StoreWriter
from belvedere.collector.errors import ConfigError, Retryable
from belvedere.collector.source import Source
from belvedere.otlp.batch import DEFAULT_PROJECT
from belvedere.query.metrics.series import SeriesIndex
from belvedere.query.metrics.source import StoreSource
from belvedere.query.promql.duration import format_duration
from belvedere.query.promql.engine import Engine
from belvedere.rules.evaluation.build import Defaults
from belvedere.rules.evaluation.counts import RuleCounts
from belvedere.rules.evaluation.group import Group
from belvedere.rules.files.read import globs_of_nothing
from belvedere.rules.notify.config import AlertsConfig, load_alerts
from belvedere.rules.notify.notifier import Notifier
from belvedere.rules.service import RuleService, RuleSources
from belvedere.server.options import Options
from belvedere.store.database import Database, QueryLimits
from belvedere.store.projects import Projects

log = structlog.get_logger(__name__)

_PROJECT: Final = re.compile(r"([A-Za-z0-9_-]+)=(.+)")


class ServerRules:
    """Rules, and who is told of their alerts. Start it once the store takes data."""

    def __init__(self, options: Options, engine: Engine, url: str) -> None:
        """Read the files.

        Args:
            options: Of the server.
            engine: Answers queries.
            url: Where the server is, for links, unless `external_url` says it.

        Raises:
            ConfigError: one of them cannot be used.
        """
        alerts = load_alerts(Source.file(options.alerts)) if options.alerts else AlertsConfig()
        external_url = alerts.external_url.rstrip("/") or f"{url}/prometheus"
        self._alerts = alerts
        self._files = _by_project(options.rules)
        self._notifier = Notifier(alerts, external_url=external_url)
        self._service = RuleService(
            RuleSources(
                files=self._files,
                engine=engine,
                source=self._source,
                write=self._write,
                notify=self._notifier.notify,
                defaults=Defaults(
                    interval_ms=alerts.evaluation_interval,
                    query_offset_ms=alerts.rule_query_offset,
                    external_labels=alerts.external_labels,
                    external_url=external_url,
                    parser=engine.options.parser,
                ),
            )
        )
        self.last_reload = LastReload()
        self._reloading = asyncio.Lock()
        """SIGHUP and `/-/reload` may come at once."""
        self._database: Database | None = None
        self._writer: StoreWriter | None = None
        self._indexes: dict[str, SeriesIndex] = {}

    def groups(self, project: str) -> Sequence[Group]:
        """See `RuleService.groups`."""
        return self._service.groups(project)

    def describe(self) -> str:
        """What there is of rules, in words for a person; empty where `--rules` is not given."""
        if not self._files:
            return ""
        counts = RuleCounts.of(
            group for project in self._files for group in self._service.groups(project)
        )
        words = f"{counts.rules} in {counts.groups} group{'s' * (counts.groups != 1)}"
        if counts.firing:
            words += f", {counts.firing} alert{'s' * (counts.firing != 1)} firing"
        if empty := self._globs_of_nothing():
            words += f" (no file matches {', '.join(empty)})"
        return words

    @property
    def alertmanagers(self) -> Sequence[str]:
        """See `Notifier.alertmanagers`."""
        return self._notifier.alertmanagers

    def configuration(self, project: str) -> Mapping[str, Any]:
        """Return what there is of a Prometheus configuration, without secrets of URLs."""
        found: dict[str, Any] = {
            "global": {
                "evaluation_interval": format_duration(self._alerts.evaluation_interval),
                "external_labels": dict(self._alerts.external_labels),
            }
        }
        if not self._alerts.external_labels:
            del found["global"]["external_labels"]
        if project in self._files:
            found["rule_files"] = list(self._files[project])
        if urls := [urlsplit(url) for url in self.alertmanagers]:
            found["alerting"] = {
                "alertmanagers": [
                    {
                        "scheme": url.scheme,
                        "path_prefix": url.path.removesuffix("/api/v2/alerts") or "/",
                        "static_configs": [{"targets": [url.netloc.rpartition("@")[2]]}],
                    }
                    for url in urls
                ]
            }
        return found

    async def start(
        self, database: Database, projects: Projects, writer: StoreWriter | None
    ) -> None:
        """Begin to evaluate.

        Raises:
            ConfigError: there is nowhere to write to, or nobody can be told.
        """
        if self._files and writer is None:
            raise ConfigError(
                "rules write their series to the store, but no pipeline of the configuration uses"
                " the exporter belvedere",
                hint="leave --rules out, or add the exporter to a pipeline of metrics",
            )
        self._database, self._writer = database, writer
        for project in self._files:
            await asyncio.to_thread(projects.ensure, project)
            self._indexes[project] = SeriesIndex(database, project)
        self._warn_of_nothing()
        await self._notifier.start()
        await self._service.start()

    async def reload(self) -> bool:
        """Read the rule files again. What cannot be used is logged, and all goes on as before.

        Returns:
            Whether they could be used.
        """
        try:
            async with self._reloading:
                await self._service.reload()
        except ConfigError as error:
            log.error(  # noqa: TRY400 - the message says what is wrong
                "rules_not_reloaded",
                error=str(error),
                hint="the rules of before go on; mend the file, then send SIGHUP or POST to"
                " /-/reload again",
            )
            self.last_reload = replace(self.last_reload, is_successful=False)
            return False
        self.last_reload = LastReload(loaded_s=time.time())
        self._warn_of_nothing()
        return True

    async def shutdown(self) -> None:
        """Stop. Safe before `start` and when repeated."""
        await self._service.shutdown()
        await self._notifier.shutdown()

    def _globs_of_nothing(self) -> list[str]:
        return [each for patterns in self._files.values() for each in globs_of_nothing(patterns)]

    def _warn_of_nothing(self) -> None:
        for pattern in self._globs_of_nothing():
            log.warning(
                "no_rule_file_matches",
                glob=pattern,
                hint="see --rules; if files come later, send SIGHUP to have them read",
            )

    def _source(self, project: str) -> StoreSource:
        if self._database is None:
            raise RuntimeError("rules run before they are started")
        limits = QueryLimits(memory_bytes=2 << 30)
        return StoreSource(self._database, project, self._indexes[project], limits=limits)

    async def _write(self, project: str, points: bytes, items: int) -> None:
        if self._writer is None:
            raise Retryable("the store takes no data yet")
        await self._writer.append_points(project, points, items)


def _by_project(rules: Sequence[str]) -> dict[str, list[str]]:
    """Names and globs, by the project before their `=`."""
    found: dict[str, list[str]] = {}
    for text in rules:
        match = _PROJECT.fullmatch(text)
        project, pattern = match.groups() if match else (DEFAULT_PROJECT, text)
        found.setdefault(project, []).append(pattern)
    return found
