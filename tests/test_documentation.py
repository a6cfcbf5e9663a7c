"""README and ARCHITECTURE stay true: what is there is documented, what is documented is there."""

import re
import tomllib
from pathlib import Path

import pytest

from belvedere.api.app import create_app
from belvedere.api.state import AppState
from belvedere.cli.app import COMMANDS
from belvedere.collector.config import load_config
from belvedere.collector.service import Service
from belvedere.collector.source import Source

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
SOURCE = ROOT / "src" / "belvedere"


def test_nothing_is_installed_by_name_alone() -> None:
    """Belvedere is on no index; `belvedere.installation` has the command that works."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md"), *SOURCE.rglob("*.py")]
    named = re.compile(r"pip install '?belvedere(?!-\d)")
    found = [str(path) for path in pages if named.search(path.read_text())]
    assert not found


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_command_is_in_the_readme(command: str) -> None:
    assert f"belvedere {command}" in README


@pytest.mark.parametrize(
    "path", ["/api/sql", "/api/v2/traces/{id}", "/api/status", "/metrics", "/-/healthy", "/-/ready"]
)
def test_each_endpoint_of_the_readme_is_served(path: str) -> None:
    app = create_app(AppState(database=None))  # type: ignore[arg-type]
    served = {re.sub(r"\{\w+[:\w]*\}", "{id}", route.path) for route in app.routes}
    assert path in served
    assert path in README


@pytest.mark.parametrize(
    "link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README + ARCHITECTURE)))
)
def test_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_collector_configuration_of_the_readme_can_run() -> None:
    section = README.partition("## The Collector\n")[2]
    (text,) = re.findall(r"```yaml\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    config = load_config(Source("README.md", text))
    assert set(config.pipelines) == {"traces", "metrics"}
    Service(config)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"[`$] ?make ([a-z-]+)", README))))
def test_make_targets_exist(name: str) -> None:
    assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_stage_table_has_the_packages_in_the_order_of_the_import_layers() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contract["contracts"] if c["type"] == "layers")
    bottom_up = [layer.removeprefix("belvedere.") for layer in reversed(layers)]
    tables = re.findall(r"^\| [^|]+ \| ((?:`\w+`(?:, )?)+) \|", ARCHITECTURE, re.MULTILINE)
    documented = [name for cell in tables for name in re.findall(r"`(\w+)`", cell)]
    assert documented == [name for name in bottom_up if name in documented]
    packages = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert packages <= {*documented, "sdk", "testing"}
