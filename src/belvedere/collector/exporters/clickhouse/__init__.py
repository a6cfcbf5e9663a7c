"""`clickhouse`: telemetry as rows of the official tables, over ClickHouse's HTTP interface.

batch ─ rows (one JSON line each) ─ INSERT of each table ─ ClickHouse
"""

from belvedere.collector.exporters.clickhouse.exporter import ClickHouseExporter

__all__ = ["ClickHouseExporter"]
