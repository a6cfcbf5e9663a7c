"""The command `demo`."""

import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from belvedere.cli.duration import format_duration
from belvedere.cli.errors import CliError
from belvedere.cli.options import DEFAULT_SERVER, Project, Server, Token
from belvedere.installation import install_command

if TYPE_CHECKING:
    from belvedere.cli.demo.delivery import Delivery
    from belvedere.cli.demo.outcome import Outcome


class Transport(StrEnum):
    """How OTLP travels: the names of `delivery.Protocol`, without the SDK behind it."""

    GRPC = "grpc"
    HTTP = "http"


class Load(StrEnum):
    """What the runs are made of."""

    AGENTSTACK = "agentstack"
    SIMULATED = "simulated"


_DEFAULT_ENDPOINTS: Final = {
    Transport.GRPC: "http://127.0.0.1:4317",
    Transport.HTTP: "http://127.0.0.1:4318",
}
_NAMES: Final = {Transport.GRPC: "OTLP/gRPC", Transport.HTTP: "OTLP/HTTP"}
_TLS_VARIABLES: Final = {
    "BELVEDERE_CA": "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "BELVEDERE_CLIENT_CERT": "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "BELVEDERE_CLIENT_KEY": "OTEL_EXPORTER_OTLP_CLIENT_KEY",
}
_CONNECT_S: Final = 2.0


def demo(
    *,
    runs: Annotated[int, typer.Option(help="How many agent runs.", min=1, max=5000)] = 12,
    seconds: Annotated[
        int, typer.Option(help="Or go on for so many seconds.", min=0, max=86_400)
    ] = 0,
    load: Annotated[
        Load | None,
        typer.Option(
            help="A real application with a model of its own, or one that is only told, at once.",
            show_default="agentstack, where its packages are installed",
        ),
    ] = None,
    protocol: Annotated[Transport, typer.Option(help="OTLP/gRPC or OTLP/HTTP.")] = Transport.GRPC,
    endpoint: Annotated[
        str,
        typer.Option(
            help="Where OTLP is received.",
            show_default="http://127.0.0.1:4317, for http :4318",
        ),
    ] = "",
    seed: Annotated[
        int | None,
        typer.Option(help="The same runs again for the same number.", show_default=False),
    ] = None,
    server: Server = DEFAULT_SERVER,
    project: Project = "",
    token: Token = "",
) -> None:
    """Run AgentStack, a small platform for AI agents, and send its telemetry.

    Gateway, control plane, worker, runtime and tool server, each a process that `belvedere.init`
    instruments: a trace a chat, across all of them and a job queue, with model calls, tool calls, a
    sub-agent, retries, failures, and an agent that goes in circles. It needs no network.
    """
    address = endpoint or _DEFAULT_ENDPOINTS[protocol]
    for name, of_sdk in _TLS_VARIABLES.items():  # one set of variables for all commands
        if value := os.environ.get(name):
            os.environ.setdefault(of_sdk, value)
    if authority := os.environ.get(_TLS_VARIABLES["BELVEDERE_CA"]):
        # The SDK's exporter over HTTP lets this variable of `requests` precede its own.
        os.environ["REQUESTS_CA_BUNDLE"] = authority
    _check_reachable(address)
    chosen = _choose(load)
    # The SDK takes its time to load: not before it is needed.
    from belvedere.cli.demo import agentstack, simulation  # noqa: PLC0415 - see above
    from belvedere.cli.demo.delivery import Delivery, Protocol  # noqa: PLC0415 - see above

    headers = {"x-scope-orgid": project} if project else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    began_s = time.monotonic()
    delivery = Delivery(Protocol(protocol.value), address, headers)
    try:
        if chosen is Load.AGENTSTACK:
            simulation.announce(delivery)
            _check_accepted(delivery, address)
            number = time.time_ns() if seed is None else seed
            outcomes = agentstack.run(
                address, protocol, headers, runs=runs, seconds=seconds, seed=number
            )
        else:
            outcomes = simulation.run(delivery, runs=runs, seconds=seconds, seed=seed)
            _check_accepted(delivery, address)
    finally:
        delivery.close()
    failed = sum(outcome.failed for outcome in outcomes)
    count = f"{len(outcomes)} agent run{'s' * (len(outcomes) != 1)}, {failed} of them failed"
    spent = format_duration(int((time.monotonic() - began_s) * 10**9))
    print(f"Sent to {address} by {_NAMES[protocol]}: {count}. It took {spent}.")
    if chosen is Load.SIMULATED:
        _print_counts(delivery)
    _print_next_steps(outcomes, server)


def _choose(load: Load | None) -> Load:
    from belvedere.cli.demo.agentstack import missing  # noqa: PLC0415 - --help is quick

    if load is Load.SIMULATED or not (lacking := missing()):
        return load or Load.AGENTSTACK
    how = install_command("demo")
    if load is Load.AGENTSTACK:
        raise CliError(f"AgentStack needs {', '.join(lacking)}", f"Install them with: {how}")
    print(f"A simulated load. For AgentStack, a real application: {how}")
    return Load.SIMULATED


def _check_reachable(endpoint: str) -> None:
    import socket  # noqa: PLC0415 - --help is quick

    url = urlsplit(endpoint)
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme not in ("http", "https") or not url.hostname or not port:
        raise CliError(
            f"{endpoint!r} is no endpoint", "Write it like --endpoint http://127.0.0.1:4317"
        )
    try:
        socket.create_connection((url.hostname, port), _CONNECT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise CliError(
            f"nothing receives OTLP at {endpoint} ({reason})",
            "Start it with: belvedere up    (another address: --endpoint URL)",
        ) from None


def _check_accepted(delivery: "Delivery", endpoint: str) -> None:
    if not any(tally.accepted for tally in delivery.tallies.values()):
        reason = f": {delivery.complaints.last}" if delivery.complaints.last else ""
        raise CliError(
            f"{endpoint} accepted nothing{reason}",
            "Is that an OTLP receiver? Does it ask for a token (--token), or for TLS"
            " (--endpoint https://…, BELVEDERE_CA=FILE)?",
        )


def _print_counts(delivery: "Delivery") -> None:
    for name, tally in delivery.tallies.items():
        refused = f", {tally.lost:,} not accepted" if tally.lost else ""
        print(f"  {tally.accepted:>8,} {name}{refused}")
    if delivery.complaints.last:
        print(f"The last complaint was: {delivery.complaints.last}")


def _print_next_steps(outcomes: list["Outcome"], server: str) -> None:
    known_to_all = (DEFAULT_SERVER, os.environ.get("BELVEDERE_URL"))
    at = "" if server in known_to_all else f" --server {server}"
    known = [outcome for outcome in outcomes if outcome.trace_id]
    shown = next((outcome for outcome in known if outcome.failed), known[-1] if known else None)
    trace = f"\n  belvedere trace {shown.trace_id}{at}" if shown else ""
    print(f"""
Look at it:
  belvedere traces{at}{trace}
  belvedere logs --level warn{at}
  belvedere metrics llm_call_duration_seconds{at}
  belvedere sql "SELECT ServiceName, count() FROM otel_traces GROUP BY 1\"{at}""")
