"""`container`: logs as docker, cri-o and containerd write them."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

import orjson
from pydantic import Field

from belvedere.collector.duration import SizeBytes
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.fields import FieldPath, parse_field
from belvedere.collector.receivers.filelog.layouts import time_reader
from belvedere.collector.receivers.filelog.operators.base import (
    EachConfig,
    Operator,
    required,
)
from belvedere.collector.receivers.filelog.operators.recombine import Recombine, RecombineConfig
from belvedere.collector.receivers.filelog.operators.severity import SeverityConfig

_CRI: Final = re.compile(
    r"(?P<time>\S+) (?P<stream>stdout|stderr) (?P<logtag>\S*) ?(?P<log>.*)", re.DOTALL
)
_TIME: Final = time_reader("gotime", "2006-01-02T15:04:05.999Z07:00", None, {})
_POD: Final = re.compile(
    r"^.*[/\\](?P<namespace>[^_/\\]+)_(?P<pod>[^_/\\]+)_(?P<uid>[a-f0-9-]+)[/\\]"
    r"(?P<container>[^._/\\]+)[/\\](?P<restarts>\d+)\.log(?:\.\d{8}-\d{6})?$"
)
_POD_ATTRIBUTES: Final = {
    "k8s.namespace.name": "namespace",
    "k8s.pod.name": "pod",
    "k8s.pod.uid": "uid",
    "k8s.container.name": "container",
    "k8s.container.restart_count": "restarts",
}


class ContainerConfig(EachConfig):
    """`container`. What several lines of cri-o or containerd say is joined."""

    type: Literal["container"] = Field(description="container.")
    format: Literal["", "docker", "crio", "containerd"] = Field(
        "", description="docker, crio or containerd; absent: recognised line by line."
    )
    add_metadata_from_filepath: bool = Field(
        True, description="Whether pod and container are read from log.file.path."
    )
    max_log_size: SizeBytes = Field(
        1 << 20, description="Size of a joined text at which it goes on; 0: no limit."
    )
    parse_from: FieldPath = Field(parse_field("body"), description="Field that is parsed.")
    parse_to: FieldPath = Field(
        parse_field("attributes"), description="Field that takes stream and tag."
    )
    severity: SeverityConfig | None = Field(
        None, description="How the entry's severity is read, after this parser."
    )

    def build(self) -> Operator:
        """The operator."""
        return Container(super().build(), self.max_log_size)

    def worker(self) -> Callable[[Entry], None]:
        """Read one line."""
        severity = self.severity.worker() if self.severity else None

        def work(entry: Entry) -> None:
            text = required(self.parse_from, entry)
            is_docker = self.format == "docker" or (not self.format and text.startswith("{"))
            line = _docker(text) if is_docker else _cri(text)
            path = entry.attributes.get("log.file.path")
            pod = _POD.match(path) if isinstance(path, str) else None
            if self.add_metadata_from_filepath and pod is None:
                raise ValueError(
                    f"log.file.path {path!r} is no path of a pod's log; set include_file_path:"
                    " true, or add_metadata_from_filepath: false"
                )
            entry.time_ns = _TIME(line.pop("time"))
            entry.body = line.pop("log")
            self.parse_to.set(entry, line)
            if pod and self.add_metadata_from_filepath:
                entry.resource |= {key: pod[name] for key, name in _POD_ATTRIBUTES.items()}
            if severity:
                severity(entry)

        return work


class Container:
    """Reads lines, and joins those that the runtime has split (tag P)."""

    def __init__(self, lines: Operator, max_log_size: int) -> None:
        self._lines = lines
        self._parts = Recombine(
            RecombineConfig.model_validate(
                {
                    "type": "recombine",
                    "combine_field": "body",
                    "combine_with": "",
                    "is_last_entry": "not (attributes.logtag == 'P')",
                    "max_log_size": max_log_size,
                    "max_batch_size": 0,
                    "max_unmatched_batch_size": 0,
                }
            )
        )

    def process(self, entries: Iterable[Entry]) -> list[Entry]:
        return self._parts.process(self._lines.process(entries))

    def flush(self, now_s: float | None) -> list[Entry]:
        return self._parts.flush(now_s)

    def held_from(self, source: str) -> int | None:
        return self._parts.held_from(source)


def _docker(text: str) -> dict[str, Any]:
    try:
        line = orjson.loads(text)
        return {"log": line["log"], "time": line["time"], "log.iostream": line["stream"]}
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError("no line of docker: an object with log, stream and time") from error


def _cri(text: str) -> dict[str, Any]:
    match = _CRI.fullmatch(text)
    if match is None:
        raise ValueError("no line of cri-o or containerd: time, stream, tag and text")
    return {
        "log": match["log"],
        "time": match["time"],
        "log.iostream": match["stream"],
        "logtag": match["logtag"],
    }
