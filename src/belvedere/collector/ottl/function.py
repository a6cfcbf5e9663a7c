"""What a function is to the compiler."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from belvedere.collector.ottl.kinds import Kind
from belvedere.collector.ottl.record import Context


@dataclass(frozen=True)
class Function:
    """A converter or an editor.

    A converter's `call` gets the values of its arguments, and returns a value. An editor's gets,
    once, what its kinds say: a getter for a value, an `Access` for a target, the pairs for a map
    target; it returns a function from a `Record` to whether something may have changed.
    """

    call: Callable[..., Any]
    kinds: tuple[Kind, ...]
    contexts: frozenset[Context] | None = None
    """Where it may be used; None: everywhere."""
    pure: bool = True
    """Whether the same arguments always give the same result."""
    of_record: bool = False
    """Whether a converter gets the record as its first argument."""

    @cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """Name and default of each parameter, in the order of `kinds`."""
        parameters = tuple(inspect.signature(self.call).parameters.values())
        return parameters[1:] if self.of_record else parameters


def converter(call: Callable[..., Any], *kinds: Kind) -> Function:
    """A converter for all contexts whose result depends on its arguments alone."""
    return Function(call, kinds)


def editor(
    call: Callable[..., Any], *kinds: Kind, contexts: frozenset[Context] | None = None
) -> Function:
    """An editor."""
    return Function(call, kinds, contexts, pure=False)
