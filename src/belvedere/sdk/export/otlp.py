"""Delivery by OTLP: encode, send, report."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from belvedere.sdk.export.destination import Destination
from belvedere.sdk.export.http import HttpSender, Sender
from belvedere.sdk.export.outcome import Outcome, Refused
from belvedere.sdk.export.report import Report

Item = TypeVar("Item")

_reports: dict[str, Report] = {}


def report_of(destination: Destination) -> Report:
    """The report of `destination`'s host, shared by all that send there."""
    url = urlsplit(destination.endpoint)
    address = f"{url.scheme}://{url.netloc}"
    return _reports.setdefault(address, Report(address))


def open_sender(destination: Destination) -> Sender:
    """A sender for the protocol of `destination`. gRPC is imported only where it is used."""
    if destination.protocol == "http":
        return HttpSender(destination)
    from belvedere.sdk.export.grpc import GrpcSender  # noqa: PLC0415 - 40 ms that HTTP needs not

    return GrpcSender(destination)


class OtlpDelivery(Generic[Item]):
    """Delivers batches of one signal: the `deliver` of a `BatchWorker`.

    Args:
        destination: where to.
        encode: makes a serialized request.
        clean: makes an item as it may leave the process.
    """

    def __init__(
        self,
        destination: Destination,
        encode: Callable[[Sequence[Item]], bytes],
        clean: Callable[[Item], Item],
    ) -> None:
        self._signal = destination.signal
        self._encode = encode
        self._clean = clean
        self._sender = open_sender(destination)
        self.report = report_of(destination)

    def __call__(self, batch: Sequence[Item], timeout_s: float) -> Outcome:
        try:
            request = self._encode([self._clean(item) for item in batch])
            outcome = self._sender.send(request, timeout_s)
        except Exception as error:  # noqa: BLE001 - whatever is wrong here is not the application's
            outcome = Refused(f"{type(error).__name__}: {error} (a bug of Belvedere's SDK)")
        self.report.outcome(self._signal, len(batch), outcome)
        return outcome

    def dropped(self, items: int) -> None:
        self.report.dropped(self._signal, items)

    def close(self) -> None:
        self._sender.close()
