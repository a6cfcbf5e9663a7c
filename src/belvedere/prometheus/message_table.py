"""Protobuf messages from tables of their fields, for the small protocols of Prometheus.

    message_classes("prometheus", {"Label": '''
        1 name string
        2 value string
    '''})

A line is a field: number, name (`oneof:name` within one), type, `*` where it repeats. Enums are
declared as numbers, which is the same on the wire.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "double": _Field.TYPE_DOUBLE,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "sint32": _Field.TYPE_SINT32,
    "sint64": _Field.TYPE_SINT64,
    "string": _Field.TYPE_STRING,
}


def message_classes(
    package: str, tables: Mapping[str, str], *, syntax: str = "proto3"
) -> dict[str, Any]:
    """The message classes of a package, by name.

    They stand in a descriptor pool of their own, so that they do not meet others' of the same
    names.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax=syntax
    )
    for message_name, fields in tables.items():
        message = file.message_type.add(name=message_name)
        for line in fields.splitlines():
            if parts := line.split():
                _add_field(message, package, *parts)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in tables
    }


def _add_field(
    message: descriptor_pb2.DescriptorProto, package: str, number: str, name: str, type_name: str
) -> None:
    oneof, _, name = name.rpartition(":")
    scalar_or_message = type_name.removesuffix("*")
    field = message.field.add(name=name, number=int(number))
    field.label = _Field.LABEL_OPTIONAL if scalar_or_message == type_name else _Field.LABEL_REPEATED
    if scalar_or_message in _SCALARS:
        field.type = _SCALARS[scalar_or_message]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{package}.{scalar_or_message}"
    if oneof:
        oneofs = [each.name for each in message.oneof_decl]
        if oneof not in oneofs:
            message.oneof_decl.add(name=oneof)
            oneofs.append(oneof)
        field.oneof_index = oneofs.index(oneof)
