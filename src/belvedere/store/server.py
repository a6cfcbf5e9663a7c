"""`ClickHouseServer`: a ClickHouse server or cluster, over its HTTP interface."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from belvedere.store.clickhouse import (
    BLOCK_CACHE,
    SMALL_BLOCKS,
    insert_error,
    quote,
    read_error,
    too_many_bytes,
)
from belvedere.store.database import QueryLimits
from belvedere.store.errors import StoreError, StoreUnavailable

_BOUNDED: Final = {**SMALL_BLOCKS, "output_format_arrow_compression_method": "none"}
"""What goes with `QueryLimits.answer_bytes`: a compressed answer could hold any size."""

_CONNECTION_ERRORS: Final = ("HTTPConnectionPool", "HTTPSConnectionPool", "Connection", "timed out")

_CAUSE: Final = re.compile(r"Failed to [^\"]+")
"""Of all that urllib3 says of a connection, what is wrong with it."""

_SERVER_RESPONSE: Final = re.compile(r"^.*?server response: | \(for url [^)]*\)$", re.DOTALL)
"""What clickhouse-connect puts around the server's own message."""


class ClickHouseServer:
    """A `Database` somewhere else.

    `readonly = 2` keeps a query from changing anything, and lets its limits go with it. What its
    user may read is the server's to decide: give Belvedere a user of its own.
    """

    def __init__(self, url: str) -> None:
        """Connect to `clickhouse://user:password@host:8123` (or `clickhouses://` for TLS).

        Raises:
            StoreUnavailable: nothing answers, or it does not know the user.
        """
        scheme, _, rest = url.partition("://")
        dsn = {"clickhouse": "http", "clickhouses": "https"}.get(scheme, scheme) + "://" + rest
        self._host = rest.rpartition("@")[2]
        try:
            self._client: Client = clickhouse_connect.get_client(
                dsn=dsn, autogenerate_session_id=False
            )
        except (ClickHouseError, OSError) as error:
            raise self._failure(error, read_error) from None

    @property
    def writes(self) -> None:
        return None

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        database: str = "default",
        limits: QueryLimits | None = None,
    ) -> pa.Table:
        bounds = limits or QueryLimits()
        settings = {
            "database": database,
            "readonly": 2,
            "max_execution_time": bounds.time_s,
            "max_memory_usage": bounds.memory_bytes,
            "max_result_rows": bounds.result_rows,
            "max_result_bytes": bounds.result_bytes,
            "max_threads": bounds.threads,
            **(BLOCK_CACHE if bounds.block_cache else {}),
            **(_BOUNDED if bounds.answer_bytes else {}),
            "result_overflow_mode": "throw",
            "enable_time_series_aggregate_functions": 1,
            "output_format_arrow_string_as_string": 1,
        }
        try:
            data = self._read(sql, dict(params or {}), settings, bounds.answer_bytes)
        except (ClickHouseError, OSError) as error:
            raise self._failure(error, read_error) from None
        return pa.ipc.open_file(data).read_all() if data else pa.table({})

    def _read(
        self, sql: str, params: dict[str, Any], settings: dict[str, Any], most_bytes: int
    ) -> bytes:
        """The answer as Arrow, of at most `most_bytes` (0: of any size)."""
        if not most_bytes:
            return self._client.raw_query(
                sql, params, settings=settings, fmt="Arrow", use_database=False
            )
        with self._client.raw_stream(
            sql, params, settings=settings, fmt="Arrow", use_database=False
        ) as stream:
            data: bytes = stream.read(most_bytes + 1)
        if len(data) > most_bytes:
            raise too_many_bytes(most_bytes)
        return data

    def execute(self, sql: str, *, database: str = "default") -> None:
        try:
            self._client.command(sql, settings={"database": database}, use_database=False)
        except (ClickHouseError, OSError) as error:
            raise self._failure(error, read_error) from None

    def insert(
        self,
        table: str,
        data: bytes | Path,
        *,
        format: str,  # noqa: A002 - ClickHouse's word
        database: str = "default",
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        try:
            self._client.raw_insert(
                f"{quote(database)}.{quote(table)}",
                insert_block=data.read_bytes() if isinstance(data, Path) else data,
                settings=dict(settings or {}),
                fmt=format,
            )
        except (ClickHouseError, OSError) as error:
            raise self._failure(error, insert_error) from None

    def close(self) -> None:
        self._client.close()

    def _failure(self, error: Exception, classify: Any) -> StoreError:
        text = str(error)
        unreachable = isinstance(error, OSError) or (
            isinstance(error, OperationalError) and any(sign in text for sign in _CONNECTION_ERRORS)
        )
        if unreachable:
            cause = _CAUSE.search(text)
            reason = cause[0] if cause else text.splitlines()[0][:200]
            return StoreUnavailable(f"no ClickHouse answers at {self._host}: {reason}")
        failure: StoreError = classify(_SERVER_RESPONSE.sub("", text))
        return failure
