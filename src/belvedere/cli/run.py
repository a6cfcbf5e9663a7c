"""`belvedere run app.py`: run a program with telemetry, without changing it.

Works with the base install, so this module and its way from the console script use neither typer
nor the server.
"""

import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HELP: Final = """\
Usage: belvedere run [-m] PROGRAM [ARGUMENTS]...

Run a Python program and send its traces, metrics and logs by OTLP, without changing it.
A program that calls belvedere.init() itself needs no `belvedere run`.

  belvedere run app.py --port 8000
  belvedere run -m uvicorn app:app

Where to, and all else, is in OpenTelemetry's variables: OTEL_EXPORTER_OTLP_ENDPOINT
(http://localhost:4318, where `belvedere up` listens), OTEL_SERVICE_NAME (the program's name),
OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, ...
"""


def run(arguments: Sequence[str]) -> None:
    """Run a Python program with telemetry: belvedere run app.py.

    As `python` would run it, in this process.

    Args:
        arguments: those after `run`: a file, or `-m` and a module, and the program's own.
    """
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(HELP, end="")
        return
    as_module = arguments[0] == "-m"
    if as_module and len(arguments) == 1:
        print("belvedere: -m takes a module: belvedere run -m uvicorn app:app", file=sys.stderr)
        sys.exit(2)
    program, *rest = arguments[1:] if as_module else arguments
    if as_module:
        sys.path[0] = str(Path.cwd())
    elif Path(program).exists():
        sys.path[0] = str(Path(program).resolve().parent)
    else:
        print(f"belvedere: there is no file {program}; a module is run with -m", file=sys.stderr)
        sys.exit(2)
    sys.argv = [program, *rest]

    from belvedere.sdk.init import init, launched_by  # noqa: PLC0415 - it takes its name from sys.argv

    init()
    launched_by("belvedere run")
    try:
        if as_module:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(program, run_name="__main__")
    except ImportError as error:
        if not _is_of_runpy(error):
            raise
        print(f"belvedere: cannot run {program}: {error}", file=sys.stderr)
        sys.exit(1)


def _is_of_runpy(error: ImportError) -> bool:
    """Whether the program could not be found, rather than something that it imports."""
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    return innermost.f_globals.get("__name__") == "runpy"
