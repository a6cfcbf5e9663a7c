"""Agent frameworks, each as `belvedere.init` instruments it: its tokens are counted once.

Each runs in a process of its own: the frameworks take seconds to import, and patch each other.
The truth is what the model server reported to the clients.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from serving import serving

from belvedere.testing import Call, ModelServer, Scenario, Usage

APPS = Path(__file__).parent / "apps"
SCRIPT = [
    # To smolagents, the end is a tool, and what a tool returned is said by the user.
    Scenario("sunny in Riga", turns=((Call("final_answer", {"answer": "It is sunny."}),),)),
    Scenario("weather", turns=((Call("weather", {"city": "Riga"}),),), answer="It is sunny."),
    Scenario(
        r"\[\[ ## question ## \]\]", answer="[[ ## answer ## ]]\nRiga.\n\n[[ ## completed ## ]]"
    ),
    Scenario("capital", answer="Riga."),
]
FRAMEWORKS = [
    pytest.param(
        ("openai-agents", "openai"),
        {"invoke_workflow": 2, "invoke_agent": 2, "execute_tool": 1, "chat": 3},
        id="openai-agents",
    ),
    pytest.param(("smolagents", "openai"), {"invoke_agent": 1, "chat": 2}, id="smolagents"),
    pytest.param(
        ("llama-index", "openai"),
        {"invoke_agent": 1, "execute_tool": 1, "chat": 2},
        id="llama-index",
    ),
    pytest.param(("agno", "openai"), {"invoke_agent": 1, "execute_tool": 1, "chat": 2}, id="agno"),
    pytest.param(("dspy",), {"chat": 1}, id="dspy"),
    pytest.param(("bedrock",), {"chat": 2}, id="bedrock"),
]
ENVIRONMENT = {
    # What a framework would fetch or report elsewhere ends here, and not at the network.
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "AWS_EC2_METADATA_DISABLED": "true",
}
CONVERSE = Usage(12, 7)
"""Bedrock's input tokens are without those read from the cache, and so are the instrumentor's."""
CONVERSE_CACHED = 4


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(SCRIPT, speed=math.inf) as server:
        yield server


@pytest.fixture
def bedrock_url() -> Iterator[str]:
    """The Converse API as far as the test needs it: one answer. Only AWS has the real one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            usage = {
                "inputTokens": CONVERSE.input_tokens,
                "outputTokens": CONVERSE.output_tokens,
                "totalTokens": CONVERSE.input_tokens + CONVERSE.output_tokens + CONVERSE_CACHED,
                "cacheReadInputTokens": CONVERSE_CACHED,
            }
            message = {"role": "assistant", "content": [{"text": "Riga."}]}
            answer = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler) as url:
        yield url


@pytest.mark.parametrize(("libraries", "operations"), FRAMEWORKS)
def test_the_tokens_of_spans_and_metrics_are_those_of_the_model(
    *,
    server: ModelServer,
    bedrock_url: str,
    receiver: Any,
    tmp_path: Path,
    libraries: tuple[str, ...],
    operations: dict[str, int],
) -> None:
    server.usages.clear()
    framework = libraries[0]
    url = bedrock_url if framework == "bedrock" else server.anthropic_url
    app = APPS / f"{framework.replace('-', '_')}_app.py"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    paths = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "DSPY_CACHEDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, app, url, *libraries],
        env={**kept, **ENVIRONMENT, **paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"It is sunny.", "It is sunny.\nRiga.", "Riga.", "Riga.\nRiga."}
    truth = [CONVERSE] * 2 if framework == "bedrock" else list(server.usages)
    found: dict[str, int] = {}
    spent = {"input": 0, "output": 0}
    for attributes in span_attributes(receiver):
        operation = attributes.get("gen_ai.operation.name")
        if not isinstance(operation, str):
            continue
        found[operation] = found.get(operation, 0) + 1
        if operation == "chat":
            spent["input"] += attributes["gen_ai.usage.input_tokens"]
            spent["output"] += attributes["gen_ai.usage.output_tokens"]
    assert found == operations, done.stderr
    assert spent == {
        "input": sum(usage.input_tokens for usage in truth),
        "output": sum(usage.output_tokens for usage in truth),
    }
    assert metric_sums(receiver) == spent


def value_of(item: Any) -> Any:
    return getattr(item.value, item.value.WhichOneof("value"))


def span_attributes(receiver: Any) -> Iterator[dict[str, Any]]:
    for request in receiver.requests["traces"]:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    yield {item.key: value_of(item) for item in span.attributes}


def metric_sums(receiver: Any) -> dict[str, float]:
    """Type of tokens → their sum, by the last push of `gen_ai.client.token.usage`."""
    sums: dict[str, float] = {}
    (*_, last) = receiver.requests["metrics"]
    for resource in last.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name == "gen_ai.client.token.usage":
                    for point in metric.histogram.data_points:
                        attributes = {item.key: value_of(item) for item in point.attributes}
                        kind = attributes["gen_ai.token.type"]
                        sums[kind] = sums.get(kind, 0) + point.sum
    return sums
