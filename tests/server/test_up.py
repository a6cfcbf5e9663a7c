"""`belvedere up` as its user sees it: starts, says where, refuses clearly, stores all it took."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from test_kill import spans

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.migrate import migrate

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def send(address: str, first: int = 1, metadata: tuple = ()) -> None:
    with grpc.insecure_channel(address) as channel:
        channel.unary_unary(EXPORT)(spans(range(first, first + 10)), timeout=20, metadata=metadata)


def run_up(*options: str) -> subprocess.CompletedProcess[str]:
    """`belvedere up` where it is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "belvedere", "up", *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_it_says_where_it_listens_and_what_to_do_next(start_server: Callable) -> None:
    server = start_server()
    assert re.search(r"API and UI\s+http://127\.0\.0\.1:\d+", server.said)
    assert re.search(r"OTLP/gRPC\s+127\.0\.0\.1:\d+", server.said)
    assert re.search(r"OTLP/HTTP\s+127\.0\.0\.1:\d+", server.said)
    where = f"--server {server.api}"
    assert f"belvedere demo --endpoint http://{server.grpc} {where} " in server.said
    assert f"belvedere traces {where}\n" in server.said
    assert str(server.data_dir) in server.said
    assert httpx.get(f"{server.api}/-/ready").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_it_stops_with_everything_stored(start_server: Callable, number: signal.Signals) -> None:
    server = start_server()
    send(server.grpc)
    server.process.send_signal(number)
    code, errors = server._gone()
    assert (code, errors) == (0, "")
    assert [p for p in (server.data_dir / "queue").rglob("*") if p.is_file()] == []
    again = start_server()
    assert again.sql("SELECT count() AS spans FROM otel_traces") == [{"spans": 10}]


