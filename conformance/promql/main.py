"""Runs promqltest files: `main.py [FILE …]`, by default those of ../shared."""

import sys
from pathlib import Path

from run import run_file
from script import ScriptError

_DEFAULT = Path(__file__).parents[3] / "shared" / "conformance" / "promqltest"


def main(arguments: list[str]) -> int:
    """The exit code: 0 where all evals pass, 1 where some do not, 2 where there are no files."""
    files = [Path(argument) for argument in arguments] or sorted(_DEFAULT.glob("*.test"))
    missing = [str(path) for path in files if not path.is_file()]
    if missing or not files:
        print(f"no such file: {', '.join(missing) or _DEFAULT / '*.test'}", file=sys.stderr)
        return 2
    rows, failures = [], []
    for path in files:
        try:
            outcomes = list(run_file(path))
        except (ScriptError, UnicodeDecodeError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 2
        failed = [outcome for outcome in outcomes if outcome.reason]
        rows.append((path.name, len(outcomes), len(outcomes) - len(failed), len(failed)))
        failures += [(path.name, outcome) for outcome in failed]
    rows.append(("all", *(sum(row[column] for row in rows) for column in (1, 2, 3))))
    width = max(len(row[0]) for row in rows)
    print(f"{'file':{width}} {'evals':>6} {'passed':>6} {'failed':>6}")
    for name, evals, passed, failed_count in rows:
        print(f"{name:{width}} {evals:6} {passed:6} {failed_count:6}")
    for name, outcome in failures:
        print(f"\n{name}:{outcome.line}: {outcome.query}\n  {outcome.reason}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
