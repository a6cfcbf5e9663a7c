"""The command `python -m agentstack`.

python -m agentstack            all services and their users; telemetry goes where OTEL_* say
python -m agentstack gateway    one service, at the address that AGENTSTACK_* say
"""

import argparse
import asyncio
import logging
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Final

import belvedere
from agentstack.serve import end_with_parent

SERVICES: Final[Mapping[str, str]] = {
    "gateway": "agentstack-gateway",
    "control_plane": "agentstack-control-plane",
    "runtime": "agentstack-runtime",
    "worker": "agentstack-worker",
    "tool_server": "agentstack-tools",
    "model": "",
}
"""Service, and its module → its `service.name`; without one it has no telemetry."""
_VERSION: Final = "1.4.2"
_TALKATIVE: Final = ("httpx", "httpx2", "huey")
"""Loggers with a line for each request or job, which have spans."""


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m agentstack", description=__doc__)
    parser.add_argument("service", nargs="?", choices=SERVICES, help="one alone; default: all")
    parser.add_argument("--chats", type=int, default=12, help="how many questions are asked")
    parser.add_argument("--seed", type=int, default=0, help="the same load for the same number")
    arguments = parser.parse_args()
    if arguments.service:
        run(arguments.service)
    else:
        run_all(arguments.chats, arguments.seed)


def run(service: str) -> None:
    """Run one service, instrumented: this is all that it takes."""
    end_with_parent()
    if SERVICES[service]:
        belvedere.init(
            SERVICES[service],
            service_version=_VERSION,
            # The gateway also shows its metrics, at /metrics.
            metrics=["otlp", "prometheus"] if service == "gateway" else None,
        )
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Only now: what is imported before it is instrumented stays without spans.
    import_module(f"agentstack.{service}").main()


def run_all(chats: int, seed: int) -> None:
    """Run all services, and their users, once."""
    from agentstack.load import Users  # noqa: PLC0415 - a service does not need it
    from agentstack.processes import AgentStack  # noqa: PLC0415 - see above

    with AgentStack(os.environ, seed=seed) as stack:
        users = Users(stack.settings.gateway_url, seed=seed)
        asyncio.run(users.run(chats, tell=print, check=stack.check))
        stack.settle()


if __name__ == "__main__":
    main()
