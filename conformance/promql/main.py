"""Runs promqltest files: `main.py [FILE …]`, by default those of ../shared."""

import sys
from pathlib import Path

from run import Outcome, run_file
from script import ScriptError

_DEFAULT = Path(__file__).parents[3] / "shared" / "conformance" / "promqltest"


def main(arguments: list[str]) -> int:
    """The exit code: 0 if all evals pass, 1 if some fail, 2 if a file cannot be read."""
    files = [Path(argument) for argument in arguments] or sorted(_DEFAULT.glob("*.test"))
    if not files:
        print(f"no such file: {_DEFAULT / '*.test'}", file=sys.stderr)
        return 2
    rows, failures, unreadable = [], [], []
    for path in files:
        outcomes: list[Outcome] = []
        try:
            outcomes.extend(run_file(path))
        except FileNotFoundError:
            unreadable.append(f"no such file: {path}")
        except (ScriptError, OSError, UnicodeDecodeError) as error:
            unreadable.append(f"{path}: {error}")
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
    for message in unreadable:
        print(message, file=sys.stderr)
    if unreadable:
        print("the table has only the evals before the unreadable lines", file=sys.stderr)
        return 2
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
