"""Where something stands in the text of a query."""

from typing import NamedTuple


class Position(NamedTuple):
    """Bytes `[start, end)` of the query's UTF-8 text, as upstream counts them."""

    start: int
    end: int

    def at(self, query: str, line_offset: int = 0) -> str:
        """`line:column` of the start, both from one; the column counts bytes."""
        if not query:
            return "unknown position"
        text = query.encode("utf-8", "surrogateescape")
        if self.start > len(text) or self.start < 0:
            return "invalid position"
        before = text[: self.start]
        line = before.count(b"\n") + 1 + line_offset
        column = self.start - (before.rfind(b"\n") + 1) + 1
        return f"{line}:{column}"


NOWHERE = Position(0, 0)
