"""A template's tree, and data → text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from belvedere.rules.template.builtins import SHORT_CIRCUIT
from belvedere.rules.template.errors import FunctionError, TemplateExecutionError
from belvedere.rules.template.lexer import line_of
from belvedere.rules.template.nodes import (
    Action,
    Branch,
    Call,
    Command,
    Constant,
    Dot,
    Field,
    Function,
    Jump,
    Node,
    Operand,
    Pipeline,
    Statement,
    Template,
    Text,
    Variable,
)
from belvedere.rules.template.signature import TemplateFunction
from belvedere.rules.template.values import field, is_true, text_of

_MAX_DEPTH: Final = 100
_MAX_STEPS: Final = 1_000_000
_MAX_CHARACTERS: Final = 1 << 20
_ABSENT: Final = object()


class _Jumped(Exception):  # noqa: N818 - no error: how `break` and `continue` leave a body
    def __init__(self, kind: str) -> None:
        self.kind = kind


def evaluate(template: Template, data: Any, functions: Mapping[str, TemplateFunction]) -> str:
    """What the template writes for `data`.

    Raises:
        TemplateExecutionError: it met values that it cannot work on, or does not end.
    """
    return _Evaluation(template, functions).run(data)


class _Evaluation:
    def __init__(self, template: Template, functions: Mapping[str, TemplateFunction]) -> None:
        self._template, self._functions = template, functions
        self._variables: list[tuple[str, Any]] = []
        self._written: list[str] = []
        self._characters, self._steps, self._depth = 0, 0, 0

    def run(self, data: Any) -> str:
        self._variables = [("$", data)]
        self._walk(self._template.body, data)
        return "".join(self._written)

    def _error(self, node: Node, problem: str) -> TemplateExecutionError:
        source, name = self._template.source, self._template.name
        column = node.start - source.rfind("\n", 0, node.start) - 1
        place = f"{name}:{line_of(source, node.start)}:{column}"
        shown = source[node.start : node.end]
        return TemplateExecutionError(
            f'template: {place}: executing "{name}" at <{shown}>: {problem}'
        )

    # Statements

    def _walk(self, statements: Sequence[Statement], dot: Any) -> None:
        for statement in statements:
            self._count(statement)
            match statement:
                case Text():
                    self._write(statement, statement.text)
                case Action():
                    value = self._pipeline(statement.pipeline, dot)
                    if not statement.pipeline.variables:
                        self._write(statement, text_of(value))
                case Branch(kind="range"):
                    self._range(statement, dot)
                case Branch():
                    self._branch(statement, dot)
                case Jump():
                    raise _Jumped(statement.kind)
                case Call():
                    self._call(statement, dot)

    def _count(self, node: Node) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise self._error(node, "the template takes too many steps")

    def _write(self, node: Node, text: str) -> None:
        self._characters += len(text)
        if self._characters > _MAX_CHARACTERS:
            raise self._error(node, "the template writes too much")
        self._written.append(text)

    def _branch(self, branch: Branch, dot: Any) -> None:
        known = len(self._variables)
        value = self._pipeline(branch.pipeline, dot)
        if is_true(value):
            self._walk(branch.body, value if branch.kind == "with" else dot)
        else:
            self._walk(branch.otherwise, dot)
        del self._variables[known:]

    def _range(self, branch: Branch, dot: Any) -> None:
        known = len(self._variables)
        # Each turn sets the variables itself, by the element and not by the whole.
        names, pipeline = branch.pipeline.variables, branch.pipeline
        value = self._value(pipeline, dot)
        inner, any_turn = known + (len(names) if pipeline.declares else 0), False
        if pipeline.declares:
            self._variables.extend((name, None) for name in names)
        for key, element in self._elements(branch, value):
            any_turn = True
            self._count(branch)
            # One variable takes the element, two take key and element.
            for name, part in zip(names, (element,) if len(names) == 1 else (key, element)):  # noqa: B905 - there may be no variable at all
                self._assign(branch, name, part)
            try:
                self._walk(branch.body, element)
            except _Jumped as jumped:
                if jumped.kind == "break":
                    break
            finally:
                del self._variables[inner:]
        if not any_turn:
            self._walk(branch.otherwise, dot)
        del self._variables[known:]

    def _elements(self, branch: Branch, value: Any) -> Iterable[tuple[Any, Any]]:
        if isinstance(value, list):
            return enumerate(value)
        if isinstance(value, dict):
            return ((key, value[key]) for key in sorted(value))
        if type(value) is int:
            return ((number, number) for number in range(value))
        if value is None:
            return ()
        raise self._error(branch.pipeline, f"range can't iterate over {text_of(value)}")

    def _call(self, call: Call, dot: Any) -> None:
        body = self._template.defined.get(call.name)
        if body is None:
            raise self._error(call, f'template "{call.name}" not defined')
        if self._depth >= _MAX_DEPTH:
            raise self._error(call, f"exceeded maximum template depth ({_MAX_DEPTH})")
        data = None if call.pipeline is None else self._pipeline(call.pipeline, dot)
        variables, self._variables = self._variables, [("$", data)]
        self._depth += 1
        self._walk(body, data)
        self._depth -= 1
        self._variables = variables

    # Values

    def _pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        value = self._value(pipeline, dot)
        for name in pipeline.variables:
            if pipeline.declares:
                self._variables.append((name, value))
            else:
                self._assign(pipeline, name, value)
        return value

    def _value(self, pipeline: Pipeline, dot: Any) -> Any:
        value: Any = _ABSENT
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        return value

    def _assign(self, node: Node, name: str, value: Any) -> None:
        for at in range(len(self._variables) - 1, -1, -1):
            if self._variables[at][0] == name:
                self._variables[at] = (name, value)
                return
        raise self._error(node, f"undefined variable: {name}")

    def _command(self, command: Command, dot: Any, final: Any) -> Any:
        first, *others = command.operands
        if isinstance(first, Function):
            return self._function(command, first.name, others, dot, final)
        if isinstance(first, Field):
            arguments = [self._operand(each, dot) for each in others]
            if final is not _ABSENT:
                arguments.append(final)
            return self._field(first, dot, arguments)
        if others or final is not _ABSENT:
            raise self._error(first, f"can't give argument to non-function {self._source(first)}")
        if isinstance(first, Constant) and first.value is None:
            raise self._error(first, "nil is not a command")
        return self._operand(first, dot)

    def _source(self, node: Node) -> str:
        return self._template.source[node.start : node.end]

    def _function(
        self, command: Command, name: str, operands: Sequence[Operand], dot: Any, final: Any
    ) -> Any:
        if name in SHORT_CIRCUIT:
            return self._decide(command, name, operands, dot, final)
        arguments = [self._operand(each, dot) for each in operands]
        if final is not _ABSENT:
            arguments.append(final)
        function = self._functions[name]
        try:
            function.check(name, arguments)
        except FunctionError as error:
            raise self._error(command, str(error)) from None
        try:
            return function.call(*arguments)
        except FunctionError as error:
            raise self._error(command, f"error calling {name}: {error}") from None

    def _decide(
        self, command: Command, name: str, operands: Sequence[Operand], dot: Any, final: Any
    ) -> Any:
        value = final
        for operand in operands:
            value = self._operand(operand, dot)
            if is_true(value) == (name == "or"):
                return value
        if value is _ABSENT:
            raise self._error(command, f"wrong number of args for {name}: want at least 1 got 0")
        return value if final is _ABSENT else final

    def _operand(self, operand: Operand, dot: Any) -> Any:
        match operand:
            case Constant():
                return operand.value
            case Dot():
                return dot
            case Variable():
                return self._variable(operand)
            case Field():
                return self._field(operand, dot, [])
            case Function():
                return self._function(
                    Command(operand.start, operand.end, ()), operand.name, (), dot, _ABSENT
                )
            case Pipeline():
                return self._pipeline(operand, dot)

    def _variable(self, variable: Variable) -> Any:
        for name, value in reversed(self._variables):
            if name == variable.name:
                return value
        raise self._error(variable, f"undefined variable: {variable.name}")

    def _field(self, node: Field, dot: Any, arguments: list[Any]) -> Any:
        holder = self._operand(node.operand, dot)
        try:
            return field(holder, node.name, arguments)
        except FunctionError as error:
            raise self._error(node, str(error)) from None
