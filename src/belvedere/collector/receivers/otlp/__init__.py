"""Receiver `otlp`: OTLP over gRPC (4317) and over HTTP (4318), protobuf and JSON.

config.py      its keys, named as the Collector's
receiver.py    start and shutdown of both doors
grpc_door.py   OTLP/gRPC
http_door.py   OTLP/HTTP, with http_protocol.py beneath
access.py      who may send, and into which project
intake.py      what both doors do with a request: decode, hand on, count
"""

from belvedere.collector.receivers.otlp.receiver import OtlpReceiver

__all__ = ["OtlpReceiver"]
