"""The mode of the data directory."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from belvedere.store.lock import lock_directory


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(
    "existing", [None, 0o755, 0o777, 0o2770, 0o700], ids=lambda m: m and oct(m)
)
def test_no_other_user_reads_it(tmp_path: Path, existing: int | None) -> None:
    directory = tmp_path / "above" / "data"
    if existing is not None:
        directory.mkdir(parents=True)
        directory.chmod(existing)
    with capture_logs() as logs, lock_directory(directory):
        assert mode(directory) == 0o700
    assert logs == []


def test_a_directory_of_all_users_is_left_alone_and_warned_of(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with capture_logs() as logs, lock_directory(tmp_path):
        assert mode(tmp_path) == 0o1777
    assert [(entry["event"], entry["mode"]) for entry in logs] == [
        ("data_directory_not_private", "1777")
    ]


def test_a_directory_whose_mode_cannot_change_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is made up: the user of the tests may own everything."""

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refused)
    with capture_logs() as logs, lock_directory(tmp_path):
        pass
    assert [entry["problem"] for entry in logs] == ["Operation not permitted"]
