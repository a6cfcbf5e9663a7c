"""One `/metrics` answers for all workers of a pre-fork server. Real forks, real HTTP."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from belvedere.sdk.metrics.multiprocess import Counted, Member
from belvedere.sdk.metrics.rows import COUNTER, GAUGE, UP_DOWN_COUNTER, Identity, Rows

PROGRAM = Path(__file__).parent / "prefork_program.py"
TIMEOUT_S = 30.0
Shown = dict[str, float]


class Prefork:
    """The program with its three workers."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", str(PROGRAM)],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.workers: dict[str, int] = self._answer()

    def tell(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        self.workers = self._answer()

    def shown(self, pid: str) -> Shown:
        return {
            f"{sample.name} {sample.labels.get('pid', sample.labels.get('le', ''))}".strip(): (
                sample.value
            )
            for family in self._families(pid)
            for sample in family.samples
            if family.name != "target_info"
        }

    def services(self, pid: str) -> list[str]:
        return [
            sample.labels.get("service_name", "")
            for family in self._families(pid)
            for sample in family.samples
            if family.name == "target_info"
        ]

    def eventually(self, pid: str, right: Callable[[Shown], bool]) -> Shown:
        """What this worker shows, once the others have written what they count."""
        end = time.monotonic() + TIMEOUT_S
        while not right(shown := self.shown(pid)):
            assert time.monotonic() < end, shown
            time.sleep(0.05)
        return shown

    def close(self) -> None:
        self._process.communicate(timeout=TIMEOUT_S)

    def _families(self, pid: str) -> list[Metric]:
        url = f"http://127.0.0.1:{self.workers[pid]}/metrics"
        text = httpx.get(url, trust_env=False, timeout=TIMEOUT_S).text
        return list(text_string_to_metric_families(text))

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout
        answer: dict[str, int] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture
def prefork(tmp_path: Path) -> Iterator[Prefork]:
    server = Prefork(tmp_path / "shared")
    yield server
    server.close()


def test_each_worker_answers_for_all_also_after_one_was_killed(
    prefork: Prefork, tmp_path: Path
) -> None:
    def whole(shown: Shown) -> bool:
        return shown.get("llm_calls_total") == 1007 and "agents_active" in shown

    pids = [*prefork.workers]
    for pid in pids:
        shown = prefork.eventually(pid, whole)
        assert shown["agents_active"] == 7
        assert shown["llm_call_duration_seconds_count"] == 4
        assert shown["llm_call_duration_seconds_sum"] == 57
        assert shown["llm_call_duration_seconds_bucket 2"] == 2
        gauges = [shown[f"worker_number {each}"] for each in pids]
        assert gauges == [1, 2, 4]

    prefork.tell("kill")
    shown = prefork.shown(pids[0])
    assert shown["llm_calls_total"] == 1007, "what it counted stays counted"
    assert shown["llm_call_duration_seconds_count"] == 4
    assert shown["agents_active"] == 3, "what it had active is active no more"
    assert f"worker_number {pids[2]}" not in shown

    prefork.tell("replace")
    [new] = [pid for pid in prefork.workers if pid not in pids]
    assert prefork.shown(new)["llm_calls_total"] == 1007, "one that counted nothing answers too"
    assert prefork.shown(new)["llm_calls_total"] == 1007, "ended workers are added once"
    assert prefork.services(new) == ["prefork"], "the resource is the others'"
    left = {path.name for path in (tmp_path / "shared").glob("*.json")}
    assert not [name for name in left if pids[2] in name]


# Two members in one process stand for two processes, with what they count under control.


def identity(kind: str) -> Identity:
    return Identity("s", "", "", kind, "", "", kind, (), '{"a": "b"}')


@pytest.fixture
def members(tmp_path: Path) -> Iterator[tuple[Member, Member, Rows]]:
    counted: Rows = {identity(kind): (5.0,) for kind in (COUNTER, GAUGE, UP_DOWN_COUNTER)}
    first, second = (
        Member(tmp_path, lambda: Counted(dict(counted), {"service.name": "s"})) for _ in range(2)
    )
    yield first, second, counted
    first.close()
    second.close()


def of(kind: str, rows: Rows) -> list[tuple[float, ...]]:
    return [values for key, values in rows.items() if key.kind == kind]


def test_kinds_are_merged_each_in_its_way(members: tuple[Member, Member, Rows]) -> None:
    first, second, counted = members
    second.write()
    both = first.of_all(Counted(counted, {})).rows
    assert (of(COUNTER, both), of(UP_DOWN_COUNTER, both)) == ([(10.0,)], [(10.0,)])
    [gauge] = [key for key in both if key.kind == GAUGE]
    assert json.loads(gauge.attributes) == {"a": "b", "pid": str(os.getpid())}


def test_a_fold_that_was_cut_off_adds_nothing_twice(
    members: tuple[Member, Member, Rows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, counted = members
    second.close()

    def crash(*_: object, **__: object) -> None:
        raise OSError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", crash)
        with pytest.raises(OSError, match="cut off"):
            first.of_all(Counted(counted, {}))
    for _ in range(2):
        assert of(COUNTER, first.of_all(Counted(counted, {})).rows) == [(10.0,)]
    assert len([*tmp_path.glob("belvedere-*-*.json")]) == 0


def test_a_damaged_file_costs_its_own_numbers_only(
    members: tuple[Member, Member, Rows], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, counted = members
    second.write()
    for path in tmp_path.glob("belvedere-*-*.json"):
        path.write_text("{")
    assert of(COUNTER, first.of_all(Counted(counted, {})).rows) == [(5.0,)]
    assert "is damaged" in caplog.text


def test_what_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("belvedere.sdk.metrics.multiprocess.SNAPSHOT_INTERVAL_S", 0.001)
    tried: list[int] = []

    def collect() -> Counted:
        tried.append(1)
        raise OSError(28, "No space left on device")

    member = Member(tmp_path, collect)
    end = time.monotonic() + TIMEOUT_S
    while len(tried) < 3 and time.monotonic() < end:
        time.sleep(0.001)
    member.close()
    assert len(tried) >= 3
    assert [r.getMessage() for r in caplog.records if "Could not write" in r.getMessage()] == [
        caplog.records[0].getMessage()
    ]
