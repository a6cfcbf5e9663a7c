"""The command that installs an extra names the place that Belvedere was installed from."""

import json
from typing import Any

import pytest

from belvedere import installation
from belvedere.installation import install_command


class Distribution:
    def __init__(self, record: str | None) -> None:
        self.record = record

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.record


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        pytest.param(None, "pip install 'belvedere[kafka]'", id="an index"),
        pytest.param(
            {"url": "file:///src/my%20app", "dir_info": {"editable": True}},
            "pip install -e '/src/my app[kafka]'",
            id="an editable checkout",
        ),
        pytest.param(
            {"url": "file:///src/belvedere", "dir_info": {}},
            "pip install 'belvedere[kafka] @ file:///src/belvedere'",
            id="a checkout",
        ),
        pytest.param(
            {"url": "file:///dist/belvedere-0.1.0-py3-none-any.whl", "archive_info": {}},
            "pip install 'belvedere[kafka] @ file:///dist/belvedere-0.1.0-py3-none-any.whl'",
            id="a wheel",
        ),
        pytest.param(
            {"url": "https://git.test/b.git", "vcs_info": {"vcs": "git", "commit_id": "1a2b"}},
            "pip install 'belvedere[kafka] @ git+https://git.test/b.git'",
            id="a repository",
        ),
        pytest.param(
            {
                "url": "https://git.test/b.git",
                "vcs_info": {"vcs": "git", "requested_revision": "v1", "commit_id": "1a2b"},
            },
            "pip install 'belvedere[kafka] @ git+https://git.test/b.git@v1'",
            id="a revision of a repository",
        ),
        pytest.param("{", "pip install 'belvedere[kafka]'", id="a record that is not JSON"),
        pytest.param([], "pip install 'belvedere[kafka]'", id="a record of another form"),
    ],
)
def test_the_command(monkeypatch: pytest.MonkeyPatch, origin: Any, command: str) -> None:
    record = origin if origin is None or isinstance(origin, str) else json.dumps(origin)
    monkeypatch.setattr(installation, "distribution", lambda _: Distribution(record))
    assert install_command("kafka") == command


@pytest.mark.parametrize(("name", "found"), [("server", True), ("abacus", False), ("", False)])
def test_extras(name: str, *, found: bool) -> None:
    assert installation.is_extra(name) is found


def test_the_command_of_this_installation_is_a_requirement_that_pip_reads() -> None:
    import shlex

    command, verb, *rest = shlex.split(install_command("kafka"))
    assert (command, verb) == ("pip", "install")
    assert rest[-1].endswith("[kafka]") or " @ " in rest[-1]
