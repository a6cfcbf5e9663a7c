"""A real Prometheus (Debian's package), in a process of its own on a free port.

    with RealPrometheus(tmp_path, config={"scrape_configs": [...]}) as prometheus:
        prometheus.query("up")

For differential tests of PromQL: `openmetrics` is history that it starts with, written as blocks,
and `url` takes remote write at `/api/v1/write`.
"""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml
from prerequisites import program

TIMEOUT_S = 30.0
_LISTENS = re.compile(r'msg="Listening on" address=(\S+)')
_EXPECTED_WARNINGS = ("Received SIGTERM", "Received an OS signal")


class RealPrometheus:
    """It listens on `url` when the constructor returns."""

    def __init__(
        self,
        directory: Path,
        *flags: str,
        config: Mapping[str, Any] | None = None,
        openmetrics: str = "",
        native_histograms: bool = True,
    ) -> None:
        """Start it, with remote write and exemplars.

        Args:
            directory: for its configuration and data; several may share one, not at once.
            flags: more of its command line's, like `--query.lookback-delta=1m`.
            config: its configuration file.
            native_histograms: whether it knows them; it scrapes protobuf then, else text.
            openmetrics: samples with timestamps in OpenMetrics, ended by `# EOF`.
        """
        self._file = directory / "prometheus.yml"
        self._file.write_text(yaml.safe_dump(dict(config or {})))
        self.data = directory / "prometheus-data"
        if openmetrics:
            self._backfill(directory, openmetrics)
        features = "exemplar-storage" + (",native-histograms" if native_histograms else "")
        self.log: list[str] = []
        """The lines that it has logged so far."""
        self.process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={self._file}",
                f"--storage.tsdb.path={self.data}",
                "--storage.tsdb.retention.time=100y",  # tests write samples of any time
                "--web.listen-address=127.0.0.1:0",
                "--web.enable-remote-write-receiver",
                "--web.enable-lifecycle",
                f"--enable-feature={features}",
                *flags,
            ],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "GOMAXPROCS": "1"},
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            self.url = f"http://{self.until(self._address)}"
            self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=TIMEOUT_S)
            self.until(self._is_ready)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def query(self, expression: str, time_s: float | None = None) -> Any:
        """`data.result` of an instant query."""
        at = {} if time_s is None else {"time": time_s}
        return self.api("query", query=expression, **at)["result"]

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> Any:
        """`data.result` of a range query."""
        return self.api("query_range", query=expression, start=start_s, end=end_s, step=step_s)[
            "result"
        ]

    def values(self, expression: str, time_s: float | None = None) -> dict[str, float]:
        """An instant vector's floats: `name{label="value", ...}` (labels sorted) → value."""
        return {
            series_text(each["metric"]): float(each["value"][1])
            for each in self.query(expression, time_s)
            if "value" in each
        }

    def api(self, path: str, **parameters: Any) -> Any:
        """`data` of an answer of `/api/v1/{path}`, asked by POST for queries."""
        answer = self.api_answer(path, **parameters)
        assert answer["status"] == "success", answer
        return answer["data"]

    def api_answer(self, path: str, **parameters: Any) -> Any:
        """The whole answer, be it an error."""
        if path.startswith("query"):
            return self._client.post(f"/api/v1/{path}", data=parameters).json()
        return self._client.get(f"/api/v1/{path}", params=parameters).json()

    def until(self, condition: Callable[[], Any]) -> Any:
        """The first true value of `condition`. The limit is for a test that fails."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (value := condition()):
            assert self.process.poll() is None, "prometheus ended:\n" + "\n".join(self.log)
            assert time.monotonic() < deadline, "it did not happen:\n" + "\n".join(self.log[-20:])
            time.sleep(0.02)
        return value

    def reload(self, config: Mapping[str, Any]) -> None:
        """Go on with another configuration."""
        self._file.write_text(yaml.safe_dump(dict(config)))
        self._client.post("/-/reload").raise_for_status()

    @property
    def warnings(self) -> list[str]:
        """What it has logged as a warning or an error, but for its own stop."""
        return [
            line
            for line in self.log
            if re.search(r"\blevel=(?:warn|error)\b", line)
            and not any(text in line for text in _EXPECTED_WARNINGS)
        ]

    def stop(self) -> None:
        """End it; its data stay."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(TIMEOUT_S)
        if self.process.stderr:
            self.process.stderr.close()
        if hasattr(self, "_client"):
            self._client.close()

    def _backfill(self, directory: Path, openmetrics: str) -> None:
        source = directory / "history.om"
        source.write_text(openmetrics)
        done = subprocess.run(
            [
                *(program("promtool"), "tsdb", "create-blocks-from", "--max-block-duration=8760h"),
                *("openmetrics", str(source), str(self.data)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def _address(self) -> str | None:
        found = _LISTENS.search("\n".join(self.log))
        return found[1] if found else None

    def _is_ready(self) -> bool:
        return self._client.get("/-/ready").status_code == 200


def series_text(labels: Mapping[str, str]) -> str:
    """A series as one reads it.

    >>> series_text({"__name__": "up", "job": "a"})
    'up{job="a"}'
    """
    rest = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
    name = labels.get("__name__", "")
    return f"{name}{{{rest}}}" if rest else name
