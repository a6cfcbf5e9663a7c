"""OTTL, the OpenTelemetry Transformation Language: text → functions of telemetry.

The face for components; nothing else of this package is imported by them.

    holds = ottl.condition('attributes["http.status"] >= 500 and IsRootSpan()', Context.SPAN)
    for record in ottl.records(batch.message, Context.SPAN):
        if holds(record):
            record.span ...                     # also record.scope (ScopeSpans), record.resource

    holds(ottl.Record(resource=resource_spans, scope=scope_spans, span=span))   # without a loop

- `condition(text_or_texts, context, error_mode=...)` compiles; several are ORed. The result takes a
  `Record` and returns a bool.
- `statement(text, context)` compiles an editor; the result changes the `Record` and returns whether
  it may have changed anything. Give it messages of your own, never those of `Batch.message`.
- `records(request, context)` visits the records of a request; it is one object that changes.
- `context_of(conditions=..., contexts=CONTEXTS[signal])` infers a context from prefixed paths.

Texts are compiled once, when a configuration is validated: `OttlError` is a `ValueError`, which
a pydantic validator reports under the key. `EvaluationError` says that a value of a record does
not fit; `error_mode` says what becomes of it (`ErrorMode.PROPAGATE` raises it).

    parse.py       text → tree.py            paths.py, fields.py     paths of the contexts
    compile.py     tree → closures.py        functions/              editors and converters
    values.py      AnyValue ↔ Python         kinds.py, function.py   their parameters
    request.py     paths of the request, for records whose `metadata` is that of their batch
"""

from belvedere.collector.ottl.closures import Condition, Edit, any_of
from belvedere.collector.ottl.errors import EvaluationError, OttlError
from belvedere.collector.ottl.function import Function, converter, editor
from belvedere.collector.ottl.program import ErrorMode, condition, context_of, statement
from belvedere.collector.ottl.record import CONTEXTS, Context, Record, records

__all__ = [
    "CONTEXTS",
    "Condition",
    "Context",
    "Edit",
    "ErrorMode",
    "EvaluationError",
    "Function",
    "OttlError",
    "Record",
    "any_of",
    "condition",
    "context_of",
    "converter",
    "editor",
    "records",
    "statement",
]
