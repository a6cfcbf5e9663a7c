"""Runs AgentStack, the application in `examples/agentstack`, with its users."""

import asyncio
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import belvedere
from belvedere.cli.demo.outcome import Outcome
from belvedere.cli.errors import CliError

_PACKAGES: Final = ("fastapi", "huey", "mcp", "openai", "sqlalchemy")
_HOME: Final = Path(belvedere.__file__).parent


def missing() -> list[str]:
    """The packages that AgentStack needs and that are not installed."""
    return [name for name in _PACKAGES if find_spec(name) is None]


def run(
    endpoint: str,
    protocol: str,
    headers: Mapping[str, str],
    *,
    runs: int,
    seconds: int,
    seed: int,
) -> list[Outcome]:
    """Run all of it, and end it.

    Args:
        endpoint: where its services send their telemetry.
        protocol: `grpc` or `http`.
        headers: sent with the telemetry.
        runs: how many chats, unless `seconds` says otherwise.
        seconds: go on for so long; 0: until `runs` are done.
        seed: the same chats for the same number.

    Raises:
        CliError: a service ended.
    """
    make_importable()
    import httpx  # noqa: PLC0415 - --help is quick
    from agentstack.load import Outcome as Chat  # noqa: PLC0415 - only now it can be found
    from agentstack.load import Users  # noqa: PLC0415 - see above
    from agentstack.processes import AgentStack, ServiceEndedError  # noqa: PLC0415 - see above

    ended: list[Outcome] = []

    def tell(chat: Chat) -> None:
        ended.append(Outcome(chat.trace_id, failed=chat.failed))
        print(f"  {chat}")

    print("Starting AgentStack: gateway, control plane, worker, runtime, tools, model ...")
    with AgentStack(_telemetry(endpoint, protocol, headers), seed=seed) as stack:
        users = Users(stack.settings.gateway_url, seed=seed)
        chats = None if seconds else runs
        try:
            asyncio.run(users.run(chats, seconds=seconds, tell=tell, check=stack.check))
        except KeyboardInterrupt:
            if not ended:
                raise
            print()
        except (ServiceEndedError, httpx.HTTPError) as error:
            raise CliError(
                f"AgentStack does not work: {str(error) or type(error).__name__}",
                "Without it: belvedere demo --load simulated",
            ) from error
        stack.settle()
        print("Stopping it ...")
    return ended


def _telemetry(endpoint: str, protocol: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The variables by which OpenTelemetry's SDKs are configured."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if protocol == "grpc" else "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": ",".join(f"{k}={quote(v)}" for k, v in headers.items()),
        "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=demo,deployment.environment.name=demo",
        # Who watches a demonstration does not want to wait.
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_BLRP_SCHEDULE_DELAY": "500",
        "OTEL_METRIC_EXPORT_INTERVAL": "2000",
    }


def make_importable() -> None:
    """Let `import agentstack` find it: in the installed package, or beside it in a checkout.

    Raises:
        CliError: it is in neither.
    """
    for folder in (_HOME / "examples", _HOME.parent.parent / "examples"):
        if (folder / "agentstack").is_dir():
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
            return
    raise CliError(
        "AgentStack is not part of this installation", "Use: belvedere demo --load simulated"
    )
