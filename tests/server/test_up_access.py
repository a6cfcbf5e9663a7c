"""Who can reach `belvedere up`: TLS on all ports, tokens, warnings, limits of connections."""

import asyncio
import contextlib
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme
from running_server import RunningServer

from belvedere.collector.errors import ConfigError
from belvedere.server.options import Options

TIMEOUT_S = 60.0
SHORT_LIMITS = (
    "from belvedere.collector.serving.http_server import HttpServer;"
    "HttpServer.__init__.__kwdefaults__.update(head_timeout_s=1.0, body_timeout_s=1.0)"
)
"""The limits are a minute long, which is too long for a test."""


class Certificates:
    """An authority, and certificates by it for the server and for a client, in files."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        for name in ("server", "client"):
            leaf = authority.issue_cert("127.0.0.1", "localhost")
            leaf.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
            leaf.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        self.server = (
            "--tls-cert",
            str(folder / "server.pem"),
            "--tls-key",
            str(folder / "server.key"),
        )
        self.client = (str(folder / "client.pem"), str(folder / "client.key"))


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
def umask_of_nobody() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "belvedere", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.usefixtures("umask_of_nobody")
def test_tls_and_tokens_on_all_ports(
    start_server: Callable[..., RunningServer], certificates: Certificates, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text('tenant: team-a\nchief: "*"\n')
    data = tmp_path / "data"
    data.mkdir()  # as an earlier version left it: for all to read
    server = start_server(
        *certificates.server, "--tokens-file", str(tokens), "--prometheus-port", "0"
    )
    prometheus = server.address("Prometheus API")
    for url in (server.api, server.grpc, server.address("OTLP/HTTP"), prometheus):
        assert url.startswith("https://127.0.0.1:")
    assert f"belvedere traces --server {server.api} --token TOKEN\n" in server.said
    assert "BELVEDERE_CA=FILE" in server.said
    assert "WARNING" not in server.said
    assert stat.S_IMODE(data.stat().st_mode) == 0o700

    trust = ssl.create_default_context(cafile=certificates.ca)
    with httpx.Client(verify=trust, timeout=TIMEOUT_S) as client:
        for url in (server.api, prometheus):
            assert client.get(f"{url}/-/ready").status_code == 200
            assert client.get(f"{url}/-/ready", headers={"Host": "evil.example"}).status_code == 421
        tenant, chief = ({"Authorization": f"Bearer {token}"} for token in ("tenant", "chief"))
        assert client.get(f"{server.api}/metrics").status_code == 401
        everything = client.get(f"{server.api}/metrics", headers=chief).text
        assert "otelcol_exporter_queue_size" in everything
        assert "otelcol_" not in client.get(f"{server.api}/metrics", headers=tenant).text

    known = {
        "BELVEDERE_CA": certificates.ca,
        "BELVEDERE_URL": server.api,
        "BELVEDERE_TOKEN": "chief",
    }
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "others.pem"))
    others = {"REQUESTS_CA_BUNDLE": str(tmp_path / "others.pem")}  # as images of companies set it
    for protocol, endpoint in (("grpc", server.grpc), ("http", server.address("OTLP/HTTP"))):
        to = ("--protocol", protocol, "--endpoint", endpoint)
        demo = command("demo", "--load", "simulated", "--runs", "1", *to, **known, **others)
        assert demo.returncode == 0, demo.stderr
        assert "not accepted" not in demo.stdout
    of_operator, of_tenant = (
        command("status", **{**known, "BELVEDERE_TOKEN": token}) for token in ("chief", "tenant")
    )
    assert "queue belvedere" in of_operator.stdout
    assert of_tenant.returncode == 0, of_tenant.stderr
    assert "stored" in of_tenant.stdout
    assert not {"queue", "memory", "accepted", str(data)} & set(of_tenant.stdout.split())
    for variable in ("BELVEDERE_CA", "SSL_CERT_FILE"):
        environment = {**known, "BELVEDERE_CA": "", variable: certificates.ca}
        assert command("sql", "select 1 as one", **environment).stdout.split()[:2] == ["one", "1"]

    for environment, says in (
        ({"BELVEDERE_CA": ""}, "BELVEDERE_CA=ca.pem"),
        ({"BELVEDERE_CA": str(tokens)}, "cannot use the file in BELVEDERE_CA"),
        ({"BELVEDERE_CA": "/nowhere"}, "cannot use the file in BELVEDERE_CA"),
        ({"BELVEDERE_URL": server.api.replace("https", "http")}, f"--server {server.api}"),
    ):
        refused = command("status", **{**known, **environment})
        assert refused.returncode == 1
        assert says in refused.stderr
        assert "Traceback" not in refused.stderr
    assert server.stop() == (0, "")


def test_clients_certificates_on_all_ports(
    start_server: Callable[..., RunningServer], certificates: Certificates
) -> None:
    server = start_server(*certificates.server, "--tls-client-ca", certificates.ca)
    known = {"BELVEDERE_CA": certificates.ca, "BELVEDERE_URL": server.api}
    refused = command("status", **known)
    assert refused.returncode == 1
    assert "BELVEDERE_CLIENT_CERT=" in refused.stderr
    cert, key = certificates.client
    known |= {"BELVEDERE_CLIENT_CERT": cert, "BELVEDERE_CLIENT_KEY": key}
    assert "is ready" in command("status", **known).stdout


@pytest.mark.parametrize(
    "row",
    [
        (False, False, ["no tokens are set", "not encrypted"]),
        (True, False, ["not encrypted"]),
        (True, True, []),
    ],
    ids=["neither", "tokens", "both"],
)
def test_a_server_that_others_reach_warns(
    start_server: Callable[..., RunningServer],
    certificates: Certificates,
    tmp_path: Path,
    row: tuple[bool, bool, list[str]],
) -> None:
    with_tokens, with_tls, warnings = row
    tokens = tmp_path / "tokens"
    tokens.write_text("secret: team-a")
    options = [*certificates.server] if with_tls else []
    options += ["--tokens-file", str(tokens)] if with_tokens else []
    server = start_server("--host", "0.0.0.0", *options)
    said = [line for line in server.said.splitlines() if line.startswith("WARNING")]
    _, logged = server.stop()
    assert len(said) == logged.count("exposed_to_the_network") == len(warnings)
    for warning, line in zip(warnings, said, strict=True):
        assert warning in line
        assert warning in logged


@pytest.mark.parametrize(
    "options",
    [
        {"tls_key": Path("key.pem")},
        {"tls_cert": Path("cert.pem")},
        {"tls_client_ca": Path("ca.pem")},
    ],
    ids=["key alone", "certificate alone", "authority alone"],
)
def test_options_of_tls_that_do_not_go_together(options: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="set both --tls-cert and --tls-key"):
        Options(**options).collector_config()  # type: ignore[arg-type]  # of paths alone


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--tls-cert", "{key}", "--tls-key", "{cert}"], "cannot use the certificate"),
        (["--tokens-file", "{empty}"], "tokens:2: --tokens-file: empty token"),
    ],
    ids=["exchanged", "empty token"],
)
def test_what_cannot_guard_is_refused(
    certificates: Certificates, tmp_path: Path, options: list[str], says: str
) -> None:
    empty = tmp_path / "tokens"
    empty.write_text("secret: team-a\n'': team-b\n")
    names = {"cert": certificates.server[1], "key": certificates.server[3], "empty": empty}
    refused = command(
        *("up", "--port", "0", "--data-dir", str(tmp_path / "data")),
        *(option.format(**names) for option in options),
    )
    assert refused.returncode == 1
    assert says in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr
    assert "secret" not in refused.stderr


async def read_all(host: str, port: int, begin: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            with contextlib.suppress(ConnectionError):
                writer.write(begin)
                await writer.drain()
            try:
                return await reader.read()
            except ConnectionError:
                return b"reset"
    finally:
        writer.close()


async def test_connections_of_all_http_ports_are_bounded(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server("--prometheus-port", "0", patch=SHORT_LIMITS)
    path = {server.api: "/api/sql", server.address("Prometheus API"): "/api/v1/write"}
    for url, post in path.items():
        where = (str(urlsplit(url).hostname), int(urlsplit(url).port or 0))
        half = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
        ended = await asyncio.gather(*(read_all(*where, half) for _ in range(50)))
        assert ended == [b""] * 50
        body = f"POST {post} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n".encode()
        body += b"Content-Type: application/x-protobuf\r\n\r\n1234"
        ended = await asyncio.gather(*(read_all(*where, body) for _ in range(50)))
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in ended)
        long = await read_all(*where, half + b"x-long: " + b"x" * (60 << 20))
        assert long.startswith((b"HTTP/1.1 400 ", b"reset"))
        for host in (b"evil.example", b"localhost.evil.example:4320", b"0.0.0.0"):
            answer = await read_all(
                *where, b"GET /-/ready HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host
            )
            assert answer.startswith(b"HTTP/1.1 421 ")
        for head in (b"HTTP/1.1\r\nHost: LOCALHOST.:1", b"HTTP/1.0\r\nHost: [::1]:4320"):
            answer = await read_all(*where, b"GET /-/ready %b\r\nConnection: close\r\n\r\n" % head)
            assert answer.startswith(b"HTTP/1.1 200 ")
    async with httpx.AsyncClient(base_url=server.http, timeout=TIMEOUT_S) as client:
        for headers, status in (({"Host": "evil.example"}, 421), ({"Origin": "null"}, 403)):
            answer = await client.post("/v1/logs", json={}, headers=headers)
            assert answer.status_code == status
