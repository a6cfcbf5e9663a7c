"""The statements that make the official tables."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final

from belvedere.collector.exporters.clickhouse.config import ClickHouseConfig
from belvedere.otlp.signal import Signal

_COUNT: Final = ("Count UInt64 CODEC(Delta, ZSTD(1))", "Sum Float64 CODEC(ZSTD(1))")
_EXEMPLARS: Final = (
    "Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String),"
    " TimeUnix DateTime64(9), Value Float64, SpanId String, TraceId String) CODEC(ZSTD(1))"
)
_FLAGS: Final = "Flags UInt32 CODEC(ZSTD(1))"
_RANGE: Final = (
    "Min Float64 CODEC(ZSTD(1))",
    "Max Float64 CODEC(ZSTD(1))",
    "AggregationTemporality Int32 CODEC(ZSTD(1))",
)
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "gauge": ("Value Float64 CODEC(ZSTD(1))", _FLAGS, _EXEMPLARS),
    "sum": (
        "Value Float64 CODEC(ZSTD(1))",
        _FLAGS,
        _EXEMPLARS,
        "AggregationTemporality Int32 CODEC(ZSTD(1))",
        "IsMonotonic Boolean CODEC(Delta, ZSTD(1))",
    ),
    "summary": (
        *_COUNT,
        "ValueAtQuantiles Nested (Quantile Float64, Value Float64) CODEC(ZSTD(1))",
        _FLAGS,
    ),
    "histogram": (
        *_COUNT,
        "BucketCounts Array(UInt64) CODEC(ZSTD(1))",
        "ExplicitBounds Array(Float64) CODEC(ZSTD(1))",
        _EXEMPLARS,
        _FLAGS,
        *_RANGE,
    ),
    "exponential_histogram": (
        *_COUNT,
        "Scale Int32 CODEC(ZSTD(1))",
        "ZeroCount UInt64 CODEC(ZSTD(1))",
        "PositiveOffset Int32 CODEC(ZSTD(1))",
        "PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1))",
        "NegativeOffset Int32 CODEC(ZSTD(1))",
        "NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1))",
        _EXEMPLARS,
        _FLAGS,
        *_RANGE,
    ),
}
"""Kind of metric → its own columns."""

_UNITS: Final = (("Day", 86400), ("Hour", 3600), ("Minute", 60), ("Second", 1))


def quoted(name: str) -> str:
    """A name as ClickHouse's SQL has it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def qualified(config: ClickHouseConfig, table: str) -> str:
    """A table of the configured database."""
    return f"{quoted(config.database_name)}.{quoted(table)}"


def statements(config: ClickHouseConfig, signal: Signal) -> Iterator[str]:
    """What makes the database and the tables of a signal, where they are missing."""
    cluster = f"ON CLUSTER {quoted(config.cluster_name)}" if config.cluster_name else ""
    engine = f"{config.table_engine.name}({config.table_engine.params})"

    def table(file: str, name: str, time: str, **more: str) -> str:
        return _template(file).format(
            table=qualified(config, name),
            cluster=cluster,
            engine=engine,
            ttl=_ttl(config.ttl, time),
            **more,
        )

    yield f"CREATE DATABASE IF NOT EXISTS {quoted(config.database_name)} {cluster}".strip()
    if signal is Signal.LOGS:
        yield table("logs", config.logs_table_name, "TimestampTime")
    elif signal is Signal.TRACES:
        traces = config.traces_table_name
        yield table("traces", traces, "toDateTime(Timestamp)")
        yield table("trace_id_ts", f"{traces}_trace_id_ts", "toDateTime(Start)")
        yield table(
            "trace_id_ts_mv",
            f"{traces}_trace_id_ts_mv",
            "",
            source=qualified(config, traces),
            target=qualified(config, f"{traces}_trace_id_ts"),
        )
    else:
        for kind, columns in _COLUMNS.items():
            name, text = config.metrics_table(kind), ",\n    ".join(columns)
            yield table("metrics", name, "toDateTime(TimeUnix)", columns=text)


def _ttl(ttl_s: float, time: str) -> str:
    seconds = int(ttl_s)
    if not seconds:
        return ""
    unit, length = next((unit, length) for unit, length in _UNITS if seconds % length == 0)
    return f"TTL {time} + toInterval{unit}({seconds // length})"


def _template(name: str) -> str:
    """A statement, without its comments."""
    folder = files("belvedere.collector.exporters.clickhouse") / "sql"
    text = (folder / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))
