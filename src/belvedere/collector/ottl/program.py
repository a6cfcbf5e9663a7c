"""Texts → what components call."""

import time
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import structlog

from belvedere.collector.ottl import tree
from belvedere.collector.ottl.closures import Condition, Edit, any_of
from belvedere.collector.ottl.compile import Compiler
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.function import Function
from belvedere.collector.ottl.functions.converters import CONVERTERS
from belvedere.collector.ottl.functions.editors import EDITORS
from belvedere.collector.ottl.infer import inferred_context
from belvedere.collector.ottl.parse import parse_condition, parse_statement
from belvedere.collector.ottl.record import Context, Record

log = structlog.get_logger(__name__)


class ErrorMode(StrEnum):
    """What happens when a value does not fit: an `EvaluationError`."""

    IGNORE = "ignore"
    """It is logged (each text every 10 s at most); a statement is skipped, a condition is false."""
    SILENT = "silent"
    """The same without the log line."""
    PROPAGATE = "propagate"
    """It is raised."""


def condition(
    text: str | Sequence[str],
    context: Context,
    *,
    error_mode: ErrorMode = ErrorMode.PROPAGATE,
    functions: Mapping[str, Function] | None = None,
    prefixed: bool = False,
) -> Condition:
    """Compile a condition, or several of which one must hold.

    Args:
        text: `attributes["x"] == 1 and IsRootSpan()`; paths may begin with their context.
        context: what a record is.
        error_mode: what the result does with an `EvaluationError`.
        functions: converters beside the standard ones.
        prefixed: whether paths must begin with their context.

    Returns:
        A function from a `Record` to whether it meets the condition; no conditions: False.

    Raises:
        OttlError: the text is no condition for that context.
    """
    texts = [text] if isinstance(text, str) else text
    compiled = [
        _guarded(
            Compiler(
                each, context, EDITORS, _all_converters(functions), prefixed=prefixed
            ).condition(parse_condition(each)),
            each,
            error_mode,
        )
        for each in texts
    ]
    return any_of(compiled)


def statement(
    text: str,
    context: Context,
    *,
    error_mode: ErrorMode = ErrorMode.PROPAGATE,
    editors: Mapping[str, Function] | None = None,
    functions: Mapping[str, Function] | None = None,
    prefixed: bool = False,
) -> Edit:
    """Compile a statement.

    Args:
        text: `set(attributes["x"], 1) where kind == SPAN_KIND_SERVER`.
        context: what a record is.
        error_mode: what the result does with an `EvaluationError`.
        editors: editors beside the standard ones.
        functions: converters beside the standard ones.
        prefixed: whether paths must begin with their context.

    Returns:
        A function that changes a `Record`, and returns whether it may have.

    Raises:
        OttlError: the text is no statement for that context.
    """
    known = {**EDITORS, **(editors or {})}
    compiler = Compiler(text, context, known, _all_converters(functions), prefixed=prefixed)
    edit: Edit = _guarded(compiler.statement(parse_statement(text)), text, error_mode)
    return edit


def context_of(
    *,
    statements: Iterable[str] = (),
    conditions: Iterable[str] = (),
    contexts: Sequence[Context],
    functions: Mapping[str, Function] | None = None,
) -> Context:
    """The outermost of `contexts` that knows all that the texts name, whose paths are prefixed.

    Raises:
        OttlError: a text cannot be parsed, or no context has it all.
    """
    nodes: list[tree.Statement | tree.Expression] = [parse_statement(each) for each in statements]
    nodes += [parse_condition(each) for each in conditions]
    return inferred_context(nodes, contexts, {**CONVERTERS, **EDITORS, **(functions or {})})


def _all_converters(functions: Mapping[str, Function] | None) -> Mapping[str, Function]:
    return {**CONVERTERS, **functions} if functions else CONVERTERS


def _guarded(call: Condition | Edit, text: str, mode: ErrorMode) -> Any:
    if mode is ErrorMode.PROPAGATE:
        return call
    complain = _Complaint(text) if mode is ErrorMode.IGNORE else None

    def guarded(record: Record) -> bool:
        try:
            return call(record)
        except EvaluationError as error:
            if complain:
                complain(error)
            return False

    return guarded


_QUIET_S = 10.0
"""Between two log lines about one text: it may fail on each of a million records."""


class _Complaint:
    """Logs that a text failed, and how often since the last time."""

    def __init__(self, text: str) -> None:
        self._text, self._failed, self._said_s = text, 0, -_QUIET_S

    def __call__(self, error: EvaluationError) -> None:
        self._failed += 1
        now_s = time.monotonic()
        if now_s - self._said_s >= _QUIET_S:
            log.warning("ottl_failed", ottl=self._text, error=str(error), records=self._failed)
            self._failed, self._said_s = 0, now_s
