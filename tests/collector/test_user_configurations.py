"""Configurations as people have them, from the official documentation: each one can run.

What comes out of their components is a matter of these components' own tests.
"""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from belvedere.collector.config import load_config
from belvedere.collector.drawing import as_mermaid, as_text
from belvedere.collector.service import Service
from belvedere.collector.source import Source

FILES = sorted((Path(__file__).parent / "configurations").glob("*.yaml"))
ENVIRONMENT = {
    "BASIC_AUTH_PASSWORD": "password",
    "BASIC_AUTH_USERNAME": "user",
    "HOSTNAME": "host",
    "IN_GRPC": "127.0.0.1:0",
    "IN_HTTP": "127.0.0.1:0",
    "KUBE_NODE_NAME": "node",
    "PROM_PORT": "8889",
    "SELF_PORT": "8888",
    "SINK": "127.0.0.1:4317",
}
EXPECTED_WARNINGS = {"component_renamed", "key_without_effect"}
"""That a name or a key is the older one."""


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
async def test_is_valid_and_can_be_made_and_drawn(file: Path) -> None:
    with capture_logs() as told:
        config = load_config(Source.file(file), env=ENVIRONMENT)
        await Service(config).shutdown()
    warnings = {entry["event"] for entry in told if entry["log_level"] == "warning"}
    assert warnings <= EXPECTED_WARNINGS
    for pipeline in config.pipelines:
        assert f"{pipeline}\n" in as_text(config)
        assert f'["{pipeline}"]' in as_mermaid(config)
