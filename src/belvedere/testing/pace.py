"""How long a model takes."""

from dataclasses import dataclass
from random import Random
from typing import Final

_FIRST_TOKEN_S: Final = 0.25
_PER_INPUT_TOKEN_S: Final = 0.000_1
_PER_OUTPUT_TOKEN_S: Final = 0.012
_SPREAD: Final = 0.4
"""Of a delay: it is so much shorter or longer by chance."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The delays of one reply, at a speed."""

    random: Random
    speed: float
    """1.0: as a real model; 10.0: ten times as fast; infinite: without delays."""

    def first_token_s(self, input_tokens: int) -> float:
        """Until the first token comes."""
        return self._about(_FIRST_TOKEN_S + input_tokens * _PER_INPUT_TOKEN_S)

    def output_s(self, output_tokens: int) -> float:
        """For so many tokens."""
        return self._about(_PER_OUTPUT_TOKEN_S * output_tokens)

    def _about(self, delay_s: float) -> float:
        return delay_s / self.speed * self.random.uniform(1 - _SPREAD, 1 + _SPREAD)
