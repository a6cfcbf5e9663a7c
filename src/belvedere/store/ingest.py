"""From a segment of the durable queue to rows: one insert into a `Null` table."""

from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from belvedere.otlp.signal import Signal
from belvedere.store.database import Database


class Door(StrEnum):
    """What the store takes: OTLP requests of a signal, or Prometheus series."""

    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"
    POINTS = "points"
    """See `belvedere.prometheus.points`."""

    @property
    def signal(self) -> Signal:
        """What its items count as."""
        return Signal.METRICS if self is Door.POINTS else Signal(self.value)


_TABLES: Final = {
    # door: (table, file of its schema, message)
    Door.TRACES: ("otlp_traces", "otlp.proto", "Traces"),
    Door.METRICS: ("otlp_metrics", "otlp_metrics.proto", "Metrics"),
    Door.LOGS: ("otlp_logs", "otlp.proto", "Logs"),
    Door.POINTS: ("points", "points.proto", "Points"),
}
_MAX_PARTITIONS: Final = 1000
"""Days that one insert may touch: more come from broken clocks or from malice."""
_INDEXED_LATER: Final = (
    "idx_span_attr_key, idx_span_attr_value, idx_res_attr_key, idx_res_attr_value,"
    " idx_scope_attr_key, idx_scope_attr_value, idx_log_attr_key, idx_log_attr_value, idx_body"
)


def insert(db: Database, project: str, door: Door, data: bytes | Path, *, token: str) -> None:
    """Insert serialized messages into the tables of `project`.

    Args:
        db: the database, where `project` is migrated.
        project: whose tables.
        door: what the messages are.
        data: serialized messages, one after another, without nested attribute values; or the
            file that holds them.
        token: names these bytes. The same token again adds nothing twice, in any of the tables.

    Raises:
        InvalidData: the database cannot read the bytes.
        StoreUnavailable: try again later, with the same token.
        OSError: the file cannot be read.
    """
    table, schema_file, message = _TABLES[door]
    db.insert(
        table,
        data,
        format="ProtobufSingle",
        database=project,
        settings={
            "format_schema_source": "string",
            "format_schema": _schema(schema_file),
            "format_schema_message_name": message,
            "insert_deduplication_token": token,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
            # An error of any table is the insert's, and is known when it returns.
            "materialized_views_ignore_errors": 0,
            "async_insert": 0,
            "max_partitions_per_insert_block": _MAX_PARTITIONS,
            # The segment is one row, and its views' blocks go to disk as they are.
            "min_insert_block_size_rows": 0,
            "min_insert_block_size_bytes": 0,
            "max_block_size": 1 << 20,
            "preferred_block_size_bytes": 0,
            # What planning costs, it costs for each view of each insert; these queries need none.
            "query_plan_enable_optimizations": 0,
            "compile_expressions": 0,
            # A part gets these indexes at its first merge; until then it is read without them.
            "exclude_materialize_skip_indexes_on_insert": _INDEXED_LATER,
            # Parallelism comes from inserting several segments at once.
            "max_threads": 1,
            "max_insert_threads": 1,
        },
    )


@cache
def _schema(file: str) -> str:
    """The schema for ClickHouse, without comments."""
    text = (files("belvedere.store") / file).read_text(encoding="utf-8")
    lines = (line.partition("//")[0].strip() for line in text.splitlines())
    return " ".join(line for line in lines if line)
