"""Which context a text is for, when only its paths say so."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from belvedere.collector.ottl import tree
from belvedere.collector.ottl.compile import ALIASES
from belvedere.collector.ottl.errors import OttlError
from belvedere.collector.ottl.fields import ENUMS
from belvedere.collector.ottl.function import Function
from belvedere.collector.ottl.record import ABOVE, Context


def inferred_context(
    nodes: Iterable[tree.Statement | tree.Expression],
    contexts: Sequence[Context],
    functions: Mapping[str, Function],
) -> Context:
    """The outermost of `contexts` that knows all the paths, enums and functions of `nodes`.

    Paths must begin with their context, as in `span.name`.

    Raises:
        OttlError: none does.
    """
    used: set[Context] = set()
    symbols: set[str] = set()
    called: set[str] = set()
    for node in nodes:
        for inner in walk(node):
            match inner:
                case tree.Path():
                    used |= _context_of(inner, contexts)
                case tree.Symbol():
                    symbols.add(inner.name)
                case tree.Call():
                    called.add(inner.name)
    enums = {name for context in contexts for name in ENUMS[context]} & symbols
    for context in contexts:
        if (
            used <= {context, *ABOVE[context]}
            and enums <= ENUMS[context].keys()
            and all(_works_on(functions.get(name), context) for name in called)
        ):
            return context
    names = ", ".join(sorted(used | called))
    raise OttlError(f"no context has all of {names}; put the statements into separate groups")


def _works_on(function: Function | None, context: Context) -> bool:
    return function is None or function.contexts is None or context in function.contexts


def _context_of(path: tree.Path, contexts: Sequence[Context]) -> set[Context]:
    first = ALIASES.get(path.fields[0].name, path.fields[0].name)
    return {context for context in contexts if context == first}


def walk(node: tree.Node) -> Iterator[tree.Node]:
    """A node and all that it is made of."""
    yield node
    for inner in _PARTS.get(type(node), _none)(node):
        yield from walk(inner)


def _none(_: Any) -> Iterable[tree.Node]:
    return ()


_PARTS: Final[dict[type, Callable[[Any], Iterable[tree.Node]]]] = {
    tree.Statement: lambda node: [node.editor, *([node.where] if node.where else [])],
    tree.List: lambda node: node.items,
    tree.Map: lambda node: [value for _, value in node.items],
    tree.Path: lambda node: [key for field in node.fields for key in field.keys],
    tree.Call: lambda node: [*(argument.value for argument in node.arguments), *node.keys],
    tree.Arithmetic: lambda node: [node.first, *(operand for _, operand in node.rest)],
    tree.Negative: lambda node: [node.operand],
    tree.Comparison: lambda node: [node.left, node.right],
    tree.Not: lambda node: [node.operand],
    tree.And: lambda node: node.operands,
    tree.Or: lambda node: node.operands,
}
"""Kind of node → the nodes directly in one."""
