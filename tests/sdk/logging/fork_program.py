"""An application that logs on two threads while it forks children, which log as well.

Prints how many children ended well. What is exported goes to the file of the first argument.
"""

import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)

from belvedere.sdk.logging import get_logger
from belvedere.sdk.logging.setup import configure

exported = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)


class ToFile(LogRecordExporter):
    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        for each in batch:
            os.write(exported, f"{each.log_record.body}\n".encode())
        return LogRecordExportResult.SUCCESS

    def force_flush(self, *_: Any, **__: Any) -> bool:
        return True

    def shutdown(self) -> None:
        os.close(exported)


provider = LoggerProvider()
provider.add_log_record_processor(SimpleLogRecordProcessor(ToFile()))
configure(provider, environment="production", level="info", service_name="forks")
log = get_logger("app")
stop = threading.Event()


def chatter() -> None:
    while not stop.is_set():
        log.info("chatter")


thread = threading.Thread(target=chatter)
thread.start()
children = []
for number in range(20):
    pid = os.fork()
    if pid == 0:
        log.info("structlog %d", number)
        logging.getLogger("app").info("logging %d", number)
        os._exit(0)
    children.append(pid)
print([os.waitpid(pid, 0)[1] for pid in children].count(0))
stop.set()
thread.join()
