"""The command `demo`."""

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from belvedere.cli.duration import format_duration
from belvedere.cli.errors import CliError
from belvedere.cli.options import Project, Token

if TYPE_CHECKING:
    from random import Random

    from belvedere.cli.demo.delivery import Delivery
    from belvedere.cli.demo.emit import Story


class Transport(StrEnum):
    """How OTLP travels: the names of `delivery.Protocol`, without the SDK behind it."""

    GRPC = "grpc"
    HTTP = "http"


_DEFAULT_ENDPOINTS: Final = {
    Transport.GRPC: "http://127.0.0.1:4317",
    Transport.HTTP: "http://127.0.0.1:4318",
}
_SPREAD_NS: Final = 20 * 10**9
"""The runs of one call ended within so much time."""
_EVERY_S: Final = 0.5
_CONNECT_S: Final = 2.0


def demo(
    *,
    runs: Annotated[
        int, typer.Option(help="How many agent runs, all at once.", min=1, max=5000)
    ] = 12,
    seconds: Annotated[
        int, typer.Option(help="Or go on for so long, two runs a second.", min=0, max=86_400)
    ] = 0,
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
    project: Project = "",
    token: Token = "",
) -> None:
    """Send a small load of agent runs through the OpenTelemetry SDK.

    Four services, a trace a run: model calls, tool calls, retries and errors, with log records and
    metrics, by OpenTelemetry's conventions for generative AI. Any OTLP receiver can take it.
    """
    from random import Random  # noqa: PLC0415 - --help is quick

    address = endpoint or _DEFAULT_ENDPOINTS[protocol]
    _check_reachable(address)
    # The SDK takes its time to load: not before it is needed.
    from belvedere.cli.demo.delivery import Delivery, Protocol  # noqa: PLC0415 - see above
    from belvedere.cli.demo.emit import Story  # noqa: PLC0415 - see above

    headers = {"x-scope-orgid": project} if project else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    random = Random(seed)  # noqa: S311 - a story, not a secret
    began_s = time.monotonic()
    delivery = Delivery(Protocol(protocol.value), address, headers)
    try:
        story = Story(delivery)
        try:
            trace_ids = _live(story, random, seconds) if seconds else _at_once(story, random, runs)
        finally:
            story.close()
    finally:
        delivery.close()
    _report(delivery, trace_ids, address, protocol, time.monotonic() - began_s)


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


def _at_once(story: "Story", random: "Random", runs: int) -> list[tuple[str, bool]]:
    """Tell runs that ended lately. Returns the trace ids, and whether they went wrong."""
    from belvedere.cli.demo.plan import draw  # noqa: PLC0415 - --help is quick

    told = []
    now_ns = time.time_ns()
    for number in range(runs, 0, -1):
        run = draw(random)
        ended_ns = now_ns - (number - 1) * _SPREAD_NS // runs
        told.append((story.tell(run, ended_ns), run.fails))
    return told


def _live(story: "Story", random: "Random", seconds: int) -> list[tuple[str, bool]]:
    """Tell runs as they end, until `seconds` have passed or Ctrl-C."""
    from belvedere.cli.demo.plan import draw  # noqa: PLC0415 - --help is quick

    told = []
    until_s = time.monotonic() + seconds
    try:
        while time.monotonic() < until_s:
            run = draw(random)
            told.append((story.tell(run, time.time_ns()), run.fails))
            story.flush()
            time.sleep(_EVERY_S)
    except KeyboardInterrupt:
        print()
    return told


def _report(
    delivery: "Delivery",
    trace_ids: list[tuple[str, bool]],
    endpoint: str,
    protocol: Transport,
    elapsed_s: float,
) -> None:
    lost = sum(tally.lost for tally in delivery.tallies.values())
    accepted = sum(tally.accepted for tally in delivery.tallies.values())
    if not accepted:
        reason = f": {delivery.complaints.last}" if delivery.complaints.last else ""
        raise CliError(
            f"{endpoint} accepted nothing{reason}",
            "Is that an OTLP receiver, and does it ask for a token (--token)?",
        )
    how = "OTLP/gRPC" if protocol is Transport.GRPC else "OTLP/HTTP"
    count = f"{len(trace_ids)} agent run{'s' * (len(trace_ids) != 1)}"
    print(f"Sent {count} to {endpoint} by {how} in {format_duration(int(elapsed_s * 10**9))}:")
    for name, tally in delivery.tallies.items():
        refused = f", {tally.lost:,} not accepted" if tally.lost else ""
        print(f"  {tally.accepted:>8,} {name}{refused}")
    if lost and delivery.complaints.last:
        print(f"The last complaint was: {delivery.complaints.last}")
    shown = next((trace_id for trace_id, failed in trace_ids if failed), trace_ids[-1][0])
    print(f"""
Look at it:
  belvedere traces
  belvedere trace {shown}
  belvedere logs --level warn
  belvedere metrics llm_call_duration_seconds
  belvedere sql "SELECT ServiceName, count() FROM otel_traces GROUP BY 1\"""")
