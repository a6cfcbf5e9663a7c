"""What of the language is switched on. The values are upstream's defaults at 3.14."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParserOptions:
    """Options of the parser.

    Attributes:
        experimental_functions: Functions and aggregators that upstream marks as experimental.
        duration_expressions: Arithmetic in ranges, steps and offsets: `[5m * 2]`.
        extended_ranges: The modifiers `anchored` and `smoothed`.
        fill_modifiers: `fill`, `fill_left` and `fill_right` of binary operators.
        max_nesting: How deep parentheses, calls, signs and powers may stand in each other.
        max_height: How high the tree may be: a chain of operators as well.
        max_tokens: How many words, signs and strings a query may have.
    """

    experimental_functions: bool = False
    duration_expressions: bool = True
    extended_ranges: bool = False
    fill_modifiers: bool = False
    max_nesting: int = 100
    max_height: int = 200
    max_tokens: int = 20_000


DEFAULT = ParserOptions()
EXPERIMENTAL = ParserOptions(experimental_functions=True, extended_ranges=True, fill_modifiers=True)
