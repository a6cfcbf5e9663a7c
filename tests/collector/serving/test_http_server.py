"""`HttpServer` attacked: heads and bodies that do not end, other hosts' names, TLS."""

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trustme

from belvedere.collector.serving.host import is_loopback
from belvedere.collector.serving.http_server import HttpServer

TIMEOUT_S = 30.0
SOON_S = 0.3
BIG = 60 << 20

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def application(scope: dict[str, Any], receive: Callable, send: Callable) -> None:
    """Reads the body, unless the path says that it does not, and answers the headers' count."""
    more = scope["path"] != "/unread"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
    names = b",".join(name for name, _ in scope["headers"])
    length = str(len(names)).encode()
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": names})


@contextlib.asynccontextmanager
async def served(endpoint: str = "127.0.0.1:0", **options: Any) -> AsyncIterator[HttpServer]:
    server = HttpServer(application, endpoint, "test", **options)
    await server.start()
    try:
        yield server
    finally:
        await server.shutdown()


@contextlib.asynccontextmanager
async def connected(server: HttpServer) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """What the server still says before it closes the connection."""
    async with asyncio.timeout(TIMEOUT_S):
        try:
            return await reader.read()
        except ConnectionError:
            return b"reset"


async def sent(writer: asyncio.StreamWriter, pieces: Iterator[bytes]) -> int:
    """Send until the server closes the connection; returns the bytes."""
    count = 0
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(TIMEOUT_S):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                count += len(piece)
    return count


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "begin",
    [b"", b"P", b"POST / HTTP/1.1\r\n", HEAD, b"\r\n", b"POST /" + b"x" * 10_000],
    ids=["silent", "one byte", "no headers", "half", "empty line", "long URL"],
)
async def test_all_of_fifty_half_sent_heads_are_closed(begin: bytes) -> None:
    async with served(head_timeout_s=SOON_S) as server, contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(connected(server)) for _ in range(50)]
        for _, writer in streams:
            writer.write(begin)
        assert await asyncio.gather(*(end_of(reader) for reader, _ in streams)) == [b""] * 50


async def test_a_head_that_drips_is_closed() -> None:
    async with served(head_timeout_s=SOON_S) as server, connected(server) as (reader, writer):
        ended = asyncio.create_task(end_of(reader))
        writer.write(HEAD)
        while not ended.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"x")
                await writer.drain()
            await asyncio.wait([ended], timeout=SOON_S / 10)
        assert ended.result() in (b"", b"reset")


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"POST /", b"x" * 65536),
        (HEAD + b"X-Long: ", b"x" * 65536),
        (HEAD, b"x-many: y\r\n" * 6000),
        (CHUNKED + b"0\r\nX-Long: ", b"x" * 65536),
        (CHUNKED + b"0\r\n", b"x-many: y\r\n" * 6000),
        (CHUNKED + b"1;", b"x" * 65536),
    ],
    ids=["URL", "header", "headers", "trailer", "trailers", "chunk extension"],
)
async def test_sixty_mebibytes_of_lines_are_cut_off(begin: bytes, piece: bytes) -> None:
    pieces = itertools.chain([begin], itertools.repeat(piece, BIG // len(piece)))
    async with served() as server, connected(server) as (reader, writer):
        count = await sent(writer, pieces)
        assert count < BIG / 4  # what lies in sockets' buffers was sent, too
        assert (await end_of(reader)).startswith((b"HTTP/1.1 400 ", b"reset"))


async def test_a_large_body_in_chunks_is_no_long_line() -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    async with served() as server, connected(server) as (reader, writer):
        await sent(writer, itertools.chain([CHUNKED], itertools.repeat(chunk, 64)))
        writer.write(b"0\r\nX-Scope-OrgID: other\r\n\r\n")
        answer = await reader.readuntil(b"host,transfer-encoding")
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_requests_after_large_bodies_in_one_piece_are_answered() -> None:
    """The head of the next one begins in a read that is longer than any head may be."""
    body = b"x" * 200_000
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with served() as server, connected(server) as (reader, writer):
        writer.write(request * 5)
        for _ in range(5):
            assert (await reader.readuntil(b"host,content-length")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "body",
    [
        HEAD + b"Content-Length: 10\r\n\r\n12345",
        CHUNKED + b"5\r\n123",
        CHUNKED + b"1\r\nx\r\n0\r\n",
    ],
    ids=["half a body", "half a chunk", "no end"],
)
async def test_a_body_that_does_not_come_is_answered_408(body: bytes) -> None:
    async with served(body_timeout_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(body)
        answer = await end_of(reader)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"did not come within 0.3 s" in answer


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n"),
    ],
    ids=["rest of an answered body", "empty lines after a request"],
)
async def test_a_connection_that_drips_after_an_answer_is_closed(begin: bytes, drop: bytes) -> None:
    limits = {"head_timeout_s": SOON_S, "body_timeout_s": SOON_S, "idle_timeout_s": TIMEOUT_S}
    async with served(**limits) as server, connected(server) as (reader, writer):
        writer.write(begin)
        await reader.readuntil(b"\r\n\r\n")
        ended = asyncio.create_task(end_of(reader))
        while not ended.done():
            with contextlib.suppress(ConnectionError):
                writer.write(drop)
                await writer.drain()
            await asyncio.wait([ended], timeout=SOON_S / 10)


async def test_an_idle_connection_is_closed() -> None:
    async with served(idle_timeout_s=SOON_S) as server, connected(server) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await end_of(reader)).startswith(b"HTTP/1.1 200 ")


