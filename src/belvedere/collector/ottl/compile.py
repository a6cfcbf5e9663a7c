"""Syntax tree → Python functions of a `Record`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from belvedere.collector.ottl import tree
from belvedere.collector.ottl.closures import (
    Condition,
    Edit,
    Value,
    all_of,
    any_of,
    calculated,
    called,
    checked,
    constant,
    equality,
    folded,
    indexed,
    list_of,
    map_of,
    negative,
    truth,
)
from belvedere.collector.ottl.compare import compare
from belvedere.collector.ottl.errors import EvaluationError, OttlError
from belvedere.collector.ottl.fields import CACHE, ENUMS, FIELDS
from belvedere.collector.ottl.function import Function
from belvedere.collector.ottl.kinds import FUNCTION, MAP_TARGET, TARGET, Kind
from belvedere.collector.ottl.paths import Access, Field
from belvedere.collector.ottl.record import ABOVE, Context
from belvedere.collector.ottl.request import OTELCOL, REQUEST
from belvedere.collector.tree import nearest

ALIASES: Final = {"instrumentation_scope": "scope"}
"""Older names of contexts in paths."""
MAX_KEYS: Final = 8
"""Of a path: each makes a map in another, and the maps that are written go down from there."""


class Compiler:
    """Compiles trees of one text for one context."""

    def __init__(
        self,
        text: str,
        context: Context,
        editors: Mapping[str, Function],
        converters: Mapping[str, Function],
        *,
        prefixed: bool = False,
    ) -> None:
        """Take the functions that there are.

        Args:
            text: what the trees were parsed from, for errors.
            context: what a record is.
            editors: by name.
            converters: by name.
            prefixed: whether paths must begin with their context.
        """
        self._text, self._context, self._prefixed = text, context, prefixed
        self._editors, self._converters = editors, converters
        self._kinds: dict[type, Callable[[Any], Value]] = {
            tree.Literal: lambda node: constant(node.value),
            tree.Path: lambda node: Value(self.access(node).get),
            tree.Call: self._converter,
            tree.Symbol: lambda node: constant(self._enum(node)),
            tree.List: lambda node: list_of([self.value(item) for item in node.items]),
            tree.Map: lambda node: map_of({key: self.value(item) for key, item in node.items}),
            tree.Arithmetic: self._arithmetic,
            tree.Negative: lambda node: negative(self.value(node.operand)),
        }

    def statement(self, statement: tree.Statement) -> Edit:
        """Compile `editor(...) where condition`."""
        edit = self._editor(statement.editor)
        if statement.where is None:
            return edit
        where = self.condition(statement.where)
        return lambda record: where(record) and edit(record)

    def condition(self, node: tree.Expression) -> Condition:
        """Compile what is true or false."""
        match node:
            case tree.Literal(bool(value)):
                return lambda _: value
            case tree.Comparison():
                return self._comparison(node)
            case tree.Not():
                operand = self.condition(node.operand)
                return lambda record: not operand(record)
            case tree.And():
                return all_of([self.condition(operand) for operand in node.operands])
            case tree.Or():
                return any_of([self.condition(operand) for operand in node.operands])
            case tree.Call():
                return truth(self.value(node).get, node.name)
        raise self._error(f"`{node}` is not true or false; compare it, as with `== true`", node)

    def value(self, node: tree.Expression) -> Value:
        """Compile what has a value."""
        compiled = self._kinds.get(type(node))
        if compiled is None:
            raise self._error(f"a value is expected here, not the condition `{node}`", node)
        return compiled(node)

    def access(self, path: tree.Path) -> Access:
        """Find what a path stands for."""
        field = self._field(path)
        keys = path.fields[-1].keys
        if not keys:
            return field.access
        if field.keyed is None:
            raise self._error(f"`{_names(path)}` has no keys", keys[0])
        if len(keys) > MAX_KEYS:
            raise self._error(f"a path has at most {MAX_KEYS} keys", keys[MAX_KEYS])
        compiled = [self.value(key) for key in keys]
        for key, node in zip(compiled, keys, strict=True):
            if key.is_constant and type(key.constant) not in {str, int}:
                raise self._error("a key is a string or an int", node)
        try:
            return field.keyed(
                tuple(key.get for key in compiled),
                tuple(key.constant if key.is_constant else None for key in compiled),
            )
        except EvaluationError as error:
            raise self._error(str(error), keys[0]) from None

    def _field(self, path: tree.Path) -> Field:
        for part in path.fields[:-1]:
            if part.keys:
                raise self._error("only the end of a path has keys", part)
        if path.fields[0].name == OTELCOL:
            return self._request_field(path)
        context, names = self._context_of(path)
        if names == ["cache"]:
            if context is not self._context:
                raise self._error(
                    f"the cache belongs to the {self._context}: write `{self._context}.cache`", path
                )
            return CACHE
        fields = FIELDS[context]
        field = fields.get(".".join(names))
        if field is None:
            hint = nearest(".".join(names), {*fields, "cache"} - {""})
            raise self._error(
                f"a {context} has no `{'.'.join(names)}`" + (f"; {hint}" if hint else ""), path
            )
        return field

    def _request_field(self, path: tree.Path) -> Field:
        name = ".".join(field.name for field in path.fields[1:])
        if name not in REQUEST:
            hint = nearest(name, REQUEST)
            raise self._error(f"{OTELCOL} has no `{name}`; {hint}", path)
        return REQUEST[name]

    def _context_of(self, path: tree.Path) -> tuple[Context, list[str]]:
        names = [field.name for field in path.fields]
        first = ALIASES.get(names[0], names[0])
        reachable = (*ABOVE[self._context], self._context)
        if first in reachable:
            context = Context(first)
            if len(names) > 1 or "" in FIELDS[context]:
                return context, names[1:]
        if first in set(Context) and len(names) > 1:
            raise self._error(
                f"a {self._context} belongs to no one {first}; there are"
                f" {', '.join(reachable)} here",
                path,
            )
        if self._prefixed:
            raise self._error(
                f"`{_names(path)}` does not say of what: begin with {' or '.join(reachable)},"
                f" as in `{self._context}.{_names(path)}`",
                path,
            )
        return self._context, names

    def _enum(self, symbol: tree.Symbol) -> int:
        enums = ENUMS[self._context]
        if symbol.name not in enums:
            hint = nearest(symbol.name, enums)
            if symbol.name in self._converters:
                hint = f"a converter is called: `{symbol.name}(...)`"
            raise self._error(
                f"a {self._context} has no enum `{symbol.name}`" + (f"; {hint}" if hint else ""),
                symbol,
            )
        return enums[symbol.name]

    def _comparison(self, node: tree.Comparison) -> Condition:
        left, right, operation = self.value(node.left), self.value(node.right), node.operator
        if left.is_constant and operation in {"==", "!="}:
            left, right = right, left
        get, other = left.get, right.get
        if right.is_constant and operation in {"==", "!="}:
            return equality(get, right.constant, equal=operation == "==")
        return lambda record: compare(operation, get(record), other(record))

    def _arithmetic(self, node: tree.Arithmetic) -> Value:
        result = self.value(node.first)
        for operation, operand in node.rest:
            result = calculated(operation, result, self.value(operand))
        return result

    def _editor(self, call: tree.Call) -> Edit:
        function = self._known(call, self._editors, "editor")
        edit: Edit = function.call(*self._arguments(call, function))
        return edit

    def _converter(self, call: tree.Call) -> Value:
        if call.name[0].islower():
            raise self._error(
                f"`{call.name}` is an editor; a value is made by a converter, such as Concat", call
            )
        function = self._known(call, self._converters, "converter")
        arguments = self._arguments(call, function)
        getters = [each.get for each in arguments]
        if function.of_record:
            value = Value(called(function.call, [lambda record: record, *getters]))
        else:
            value = Value(called(function.call, getters))
            if function.pure and all(each.is_constant for each in arguments):
                value = folded(value)
        for key in call.keys:
            value = indexed(value, self.value(key))
        return value

    def _known(self, call: tree.Call, known: Mapping[str, Function], what: str) -> Function:
        function = known.get(call.name)
        if function is None:
            hint = nearest(call.name, known)
            raise self._error(
                f"there is no {what} `{call.name}`" + (f"; {hint}" if hint else ""), call
            )
        if function.contexts is not None and self._context not in function.contexts:
            raise self._error(
                f"`{call.name}` works on a {' or '.join(sorted(function.contexts))},"
                f" not on a {self._context}",
                call,
            )
        return function

    def _arguments(self, call: tree.Call, function: Function) -> list[Any]:
        """What the function gets for each parameter, as far as arguments are given."""
        given = self._by_position(call, function)
        last = max(given, default=-1)
        result = []
        for index, parameter in enumerate(function.parameters):
            if index in given:
                result.append(
                    self._argument(given[index], function.kinds[index], call, parameter.name)
                )
            elif parameter.default is parameter.empty:
                raise self._error(f"`{call.name}` needs the argument {parameter.name}", call)
            elif index < last:
                editor = call.name[0].islower()
                result.append(parameter.default if editor else constant(parameter.default))
        return result

    def _by_position(self, call: tree.Call, function: Function) -> dict[int, tree.Argument]:
        positions = {
            _plain(parameter.name): index for index, parameter in enumerate(function.parameters)
        }
        given: dict[int, tree.Argument] = {}
        named = False
        for index, argument in enumerate(call.arguments):
            if argument.name is None:
                if named:
                    raise self._error("arguments with names come after those without", argument)
                position = index
            else:
                named = True
                position = positions.get(_plain(argument.name), -1)
            if not 0 <= position < len(positions):
                names = ", ".join(parameter.name for parameter in function.parameters)
                raise self._error(f"`{call.name}` takes {names or 'no arguments'}", argument)
            if position in given:
                raise self._error(f"{argument.name} is given twice", argument)
            given[position] = argument
        return given

    def _argument(self, argument: tree.Argument, kind: Kind, call: tree.Call, name: str) -> Any:
        node = argument.value
        if kind is TARGET or kind is MAP_TARGET:
            return self._target(node, kind)
        if kind is FUNCTION:
            return self._function(node)
        value = self.value(node)
        if kind.check is None:
            return value
        try:
            return checked(value, kind.check)
        except EvaluationError as error:
            raise self._error(f"{name} of `{call.name}`: {error}", node) from None

    def _target(self, node: tree.Expression, kind: Kind) -> Any:
        if not isinstance(node, tree.Path):
            raise self._error("a path is expected, as this is what changes", node)
        access = self.access(node)
        if kind is MAP_TARGET:
            if access.pairs is None:
                raise self._error(f"`{node}` is no map", node)
            return access.pairs
        if access.set is None:
            raise self._error(f"`{node}` cannot be set", node)
        return access

    def _function(self, node: tree.Expression) -> Callable[[Any], Any]:
        if not isinstance(node, tree.Symbol):
            raise self._error("the name of a converter is expected, such as SHA256", node)
        function = self._known(tree.Call(node.name, at=node.at), self._converters, "converter")
        required = [each for each in function.parameters if each.default is each.empty]
        if len(required) != 1:
            raise self._error(f"`{node.name}` takes more than one string", node)
        check, call = function.kinds[0].check, function.call
        return call if check is None else lambda value: call(check(value))

    def _error(self, message: str, node: tree.Node) -> OttlError:
        return OttlError(message, self._text, node.at)


def _names(path: tree.Path) -> str:
    return ".".join(field.name for field in path.fields)


def _plain(name: str) -> str:
    """A parameter's name without what its spellings differ in: end_index, endIndex."""
    return name.replace("_", "").lower()
