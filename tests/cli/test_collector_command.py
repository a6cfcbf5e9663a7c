"""`belvedere collector`: what its subcommands print, and how it refuses."""

import json
import re
from pathlib import Path

import pytest
from cli_server import Run

from belvedere.collector.registry import COMPONENTS

CONFIG = """\
receivers: {otlp: , otlp/2: }
processors: {batch: , memory_limiter: {limit_mib: 500}}
connectors: {forward: }
exporters: {debug: , otlp_grpc: {endpoint: 'localhost:9'}}
service:
  pipelines:
    traces:
      receivers: [otlp, otlp/2]
      processors: [memory_limiter, batch]
      exporters: [otlp_grpc, forward]
    traces/2: {receivers: [forward], exporters: [debug]}
    logs: {receivers: [otlp], processors: [batch], exporters: [debug]}
"""


@pytest.fixture(autouse=True)
def _log_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.server.log.configure_log", lambda **_: None)


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "c.yaml"
    file.write_text(CONFIG)
    return str(file)


def test_validate(run: Run, config: str) -> None:
    assert run("collector", "validate", "--config", config).out == (
        "the configuration is valid: 3 pipelines\n"
    )
    assert run("collector", "--config", config, "validate").code == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param(
            [],
            "belvedere: a Collector needs a configuration\n"
            "Name one: belvedere collector --config FILE\n",
            id="none",
        ),
        pytest.param(
            ["--config", "/nowhere.yaml"],
            "belvedere: /nowhere.yaml: cannot be read: there is no such file\n",
            id="no-file",
        ),
        pytest.param(
            ["--config", "CONFIG", "--set", "processors::batch::timeot=2s"],
            "belvedere: --set processors::batch::timeot=2s:1: processors::batch::timeot: there is"
            " no such key (did you mean 'timeout'?)\n",
            id="set-unknown-key",
        ),
        pytest.param(
            ["--config", "CONFIG", "--set", "processors"],
            "belvedere: --set processors names no key and value\n"
            "Write --set processors::batch::timeout=2s\n",
            id="set-no-value",
        ),
        pytest.param(
            ["--config", "CONFIG", "--config", "yaml:processors::batch::timeout: soon"],
            "belvedere: yaml:processors::batch::timeout: soon:1: processors::batch::timeout: 'soon'"
            " is no duration; write it like 5s, 200ms or 1m30s\n",
            id="yaml",
        ),
        pytest.param(
            ["--config", "env:BELVEDERE_TEST_NOTHING"],
            "belvedere: the variable BELVEDERE_TEST_NOTHING is not set\n"
            "It is named by --config env:BELVEDERE_TEST_NOTHING\n",
            id="env",
        ),
        pytest.param(
            ["--config", "https://example.org/c.yaml"],
            "belvedere: configurations are not fetched over HTTP\n"
            "Fetch it first: curl https://example.org/c.yaml\n",
            id="https",
        ),
    ],
)
def test_refuses(run: Run, config: str, arguments: list[str], error: str) -> None:
    named = [config if each == "CONFIG" else each for each in arguments]
    result = run("collector", "validate", *named)
    assert (result.code, result.out, result.err) == (1, "", error)


def test_configurations_in_other_forms(
    run: Run, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELVEDERE_TEST_CONFIG", CONFIG)
    forms = ["--config", f"file:{config}", "--config", "env:BELVEDERE_TEST_CONFIG"]
    more = ["--config", "yaml:processors::batch::timeout: 1s", "--set", "exporters::debug/2="]
    assert run("collector", "validate", *forms, *more).code == 0


def test_graph(run: Run, config: str) -> None:
    assert (
        run("collector", "graph", "--config", config).out
        == """\
traces
  otlp   ─┬─▶ memory_limiter ─▶ batch ─┬─▶ otlp_grpc
  otlp/2 ─┘                            └─▶ forward ⇒ traces/2

traces/2
  traces ⇒ forward ─────▶ debug

logs
  otlp ───▶ batch ───▶ debug
"""
    )


def test_graph_as_mermaid(run: Run, config: str) -> None:
    lines = run("collector", "graph", "--mermaid", "--config", config).out.splitlines()
    assert lines[0] == "flowchart LR"
    assert '  connector3{{"forward"}}' in lines
    assert [line.strip() for line in lines if "connector3 " in line or "> connector3" in line] == [
        "pipeline0_1 --> connector3",
        "connector3 --> pipeline1_0",
    ]
    named = {line.split("[")[0].split("(")[0].split("{")[0].strip() for line in lines}
    for line in lines:
        if "-->" in line:
            assert set(re.split(r" --> ", line.strip())) <= named


def test_components(run: Run) -> None:
    out = run("collector", "components").out
    for kind, names in COMPONENTS.items():
        for name in names:
            assert re.search(rf"^{kind} +{name} ", out, re.MULTILINE)


def test_the_keys_of_a_component(run: Run) -> None:
    out = run("collector", "components", "otlphttp").out
    assert out.startswith("exporters::otlp_http  ")
    rows = [re.split(r"  +", line) for line in out.splitlines()]
    assert ["timeout", "duration", "5s", "Longest duration of one attempt; 0s: no limit."] in rows
    assert [row[:3] for row in rows if row[0] == "sending_queue::sizer"] == [
        ["sending_queue::sizer", "requests | items | bytes", "requests"]
    ]


def test_components_as_json(run: Run) -> None:
    entries = [
        json.loads(line) for line in run("collector", "components", "--json").out.splitlines()
    ]
    assert {(entry["kind"], entry["type"]) for entry in entries} == {
        (kind.value, name) for kind, names in COMPONENTS.items() for name in names
    }
    limiter = next(entry for entry in entries if entry["type"] == "memory_limiter")
    assert {key["path"] for key in limiter["keys"]} >= {"limit_mib", "check_interval"}
    for entry in entries:
        for key in entry["keys"]:
            assert key["type"], key
            assert key["description"], key


def test_no_such_component(run: Run) -> None:
    result = run("collector", "components", "otlpp")
    assert result.code == 1
    assert result.err == (
        "belvedere: there is no component of the type 'otlpp'\ndid you mean 'otlp'?\n"
    )
