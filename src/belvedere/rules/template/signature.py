"""How a function of templates is called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from belvedere.rules.template.errors import FunctionError
from belvedere.rules.template.values import Sample, type_name

ANY, STRING, SAMPLE, SAMPLES = "interface {}", "string", "*template.sample", "template.queryResult"
_TYPES: Final[dict[str, type]] = {STRING: str, SAMPLE: Sample, SAMPLES: list}


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """A function, and what it takes.

    Attributes:
        call: Gets the arguments, which are checked. May raise `FunctionError`.
        parameters: The types of the arguments.
        rest: The type of all arguments after those; None where there may be none.
    """

    call: Callable[..., Any]
    parameters: tuple[str, ...] = ()
    rest: str | None = None

    def check(self, name: str, arguments: Sequence[Any]) -> None:
        """Raises `FunctionError` where the arguments are too few, too many, or of other types."""
        wanted = len(self.parameters)
        if len(arguments) < wanted or (self.rest is None and len(arguments) > wanted):
            least = "at least " if self.rest else ""
            raise FunctionError(
                f"wrong number of args for {name}: want {least}{wanted} got {len(arguments)}"
            )
        rest = [self.rest or ANY] * (len(arguments) - wanted)
        for value, type_ in zip(arguments, (*self.parameters, *rest), strict=True):
            if type_ is not ANY and type(value) is not _TYPES[type_]:
                raise FunctionError(
                    f"wrong type for value; expected {type_}; got {type_name(value)}"
                )
