"""The processor `transform`."""

from belvedere.collector.component import Consumer, Host
from belvedere.collector.errors import Permanent
from belvedere.collector.ottl import EvaluationError, records
from belvedere.collector.processors.transform.config import TransformConfig
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import ExportRequest


class TransformProcessor:
    """Runs the statements on each batch, group by group, record by record.

    A batch that no statement touches is handed on as it came.
    """

    Config = TransformConfig

    def __init__(self, config: TransformConfig, host: Host, consumer: Consumer) -> None:
        self._id, self._consumer = host.component_id, consumer
        self._programs = config.programs

    async def start(self) -> None:
        """Nothing has to be got ready."""

    async def shutdown(self) -> None:
        """Nothing is held."""

    async def consume(self, batch: Batch) -> None:
        """Hand the changed batch on.

        Raises:
            Retryable: what follows asks for a retry.
            Permanent: a statement failed with `error_mode: propagate`, or what follows refuses.
        """
        if self._programs[batch.signal]:
            message = batch.take_message()
            if self._run(batch, message):
                batch = Batch.of(
                    batch.signal, message, project=batch.project, metadata=batch.metadata
                )
            else:
                batch.give_back(message)
        await self._consumer.consume(batch)

    def _run(self, batch: Batch, message: ExportRequest) -> bool:
        """Whether the message may have changed."""
        changed = False
        try:
            for program in self._programs[batch.signal]:
                where, statements = program.where, program.statements
                for record in records(message, program.context, batch.metadata):
                    if where is None or where(record):
                        for edit in statements:
                            if edit(record):
                                changed = True
        except EvaluationError as error:
            raise Permanent(f"{self._id}: a statement failed: {error}") from error
        return changed
