"""`belvedere run app.py`: run a program with telemetry, without changing it.

Works with the base install, so this module and its way from the console script use neither typer
nor the server.
"""

import builtins
import runpy
import sys
import traceback
import zipfile
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
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
    archive = not as_module and (Path(program).is_dir() or zipfile.is_zipfile(program))
    if as_module:
        sys.path[0] = str(Path.cwd())
    elif archive:
        sys.path[0] = str(Path(program).absolute())
    elif Path(program).exists():
        sys.path[0] = str(Path(program).resolve().parent)
    else:
        print(f"belvedere: there is no file {program}; a module is run with -m", file=sys.stderr)
        sys.exit(2)
    sys.argv = [program, *rest]

    from belvedere.sdk.init import init, launched_by  # noqa: PLC0415 - it takes its name from sys.argv

    init()
    launched_by("belvedere run")
    # Not `runpy.run_path` and `run_module`: their `__main__` is gone when they return, while the
    # program's threads and exit handlers still need it.
    main = sys.modules["__main__"] = ModuleType("__main__")
    vars(main)["__builtins__"] = builtins
    if as_module or archive:
        module = program if as_module else "__main__"
        try:
            runpy._run_module_as_main(module, alter_argv=as_module)  # type: ignore[attr-defined] # noqa: SLF001 - what `python -m` itself calls
        except SystemExit as end:
            if not _is_of_runpy(end):
                raise
            print(f"belvedere: cannot run {program}: {end.__context__}", file=sys.stderr)
            sys.exit(1)
    else:
        _run_file(str(Path(program).absolute()), main)


def _is_of_runpy(end: SystemExit) -> bool:
    """Whether there is no such program, rather than a program that ended."""
    *_, (innermost, _) = traceback.walk_tb(end.__traceback__)
    return innermost.f_globals.get("__name__") == "runpy"


def _run_file(file: str, main: ModuleType) -> None:
    """Run a file as the program, with what the interpreter gives a program."""
    loader = SourceFileLoader("__main__", file)
    vars(main).update(__file__=file, __loader__=loader, __cached__=None)
    exec(loader.source_to_code(loader.get_data(file), file), vars(main))  # noqa: S102 - its purpose
