"""Converters that hash, and those that make ids."""

import base64
import hashlib
import ipaddress
import os
import struct
import time
import uuid
from typing import Any, Final

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.function import Function, converter
from belvedere.collector.ottl.functions.murmur3 import murmur3_32, murmur3_128
from belvedere.collector.ottl.kinds import ANY, INT, STRING, one_of
from belvedere.collector.ottl.values import Identifier, type_name, wrapped
from belvedere.otlp.fnv import fnv1a_64


def _digest(algorithm: str) -> Function:
    def digest(value: str) -> str:
        return hashlib.new(algorithm, value.encode(), usedforsecurity=False).hexdigest()

    return converter(digest, STRING)


def fnv(value: str) -> int:
    """`FNV`: FNV-1a of 64 bits, as a signed integer."""
    return wrapped(fnv1a_64(value.encode()))


def _id(size_bytes: int) -> Function:
    def made(value: Any) -> Identifier:
        if isinstance(value, str):
            try:
                value = bytes.fromhex(value)
            except ValueError:
                raise EvaluationError(f"{value!r} is not hexadecimal") from None
        if not isinstance(value, bytes):
            raise EvaluationError(f"bytes or a string are expected, not {type_name(value)}")
        if len(value) != size_bytes:
            raise EvaluationError(f"the id needs {size_bytes} bytes, not {len(value)}")
        return Identifier(value)

    return converter(made, ANY)


def uuid7() -> str:
    """`UUIDv7`: milliseconds since the epoch, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    data = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    data[6] = data[6] & 0x0F | 0x70
    data[8] = data[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(data)))


_PROTOCOLS: Final = {"ICMP": 1, "TCP": 6, "UDP": 17, "RSVP": 46, "ICMP6": 58, "SCTP": 132}
_PORTS: Final = range(1 << 16)


def community_id(  # noqa: PLR0917 - the parameters of the converter, in its order
    source_ip: str,
    source_port: int,
    destination_ip: str,
    destination_port: int,
    protocol: str = "TCP",
    seed: int = 0,
) -> str:
    """`CommunityID`: the hash of a flow, version 1, the same in both directions."""
    for number in (source_port, destination_port, seed):
        if number not in _PORTS:
            raise EvaluationError(f"{number} is not between 0 and 65535")
    try:
        source = (ipaddress.ip_address(source_ip).packed, source_port)
        destination = (ipaddress.ip_address(destination_ip).packed, destination_port)
    except ValueError as error:
        raise EvaluationError(str(error)) from None
    first, second = sorted((source, destination))
    data = struct.pack(">H", seed) + first[0] + second[0]
    data += struct.pack(">BBHH", _PROTOCOLS[protocol], 0, first[1], second[1])
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return f"1:{base64.b64encode(digest).decode()}"


HASHES: dict[str, Function] = {
    "CommunityID": converter(community_id, STRING, INT, STRING, INT, one_of(*_PROTOCOLS), INT),
    "FNV": converter(fnv, STRING),
    "MD5": _digest("md5"),
    "Murmur3Hash": converter(lambda target: murmur3_32(target.encode()).hex(), STRING),
    "Murmur3Hash128": converter(lambda target: murmur3_128(target.encode()).hex(), STRING),
    "SHA1": _digest("sha1"),
    "SHA256": _digest("sha256"),
    "SHA512": _digest("sha512"),
    "SpanID": _id(8),
    "TraceID": _id(16),
    "UUID": Function(lambda: str(uuid.uuid4()), (), pure=False),
    "UUIDv7": Function(uuid7, (), pure=False),
}
