"""Loki's push messages, `logproto.PushRequest`: the fields of its published `push.proto`."""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_TYPES: Final[Mapping[str, "FieldDescriptorProto.Type.ValueType"]] = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "int32": FieldDescriptorProto.TYPE_INT32,
}
_LABELS: Final[Mapping[str, "FieldDescriptorProto.Label.ValueType"]] = {
    "": FieldDescriptorProto.LABEL_OPTIONAL,
    "repeated": FieldDescriptorProto.LABEL_REPEATED,
}
_MESSAGES: Final[Mapping[str, tuple[tuple[int, str, str], ...]]] = {
    "PushRequest": ((1, "streams", "repeated StreamAdapter"),),
    "StreamAdapter": (
        (1, "labels", "string"),
        (2, "entries", "repeated EntryAdapter"),
        (3, "hash", "uint64"),
    ),
    "EntryAdapter": (
        (1, "timestamp", "Timestamp"),
        (2, "line", "string"),
        (3, "structuredMetadata", "repeated LabelPairAdapter"),
    ),
    "LabelPairAdapter": ((1, "name", "string"), (2, "value", "string")),
    # As google.protobuf.Timestamp, whose name does not show on the wire.
    "Timestamp": ((1, "seconds", "int64"), (2, "nanos", "int32")),
}
"""Message → number, name and type of its fields."""


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="logproto.proto", package="logproto", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            label, _, kind_name = kind.rpartition(" ")
            one = message.field.add(name=field, number=number, label=_LABELS[label])
            if kind_name in _TYPES:
                one.type = _TYPES[kind_name]
            else:
                one.type = FieldDescriptorProto.TYPE_MESSAGE
                one.type_name = f".logproto.{kind_name}"
    return file


# A pool of its own: an application may have Loki's generated messages in the default one.
_POOL: Final = DescriptorPool()
_POOL.AddSerializedFile(_file().SerializeToString())

PushRequest: Final[Any] = GetMessageClass(_POOL.FindMessageTypeByName("logproto.PushRequest"))
"""The message class."""
