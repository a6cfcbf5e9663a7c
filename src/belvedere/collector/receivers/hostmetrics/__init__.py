"""`hostmetrics`: metrics of the machine, with the official names, by psutil."""

from belvedere.collector.receivers.hostmetrics.receiver import HostMetricsReceiver

__all__ = ["HostMetricsReceiver"]
