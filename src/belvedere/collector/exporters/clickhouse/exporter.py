"""The component `clickhouse`."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import ClassVar, Final
from urllib.parse import urlencode

import cramjam
import zstandard
from isal import igzip

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.exporters.clickhouse.config import ClickHouseConfig
from belvedere.collector.exporters.clickhouse.rows import lines, rows_of
from belvedere.collector.exporters.clickhouse.schema import qualified, statements
from belvedere.collector.exporters.http_exporter import HttpExporter
from belvedere.collector.exporters.http_post import HttpAnswer
from belvedere.collector.exporters.retry import Clock
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_COMPRESS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda data: igzip.compress(data, 1),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
}
_CODE: Final = "x-clickhouse-exception-code"
_MISSING: Final = frozenset({"60", "81"})
"""Exceptions for a table or a database that is not there (any more)."""

_NEVER: Final = frozenset({"6", "26", "27", "33", "38", "41", "53", "62", "117", "131"})
"""Exceptions for data that ClickHouse cannot read, today and tomorrow: parse errors, types."""

_REMEMBERED: Final = 1000
"""Inserts of which it is known that they were done, while others of their batch were not."""

_SHOWN_BYTES: Final = 300


class ClickHouseExporter(HttpExporter):
    """Inserts batches, a request for each table.

    Delivered means that ClickHouse has acknowledged the rows (asynchronous inserts too are waited
    for). The same insert again, after a lost answer, carries the same deduplication token:
    replicated tables then add nothing twice. Tables are made before they are first used.
    """

    Config = ClickHouseConfig
    signals: ClassVar = frozenset(Signal)

    def __init__(self, config: ClickHouseConfig, host: Host, *, clock: Clock | None = None) -> None:
        super().__init__(config, host, config.credentials, clock)
        self._config = config
        self._compress = _COMPRESS.get(config.compress)
        self._urls = config.urls
        self._made: set[Signal] = set()
        self._making = asyncio.Lock()
        self._done: OrderedDict[str, None] = OrderedDict()

    async def _attempt(self, batch: Batch) -> int:
        await self._make_tables(batch.signal)
        bodies = await asyncio.to_thread(_bodies, batch)
        digest = hashlib.blake2b(batch.data, digest_size=16).hexdigest()
        inserts = {f"{digest}-{kind}": kind for kind in bodies}
        for token, kind in inserts.items():
            if token not in self._done:
                await self._insert(batch.signal, kind, bodies[kind], token)
                self._done[token] = None
        for token in inserts:
            self._done.pop(token, None)
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        return 0

    async def _insert(self, signal: Signal, kind: str, body: bytes, token: str) -> None:
        config = self._config
        settings = {
            "async_insert": str(int(config.async_insert)),
            "wait_for_async_insert": "1",
            "insert_deduplication_token": token,
            "input_format_skip_unknown_fields": "1",
            "max_partitions_per_insert_block": "1000",
        } | config.settings
        query = f"INSERT INTO {qualified(config, self._table(kind))} FORMAT JSONEachRow"
        headers: dict[str, str] = {}
        if self._compress:
            body = await asyncio.to_thread(self._compress, body)
            headers["content-encoding"] = config.compress
        await self._run({"query": query} | settings, body, headers, signal)

    async def _make_tables(self, signal: Signal) -> None:
        if not self._config.create_schema or signal in self._made:
            return
        async with self._making:
            if signal not in self._made:
                for statement in statements(self._config, signal):
                    await self._run({}, statement.encode(), {}, signal)
                self._made.add(signal)

    async def _run(
        self, parameters: dict[str, str], body: bytes, headers: dict[str, str], signal: Signal
    ) -> None:
        """Send a request to the first server.

        Raises:
            Retryable: it is not there (then the next one is first), or cannot do it now.
            Permanent: it will never do it.
        """
        url = f"{self._urls[0]}?{urlencode(parameters)}" if parameters else self._urls[0]
        try:
            answer = await self._post(url, body, headers)
        except Retryable as error:
            self._urls = [*self._urls[1:], self._urls[0]]
            raise Retryable(str(error).replace(url, self._urls[-1])) from error
        if not answer.is_success:
            if answer.headers.get(_CODE) in _MISSING:
                self._made.discard(signal)
            raise _refusal(answer)

    def _table(self, kind: str) -> str:
        names = {"traces": self._config.traces_table_name, "logs": self._config.logs_table_name}
        return names.get(kind) or self._config.metrics_table(kind)


def _bodies(batch: Batch) -> dict[str, bytes]:
    return lines(rows_of(batch.signal, batch.signal.request_type.FromString(batch.data)))


def _refusal(answer: HttpAnswer) -> Retryable | Permanent:
    said = answer.body[:_SHOWN_BYTES].decode(errors="replace").strip()
    url = answer.url.partition("?")[0]
    kind = Permanent if answer.headers.get(_CODE) in _NEVER or answer.status == 413 else Retryable
    return kind(f"{url}: {answer.status} {answer.reason}: {said}")