HOSTS = [
    ("localhost", True),
    ("localhost:1", True),
    ("LocalHost:4320", True),
    ("localhost.:4320", True),
    ("127.0.0.1:4320", True),
    ("127.9.9.9", True),
    ("[::1]", True),
    ("[::1]:4320", True),
    ("[::ffff:127.0.0.1]:4320", True),
    ("[0:0:0:0:0:0:0:1]", True),
    ("", False),
    ("evil.example", False),
    ("evil.example:4320", False),
    ("localhost.evil.example", False),
    ("localhost..", False),
    ("127.0.0.1.evil.example", False),
    ("localhost:evil.example", False),
    ("[::1]evil.example", False),
    ("[::1].evil.example:4320", False),
    ("localhost@evil.example", False),
    ("localhost evil.example", False),
    ("localhost, evil.example", False),
    ("0.0.0.0:4320", False),
    ("[::]:4320", False),
    ("[::2]:4320", False),
    ("::1", False),
    ("169.254.169.254", False),
]


@pytest.mark.parametrize(("host", "is_own"), HOSTS, ids=[host or "empty" for host, _ in HOSTS])
def test_names_of_this_machine(host: str, is_own: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_loopback(host) is is_own


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost:1\r\n", b"200"),
        (b"GET / HTTP/1.1\r\nHOST: [::1]\r\n", b"200"),
        (b"GET / HTTP/1.0\r\nHost: localhost\r\n", b"200"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n", b"421"),
        (b"GET / HTTP/1.0\r\n", b"421"),
        (b"GET / HTTP/1.1\r\n", b"421"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", b"421"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n", b"421"),
        (b"OPTIONS / HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n", b"421"),
    ],
    ids=[
        "own name",
        "IPv6",
        "HTTP/1.0",
        "another's name",
        "HTTP/1.0 without Host",
        "HTTP/1.1 without Host",
        "two hosts",
        "forwarded",
        "preflight",
    ],
)
async def test_on_the_loopback_it_answers_for_its_own_names(lines: bytes, status: bytes) -> None:
    async with served() as server, connected(server) as (reader, writer):
        writer.write(lines + b"Connection: close\r\n\r\n")
        answer = await end_of(reader)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert (b"localhost only" in answer) is (status == b"421")


async def test_on_other_addresses_it_answers_for_any_name() -> None:
    async with served("0.0.0.0:0") as server, connected(server) as (reader, writer):
        writer.write(b"GET / HTTP/1.0\r\nHost: belvedere.example\r\n\r\n")
        assert (await end_of(reader)).startswith(b"HTTP/1.1 200 ")


async def test_bound_sockets_with_tls() -> None:
    authority = trustme.CA()
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    bound = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(application, "", "test", head_timeout_s=SOON_S)
    await server.serve([bound], ours)
    try:
        for sends, says in (
            (b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", b"HTTP/1.1 200 "),
            (b"G", b""),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=theirs)
            writer.write(sends)
            assert (await end_of(reader)).startswith(says)
            writer.close()
    finally:
        await server.shutdown()
