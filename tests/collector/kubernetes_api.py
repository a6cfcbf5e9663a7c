"""A Kubernetes API of recorded answers, served locally, with pages and watches; for tests."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import yaml

RECORDED: dict[str, list[dict[str, Any]]] = orjson.loads(
    (Path(__file__).parent / "kubernetes_recorded.json").read_bytes()
)
"""Path → the objects of its list. There is no cluster here to record: they are written down in the
form that the API of Kubernetes 1.31 documents."""


class KubernetesApi:
    """Serves lists by path; what is put into `changes` goes to the watches of that path."""

    def __init__(self, lists: Mapping[str, list[Any]]) -> None:
        self.lists = {path: list(objects) for path, objects in lists.items()}
        self.token = "s3cret"
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Path and parameters of each one, in order."""
        self.refuse: dict[str, tuple[int, str]] = {}
        """Status and message for paths that are refused."""
        self.url = ""
        self.changes: dict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self._version = 100
        self._writers: set[asyncio.StreamWriter] = set()

    def asked(self, path: str, *, watch: bool = False) -> list[dict[str, str]]:
        """The parameters of all requests for a path."""
        return [each for at, each in self.requests if at == path and ("watch" in each) == watch]

    def tell(self, path: str, kind: str, described: Any) -> None:
        """Send an event to the watch of a path."""
        self._version += 1
        meta = {**described.get("metadata", {}), "resourceVersion": str(self._version)}
        self.changes[path].put_nowait({"type": kind, "object": {**described, "metadata": meta}})

    def fail(self, path: str, code: int) -> None:
        """End the watch of a path by an error."""
        status = {"kind": "Status", "code": code, "message": "too old resource version"}
        self.changes[path].put_nowait({"type": "ERROR", "object": status})

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["KubernetesApi"]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._writers):
                writer.close()
            await server.wait_closed()

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig file for this server."""
        file = folder / "kubeconfig"
        document = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "local", "user": "me"}}],
            "clusters": [{"name": "local", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": self.token}}],
        }
        file.write_text(yaml.safe_dump(document))
        return file

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                await self._answer(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(head.split(" ")[1])
        parameters = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.requests.append((url.path, parameters))
        if f"authorization: bearer {self.token}\r\n" not in head.lower():
            _send(writer, 401, {"kind": "Status", "message": "Unauthorized"})
        elif url.path in self.refuse:
            code, message = self.refuse[url.path]
            _send(writer, code, {"kind": "Status", "message": message})
        elif "watch" in parameters:
            await self._watch(url.path, writer)
        else:
            _send(writer, 200, self._page(url.path, parameters))
        await writer.drain()

    def _page(self, path: str, parameters: Mapping[str, str]) -> Any:
        """One object a page, so that there are pages."""
        at = int(parameters.get("continue", "0"))
        objects = self.lists.get(path, [])
        meta = {"resourceVersion": str(self._version)}
        if at + 1 < len(objects):
            meta["continue"] = str(at + 1)
        return {"kind": "List", "metadata": meta, "items": objects[at : at + 1] or None}

    async def _watch(self, path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            event = await self.changes[path].get()
            line = orjson.dumps(event) + b"\n"
            for part in (line[:7], line[7:]):
                writer.write(b"%x\r\n%s\r\n" % (len(part), part))
                await writer.drain()
            if event["type"] == "ERROR":
                writer.write(b"0\r\n\r\n")
                return


def _send(writer: asyncio.StreamWriter, code: int, document: Any) -> None:
    body = orjson.dumps(document)
    writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (code, len(body), body))