def test_a_terminal_that_is_closed_ends_it_with_everything_stored(
    start_server: Callable, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    master, slave = os.openpty()
    ports = ("--port", "0", "--grpc-port", "0", "--http-port", "0")
    with subprocess.Popen(
        [sys.executable, "-m", "belvedere", "up", "--data-dir", str(data_dir), *ports],
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        said = ""
        while not (found := re.search(r"OTLP/gRPC\s+(127\.0\.0\.1:\d+)\r", said)):
            said += os.read(master, 1 << 16).decode()
        send(found[1])
        os.close(master)
        process.send_signal(signal.SIGHUP)  # as the system does where it is the terminal's own
        try:
            process.wait(timeout=30)
        finally:
            process.kill()
    assert [p for p in (data_dir / "queue").rglob("*") if p.is_file()] == []
    again = start_server()
    assert again.sql("SELECT count() AS spans FROM otel_traces") == [{"spans": 10}]


def test_a_second_one_on_the_same_data_is_refused(start_server: Callable) -> None:
    first = start_server()
    refused = run_up("--data-dir", str(first.data_dir), "--port", "0")
    assert refused.returncode == 1
    assert f"in use by process {first.process.pid}" in refused.stderr.replace("\n", " ")
    assert "--data-dir" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_data_of_a_newer_release_is_refused_in_one_line(tmp_path: Path) -> None:
    """In any project, before anything is received."""
    db = EmbeddedClickHouse(tmp_path / "data")
    migrate(db, "team-a")
    db.execute("INSERT INTO schema_migrations (version) VALUES (9999)", database="team-a")
    db.close()
    free = (part for option in ("--port", "--grpc-port", "--http-port") for part in (option, "0"))
    refused = run_up("--data-dir", str(tmp_path / "data"), *free)
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("belvedere: project 'team-a' has schema 9999 of a newer Belvedere")


@pytest.mark.parametrize("option", ["--port", "--grpc-port", "--http-port"])
def test_a_taken_port_is_named_with_the_option_that_changes_it(tmp_path: Path, option: str) -> None:
    ports = {"--port": "0", "--grpc-port": "0", "--http-port": "0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports[option] = str(taken.getsockname()[1])
        refused = run_up(
            "--data-dir", str(tmp_path / "data"), *(part for item in ports.items() for part in item)
        )
    said = " ".join(refused.stderr.split())
    assert refused.returncode == 1
    assert ports[option] in said
    assert option in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("receivers: [", "bad.yaml"),
        ("receivers:\n  otpl:\n", "otlp"),
        ("exporters:\n  debug:\n    verbositty: basic\n", "verbosity"),
    ],
    ids=["no YAML", "no such receiver", "no such key"],
)
def test_a_bad_configuration_is_refused_with_its_place(
    tmp_path: Path, content: str, says: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    refused = run_up("--data-dir", str(tmp_path / "data"), "--port", "0", "--config", str(file))
    assert refused.returncode == 1
    assert "bad.yaml" in refused.stderr
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "nobody.invalid"], "cannot listen on nobody.invalid"),
        (["--host", "192.0.2.1"], "--host takes an address of this machine"),
        (["--cluster", "c"], "--store"),
        (["--grpc-port", "4999", "--http-port", "4999"], "are both 4999"),
        (["--cors-origin", "app.example.org"], "--cors-origin app.example.org is no origin"),
        (["--cors-origin", "https://app.example.org/"], "without a path"),
        (["--log-level", "loud"], "'warning'"),
        (["--store", "clickhouse://127.0.0.1:1"], "no ClickHouse answers at 127.0.0.1:1: Failed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_cannot_work_is_named(tmp_path: Path, options: list[str], says: str) -> None:
    refused = run_up("--data-dir", str(tmp_path / "data"), "--port", "0", *options)
    said = " ".join(refused.stderr.split())
    assert refused.returncode in (1, 2)
    assert says in said
    assert "Traceback" not in said
    assert "internal error" not in said
    assert '"event"' not in said


def test_a_file_in_the_place_of_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    refused = run_up("--data-dir", str(tmp_path / "data"), "--port", "0")
    assert refused.returncode == 1
    assert "it is a file, or below one; choose another with --data-dir" in refused.stderr


def test_with_tokens_the_commands_to_go_on_with_have_one(
    start_server: Callable, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    file.write_text("secret: default")
    server = start_server("--tokens-file", str(file))
    assert f"belvedere traces --server {server.api} --token TOKEN\n" in server.said
    assert "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN" in server.said
    assert "secret" not in server.said


def test_with_tls_the_commands_to_go_on_with_use_it(start_server: Callable, tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(cert)
    leaf.private_key_pem.write_to_path(key)
    server = start_server("--tls-cert", str(cert), "--tls-key", str(key))
    assert server.grpc.startswith("https://127.0.0.1:")
    assert f"belvedere demo --endpoint {server.grpc} " in server.said
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={server.grpc} " in server.said
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in server.said


def test_pages_may_send_all_headers_that_are_read(start_server: Callable) -> None:
    origin = "https://app.example.org"
    server = start_server("--cors-origin", origin)
    asked = httpx.options(
        f"{server.http}/v1/traces",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-encoding,content-type,"
            "x-scope-orgid",
        },
    )
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, origin)


def test_projects_are_apart(start_server: Callable) -> None:
    server = start_server()
    send(server.grpc, metadata=(("x-scope-orgid", "team-a"),))
    server.stored()
    count = "SELECT count() AS spans FROM otel_traces"
    assert server.sql(count) == [{"spans": 0}]
    answer = httpx.get(
        f"{server.api}/api/sql", params={"query": count}, headers={"X-Scope-OrgID": "team-a"}
    )
    assert answer.json()["data"] == [{"spans": 10}]


def test_on_the_loopback_it_answers_for_loopback_names_only(start_server: Callable) -> None:
    """Else a page whose name an attacker points at 127.0.0.1 could read everything."""
    server = start_server()
    for host, status in (("evil.example", 421), ("localhost:1", 200), ("[::1]:1", 200)):
        assert httpx.get(f"{server.api}/-/ready", headers={"Host": host}).status_code == status


def test_nothing_is_left_in_the_working_folder(start_server: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    server = start_server(
        data_dir=tmp_path / "elsewhere", patch=f"import os; os.chdir({str(folder)!r})"
    )
    send(server.grpc)
    server.stored()
    assert server.stop()[0] == 0
    assert list(folder.iterdir()) == []


def test_a_name_that_cannot_be_a_project_is_refused(start_server: Callable) -> None:
    server = start_server()
    with pytest.raises(grpc.RpcError) as refused:
        send(server.grpc, metadata=(("x-scope-orgid", "system"),))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot name a project" in refused.value.details()


def test_tokens_choose_the_project_at_every_door(start_server: Callable, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text("secret-a: team-a\nsecret-b: team-b\n")
    server = start_server("--tokens-file", str(tokens))
    with pytest.raises(grpc.RpcError) as refused:
        send(server.grpc)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    send(server.grpc, metadata=(("authorization", "Bearer secret-a"),))
    query = {"query": "SELECT count() AS spans FROM otel_traces"}
    assert httpx.get(f"{server.api}/api/sql", params=query).status_code == 401
    spans_of = {}
    for token in ("secret-a", "secret-b"):
        headers = {"Authorization": f"Bearer {token}"}
        httpx.post(  # makes the project
            f"{server.http}/v1/traces",
            content=spans(range(100, 101)),
            headers={**headers, "Content-Type": "application/x-protobuf"},
        ).raise_for_status()
        server_rows = []
        for _ in range(100):
            answer = httpx.get(f"{server.api}/api/sql", params=query, headers=headers)
            server_rows = answer.json()["data"]
            if server_rows[0]["spans"] >= {"secret-a": 11, "secret-b": 1}[token]:
                break
        spans_of[token] = server_rows[0]["spans"]
    assert spans_of == {"secret-a": 11, "secret-b": 1}


def test_the_store_can_be_a_clickhouse_server(start_server: Callable, tmp_path: Path) -> None:
    """In its place: the HTTP front of chDB, see `chdb_http.py`."""
    front = Path(__file__).parents[1] / "store" / "chdb_http.py"
    with subprocess.Popen(
        [sys.executable, str(front), str(tmp_path / "remote")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,  # chDB caches schemas there
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            server = start_server("--store", f"clickhouse://127.0.0.1:{port}")
            send(server.grpc)
            server.stored()
            assert server.sql("SELECT count() AS spans FROM otel_traces") == [{"spans": 10}]
            assert server.stop()[0] == 0
        finally:
            process.kill()


def test_a_query_that_cannot_be_interrupted_does_not_hold_up_the_end(
    start_server: Callable,
) -> None:
    """ClickHouse runs the one call of it for minutes."""
    server = start_server()
    send(server.grpc)
    server.stored()
    query = "select hasAny(range(1000000), range(1000000, 2000000))"

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"{server.api}/api/sql", content=query, timeout=60)

    asking = threading.Thread(target=ask)
    asking.start()
    running = "select count() as c from system.processes where query like '%hasAny(range(1%'"
    assert server.rows_when(running, lambda rows: rows[0]["c"] > 1)[0]["c"] > 1
    code, errors = server.stop()
    asking.join()
    assert code == 0, errors
    again = start_server()
    assert again.sql("SELECT count() AS spans FROM otel_traces") == [{"spans": 10}]


def test_a_disk_without_room_refuses_and_recovers(start_server: Callable) -> None:
    """The free space is made up: a full file system cannot be had everywhere."""
    full = (
        "import shutil, pathlib; from collections import namedtuple; real = shutil.disk_usage;"
        "Usage = namedtuple('Usage', 'total used free');"
        "shutil.disk_usage = lambda path: Usage(1, 1, 0)"
        " if pathlib.Path(path, '..', '..', 'full').exists() else real(path)"
    )
    server = start_server(patch=full)
    marker = server.data_dir.parent / "full"
    marker.touch()
    body = ExportTraceServiceRequest.FromString(spans(range(1, 11))).SerializeToString()
    headers = {"Content-Type": "application/x-protobuf"}

    def export() -> httpx.Response:
        return httpx.post(f"{server.http}/v1/traces", content=body, headers=headers)

    refused = until(export, 503)
    assert "Retry-After" in refused.headers
    assert b"disk is full" in refused.content
    marker.unlink()
    assert until(export, 200).status_code == 200


def until(export: Callable[[], httpx.Response], status: int) -> httpx.Response:
    """The first answer with this status, or the last one."""
    for _ in range(100):
        answer = export()
        if answer.status_code == status:
            break
        time.sleep(0.1)
    return answer
