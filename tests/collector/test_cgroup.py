"""How much memory the process may use."""

from pathlib import Path

import psutil
import pytest

from belvedere.collector.cgroup import total_memory_bytes

MACHINE = psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("files", "total"),
    [
        pytest.param({}, MACHINE, id="no-groups"),
        pytest.param({"sys/fs/cgroup/memory.max": "max\n"}, MACHINE, id="v2-no-limit"),
        pytest.param({"sys/fs/cgroup/memory.max": "1000\n"}, 1000, id="v2-container"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "3000\n",
                "sys/fs/cgroup/a/memory.max": "2000\n",
            },
            2000,
            id="v2-least-of-the-groups-around",
        ),
        pytest.param(
            {"sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n"}, 5000, id="v1-container"
        ),
        pytest.param(
            {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"},
            MACHINE,
            id="v1-no-limit",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/a\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "4000\n",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1\n",
            },
            4000,
            id="v1-group",
        ),
    ],
)
def test_total_memory(tmp_path: Path, files: dict[str, str], total: int) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert total_memory_bytes(tmp_path) == total


def test_here() -> None:
    assert 0 < total_memory_bytes() <= MACHINE
