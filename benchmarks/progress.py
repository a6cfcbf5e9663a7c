"""`Progress`: what it does now, in a line that changes on a terminal, else in a line a part."""

from types import TracebackType
from typing import Self

from rich.console import Console


class Progress:
    """A context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._part = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._status.stop()

    def begin(self, part: str) -> None:
        """A new part begins."""
        self._part = part
        self.say("")
        if not self._console.is_terminal:
            print(f"{part} ...", flush=True)

    def say(self, text: str) -> None:
        """How far this part is."""
        self._status.update(f"[bold]{self._part}[/] {text}")
