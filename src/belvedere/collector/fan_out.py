"""One batch to several consumers, after the Collector's `fanoutconsumer`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from belvedere.collector.component import Consumer
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.otlp.batch import Batch


def fan_out(consumers: Sequence[Consumer]) -> Consumer:
    """One consumer for all of them; a single one needs nothing around it."""
    return consumers[0] if len(consumers) == 1 else FanOut(tuple(consumers))


@dataclass(frozen=True, slots=True)
class FanOut:
    """Gives each batch to every consumer at once, whatever happens at the others.

    A batch may reach a consumer twice: where one accepted and another asked for a retry, the
    retry goes to both. That is the Collector's choice, and OTLP's: delivery is at least once.
    A retry cannot help a permanent failure, so with one among them the whole is `Permanent`, as
    in the Collector, and the sender does not repeat it forever. A sender that acknowledged the
    batch before finds those that asked for a retry by `rest_of`, and sends it to them alone.
    """

    consumers: tuple[Consumer, ...]

    async def consume(self, batch: Batch) -> None:
        """Returns when every consumer has accepted or refused; each gets a batch of its own."""
        shares = [batch.shared() for _ in self.consumers]
        results = await asyncio.gather(
            *(
                consumer.consume(share)
                for consumer, share in zip(self.consumers, shares, strict=True)
            ),
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            error = combined(failures)
            if isinstance(error, ConsumeError):
                error.rest = self._rest(batch, shares, results)
            raise error

    def _rest(
        self, batch: Batch, shares: Sequence[Batch], results: Sequence[BaseException | None]
    ) -> tuple[Batch, Consumer] | None:
        """See `ConsumeError.rest`."""
        rest = []
        for consumer, share, error in zip(self.consumers, shares, results, strict=True):
            if isinstance(error, ConsumeError):
                if inner := rest_of(error, share):
                    rest.append(inner)
                elif isinstance(error, Retryable):
                    rest.append(consumer)
        return (batch, fan_out(rest)) if rest else None


def rest_of(error: ConsumeError, batch: Batch) -> Consumer | None:
    """The consumer of those that asked for a retry of `batch`; None where no fan-out tells.

    It takes exactly `batch`: where a component between changed it, the fan-out saw another one.
    """
    if error.rest is None or error.rest[0] is not batch:
        return None
    consumer: Consumer = error.rest[1]
    return consumer


def combined(failures: Sequence[BaseException]) -> BaseException:
    """The one error that says what several failures mean to the sender.

    An error that is no `ConsumeError` is a defect (or a cancellation) and goes first, as it is.
    """
    if len(failures) == 1:
        return failures[0]
    refusals: list[ConsumeError] = []
    for failure in failures:
        if not isinstance(failure, ConsumeError):
            return failure
        refusals.append(failure)
    message = "; ".join(dict.fromkeys(str(refusal) for refusal in refusals))
    delays = [refusal.after_s for refusal in refusals if isinstance(refusal, Retryable)]
    if len(delays) < len(refusals):
        return Permanent(message)
    return Retryable(message, after_s=max((s for s in delays if s is not None), default=None))
