"""`router`: each entry to the operator that its content chooses."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.expression import ConditionText, parse_condition
from belvedere.collector.receivers.filelog.operators.base import Operator, OperatorConfig


def _one(value: Any) -> Any:
    """`output: [a]` is `output: a`."""
    if isinstance(value, list):
        if len(value) != 1:
            raise ValueError("one operator is expected: an entry goes one way")
        return value[0]
    return value


_Output = Annotated[str, BeforeValidator(_one)]


class RouteConfig(ComponentConfig):
    """An entry of `routes`."""

    output: _Output = Field(min_length=1, description="Id of the operator, later in the list.")
    expr: ConditionText = Field(description="Condition of the entries that go there.")
    attributes: dict[str, str] = Field(
        default_factory=dict, description="Attributes that these entries get."
    )

    @field_validator("attributes")
    @classmethod
    def _constants(cls, value: dict[str, str]) -> dict[str, str]:
        for text in value.values():
            if "EXPR(" in text:
                raise ValueError(f"{text!r}: EXPR(...) is not supported; use an operator for it")
        return value


class RouterConfig(OperatorConfig):
    """`router`. What takes no route, and finds no `default`, is dropped."""

    type: Literal["router"] = Field(description="router.")
    routes: list[RouteConfig] = Field(
        min_length=1, description="Routes; an entry takes the first whose condition it meets."
    )
    default: _Output = Field("", description="Id of the operator for all other entries.")

    def build(self) -> Operator:
        """The operator."""
        return Router(self)


class Router:
    """Says where entries go."""

    def __init__(self, config: RouterConfig) -> None:
        self._routes = [
            (parse_condition(route.expr), route.output, route.attributes) for route in config.routes
        ]
        self._default = config.default

    def routed(self, entries: Iterable[Entry]) -> dict[str, list[Entry]]:
        """Entries by the id of the operator that they go to."""
        result: dict[str, list[Entry]] = {}
        for entry in entries:
            output = self._output(entry)
            if output:
                result.setdefault(output, []).append(entry)
        return result

    def process(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those that go anywhere."""
        return [entry for routed in self.routed(entries).values() for entry in routed]

    def flush(self, now_s: float | None) -> list[Entry]:  # noqa: ARG002 - the protocol's
        return []

    def held_from(self, source: str) -> int | None:  # noqa: ARG002 - the protocol's
        return None

    def _output(self, entry: Entry) -> str:
        for condition, output, attributes in self._routes:
            if condition(entry):
                entry.attributes |= attributes
                return output
        return self._default
