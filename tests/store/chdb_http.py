"""A small HTTP front of chDB: the part of ClickHouse's HTTP interface that its client library uses.

It stands in for a ClickHouse server, which cannot be had as a package here. SQL, formats, errors
and settings are ClickHouse's own (chDB is ClickHouse); the HTTP side is this file's.

Run as a program: chDB opens one directory in a process. Prints its port.
"""

import gzip
import re
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import cramjam
import zstandard
from chdb.state.sqlitelike import Connection

_NOT_SETTINGS = {
    "query",
    "database",
    "default_format",
    "session_id",
    "query_id",
    "role",
    "wait_end_of_query",
    "buffer_size",
    "compress",
    "decompress",
    "client_protocol_version",
}
_INSERT = re.compile(rb"\s*(INSERT INTO .*?)\s+FORMAT\s+(\w+)[ \t]*\n(.*)", re.DOTALL)
_PATH = sys.argv[1]
_DECODE: dict[str, Callable[[bytes], bytes]] = {
    "": lambda body: body,
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "lz4": lambda body: bytes(cramjam.lz4.decompress(body)),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        return _DECODE[self.headers.get("Content-Encoding", "")](self._content())

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        options = {
            k: v[-1] for k, v in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()
        }
        query = options.get("query", "")
        connection = Connection(_PATH)
        try:
            connection.query(f"USE `{options.get('database', 'default')}`")
            result = self._run(connection, query, body, options)
            self._send(200, result)
        except RuntimeError as error:
            self._send(500, str(error).encode())
        finally:
            connection.close()

    def _run(
        self, connection: Connection, query: str, body: bytes, options: dict[str, str]
    ) -> bytes:
        settings = {
            k: v
            for k, v in options.items()
            if k not in _NOT_SETTINGS and not k.startswith("param_")
        }
        params = {k.removeprefix("param_"): v for k, v in options.items() if k.startswith("param_")}
        # The statement is the query parameter followed by the body, as ClickHouse has it.
        if insert := _INSERT.match(query.encode() + b"\n" + body if query else body):
            clause = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items())
            sql = insert[1].decode() + (f" SETTINGS {clause}" if clause else "")
            with connection.send_insert(sql, insert[2].decode()) as inserter:
                inserter.append(insert[3])
                inserter.finish()
            return b""
        readonly = settings.pop("readonly", None)
        for name, value in settings.items():
            connection.query(f"SET {name} = {_quoted(value)}")
        if readonly:
            connection.query(f"SET readonly = {readonly}")
        sql, form = _split_format(
            query or body.decode(), options.get("default_format", "TabSeparated")
        )
        return connection.query(sql, form, params=params).bytes()

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status != 200:
            self.send_header(
                "X-ClickHouse-Exception-Code", data.split(b" ")[1].strip(b".").decode()
            )
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _split_format(statement: str, default: str) -> tuple[str, str]:
    found = re.search(r"\s+FORMAT\s+(\w+)\s*$", statement)
    return (statement[: found.start()], found[1]) if found else (statement, default)


if __name__ == "__main__":
    keep_open = Connection(_PATH)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
