"""Upstream's feature flags of the language: names → what they switch on."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from belvedere.query.promql.engine import EngineOptions

_PARSER: Final[dict[str, dict[str, Any]]] = {
    "promql-experimental-functions": {"experimental_functions": True},
    "promql-extended-range-selectors": {"extended_ranges": True},
    "promql-binop-fill-modifiers": {"fill_modifiers": True},
}
_DELAYED: Final = "promql-delayed-name-removal"

FEATURES: Final = (*_PARSER, _DELAYED)
"""What `--enable-feature` takes."""


def engine_options(features: Collection[str] = ()) -> EngineOptions:
    """Upstream's defaults, with these features switched on.

    Raises:
        ValueError: there is no such feature.
    """
    options = EngineOptions(delayed_name_removal=_DELAYED in features)
    for name in features:
        if name not in FEATURES:
            raise ValueError(f"there is no feature {name!r}; there are {', '.join(FEATURES)}")
        options = replace(options, parser=replace(options.parser, **_PARSER.get(name, {})))
    return options
