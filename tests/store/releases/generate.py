"""Write the archive of a release: its schema and a few rows, as SQL.

    .venv/bin/python tests/store/releases/generate.py [COMMIT ...]

Without a commit, of the working tree. The release's own code creates the tables and stores the
requests below; the archive has the statements that ran and the rows that they led to.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]

# Runs in a process of its own, on the code of the release.
WRITER = r"""
import json, sys
from pathlib import Path
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from belvedere.store import ingest
from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.migrate import migrate, migrations

T_NS = 1_795_000_000_123_000_000
RESOURCE = {"attributes": [
    {"key": "service.name", "value": {"stringValue": "shop"}},
    {"key": "service.instance.id", "value": {"stringValue": "i-1"}},
    {"key": "host.name", "value": {"stringValue": "h"}}]}
SCOPE = {"name": "lib", "version": "1.2"}
ATTRIBUTES = [{"key": "http.route", "value": {"stringValue": "/old"}},
              {"key": "retries", "value": {"intValue": 2}}]
IDS = {"traceId": "AAECAwQFBgcICQoLDA0ODw==", "spanId": "AAECAwQFBgc="}
REQUESTS = {
    "traces": (ExportTraceServiceRequest, {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [
        {"scope": SCOPE, "spans": [{**IDS, "name": "GET /old", "kind": 2,
            "startTimeUnixNano": T_NS, "endTimeUnixNano": T_NS + 5_000_000,
            "attributes": ATTRIBUTES, "status": {"code": 2, "message": "late"},
            "events": [{"timeUnixNano": T_NS + 1, "name": "e", "attributes": ATTRIBUTES}],
            "links": [{**IDS, "attributes": ATTRIBUTES}]}]}]}]}),
    "logs": (ExportLogsServiceRequest, {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [
        {"scope": SCOPE, "logRecords": [{**IDS, "timeUnixNano": T_NS, "severityNumber": 9,
            "severityText": "INFO", "body": {"stringValue": "an old record"},
            "attributes": ATTRIBUTES}]}]}]}),
    "metrics": (ExportMetricsServiceRequest, {"resourceMetrics": [{"resource": RESOURCE,
        "scopeMetrics": [{"scope": SCOPE, "metrics": [
            {"name": "orders", "unit": "1", "sum": {"aggregationTemporality": 2,
                "isMonotonic": True, "dataPoints": [
                    {"timeUnixNano": T_NS, "asInt": "7", "attributes": ATTRIBUTES,
                     "exemplars": [{"timeUnixNano": T_NS, "asDouble": 1, **IDS}]}]}},
            {"name": "wait", "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [
                {"timeUnixNano": T_NS, "count": "3", "sum": 1.5, "bucketCounts": ["1", "2"],
                 "explicitBounds": [0.5]}]}},
            {"name": "size", "unit": "By", "exponentialHistogram": {
                "aggregationTemporality": 2, "dataPoints": [
                    {"timeUnixNano": T_NS, "count": "4", "sum": 9, "scale": 2, "zeroCount": "1",
                     "positive": {"offset": 3, "bucketCounts": ["1", "2"]}}]}}]}]}]}),
}
folder = Path(sys.argv[1])
db = EmbeddedClickHouse(folder)
migrate(db)
Door = getattr(ingest, "Door", None) or ingest.Signal
names = db.query("SHOW TABLES").column("name").to_pylist()
for signal, (message, content) in REQUESTS.items():
    if f"otlp_{signal}" in names:
        data = ParseDict(content, message()).SerializeToString()
        ingest.insert(db, "default", Door(signal), data, token=signal)
out = [statement for migration in migrations() for statement in migration.statements]
out += [
    f"INSERT INTO schema_migrations (version, name) VALUES ({m.version}, '{m.name}')"
    for m in migrations()
]
tables = db.query(
    "SELECT name, arrayStringConcat(groupArray(column), ', ') AS columns FROM ("
    "SELECT tables.name AS name, concat('`', columns.name, '`') AS column FROM system.columns"
    " JOIN system.tables ON columns.table = tables.name AND columns.database = tables.database"
    " WHERE tables.database = 'default' AND tables.name != 'schema_migrations'"
    " AND engine LIKE '%MergeTree' ORDER BY tables.name, columns.position)"
    " GROUP BY name ORDER BY name"
).to_pylist()
db.close()

from chdb.state.sqlitelike import Connection  # its output format SQLInsert is no Arrow
connection = Connection(str(folder / "clickhouse"))
for table in tables:
    rows = connection.query(
        f"SELECT {table['columns']} FROM default.{table['name']} ORDER BY ALL"
        f" SETTINGS output_format_sql_insert_table_name = '{table['name']}',"
        " output_format_sql_insert_max_batch_size = 1000", "SQLInsert")
    out.append(rows.bytes().decode().strip().removesuffix(";"))
connection.close()
Path(sys.argv[2]).write_text("\n;\n".join(filter(None, out)) + "\n;\n", encoding="utf-8")
print(migrations()[-1].version)
"""


def generate(commit: str | None) -> Path:
    """Write the archive of a commit, or of the working tree; return its path."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source = ROOT / "src"
        if commit:
            files = subprocess.check_output(["git", "archive", commit, "src"], cwd=ROOT)
            with tarfile.open(fileobj=io.BytesIO(files)) as archive:
                archive.extractall(work, filter="data")
            source = work / "src"
        version = subprocess.check_output(
            [sys.executable, "-c", WRITER, str(work / "store"), str(work / "archive.sql")],
            env={**os.environ, "PYTHONPATH": str(source)},
            text=True,
            cwd=work,
        )
        path = FOLDER / (f"{int(version):04}" + (f"-{commit[:7]}" if commit else "") + ".sql")
        path.write_text((work / "archive.sql").read_text(encoding="utf-8"), encoding="utf-8")
        return path


if __name__ == "__main__":
    for each in sys.argv[1:] or [None]:
        print(generate(each))
