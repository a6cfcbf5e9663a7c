"""Bodies come out as they went in, or not at all; and never larger than the limit."""

import contextlib
import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable

import cramjam
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.otlp.compression import coding_of_grpc_message, decompress
from belvedere.otlp.errors import Malformed, TooLarge, UnsupportedEncoding

MIB = 1 << 20


def streamed_zstd(data: bytes) -> bytes:
    """Without the content's size in the header."""
    stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return stream.compress(data) + stream.flush()


def framed_snappy(data: bytes) -> bytes:
    return bytes(cramjam.snappy.compress(data)) or b"\xff\x06\x00\x00sNaPpY"


COMPRESSORS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "zstd-streamed": ("zstd", streamed_zstd),
    "snappy-framed": ("snappy", framed_snappy),
    "lz4": ("lz4", lambda data: bytes(cramjam.lz4.compress(data))),
}
each_compressor = pytest.mark.parametrize(
    ("coding", "compress"), list(COMPRESSORS.values()), ids=list(COMPRESSORS)
)


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_identity(coding: str) -> None:
    assert decompress(b"as it is", coding) == b"as it is"


@each_compressor
@settings(deadline=None, max_examples=30)
@given(content=st.binary(max_size=2000))
def test_round_trip(coding: str, compress: Callable[[bytes], bytes], content: bytes) -> None:
    assert decompress(compress(content), coding) == content


@each_compressor
def test_round_trip_of_several_pieces(coding: str, compress: Callable[[bytes], bytes]) -> None:
    content = os.urandom(MIB) + bytes(MIB)
    assert decompress(compress(content), coding) == content


@each_compressor
def test_concatenated_members_are_one_content(
    coding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = compress(b"first ") + compress(b"") + compress(b"second")
    assert decompress(body, coding) == b"first second"


def test_coding_names_have_no_case() -> None:
    assert decompress(gzip.compress(b"x"), "GZip") == b"x"


def test_a_bare_block_of_snappy() -> None:
    """As newer Collectors send it."""
    block = bytes(cramjam.snappy.compress_raw(b"content" * 100))
    assert decompress(block, "snappy") == b"content" * 100
    with pytest.raises(TooLarge):
        decompress(block, "snappy", limit_bytes=699)
    with pytest.raises(Malformed):
        decompress(block[:-1], "snappy")


@pytest.mark.parametrize(
    ("chunk", "message"),
    [(b"\x02\x01\x00\x00x", "unknown type 2"), (b"\x00\x09\x00\x00x", "cut short")],
    ids=["type", "length"],
)
def test_chunks_of_snappy_that_are_none(chunk: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        decompress(framed_snappy(b"x") + chunk, "snappy")


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "only the begin": lambda body: body[:5],
    "half": lambda body: body[: len(body) // 2],
    "without the last byte": lambda body: body[:-1],
    "followed by garbage": lambda body: body + b"garbage",
    "followed by zeros": lambda body: body + bytes(64),
    "followed by half a member": lambda body: body + body[: len(body) // 2],
    "not compressed": lambda _: b"plain text, longer than any header",
}


@each_compressor
@pytest.mark.parametrize("break_it", list(BROKEN.values()), ids=list(BROKEN))
def test_broken_streams_are_malformed(
    coding: str, compress: Callable[[bytes], bytes], break_it: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(Malformed, match=coding):
        decompress(break_it(compress(os.urandom(3000))), coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_wrong_checksum_is_malformed(coding: str) -> None:
    body = bytearray(COMPRESSORS[coding][1](b"content"))
    body[-5 if coding == "gzip" else -1] ^= 1
    with pytest.raises(Malformed):
        decompress(bytes(body), coding)


@pytest.mark.parametrize("coding", ["br", "xz", "gzip, gzip", "\N{SNOWMAN}"])
def test_unknown_codings_are_unsupported(coding: str) -> None:
    with pytest.raises(UnsupportedEncoding, match="gzip, deflate, zstd"):
        decompress(b"", coding)


@pytest.mark.parametrize(
    ("coding", "compress"),
    [("", bytes), *COMPRESSORS.values()],
    ids=["identity", *COMPRESSORS],
)
def test_the_limit_is_on_the_content_and_inclusive(
    coding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = compress(bytes(1000))
    assert len(decompress(body, coding, limit_bytes=1000)) == 1000
    with pytest.raises(TooLarge, match="999 bytes"):
        decompress(body, coding, limit_bytes=999)


@each_compressor
def test_members_add_up_to_the_limit(coding: str, compress: Callable[[bytes], bytes]) -> None:
    with pytest.raises(TooLarge):
        decompress(compress(bytes(600)) * 2, coding, limit_bytes=1000)


def bomb(coding: str, inflated_bytes: int) -> bytes:
    """A body of some KiB that would inflate to `inflated_bytes`."""
    stream = (
        zstandard.ZstdCompressor().compressobj()
        if coding == "zstd"
        else zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    )
    zeros = bytes(MIB)
    pieces = [stream.compress(zeros) for _ in range(inflated_bytes // MIB)]
    return b"".join(pieces) + stream.flush()


def test_a_bomb_of_lz4_is_refused_at_the_limit() -> None:
    with pytest.raises(TooLarge):
        decompress(bytes(cramjam.lz4.compress(bytes(128 * MIB))), "lz4", limit_bytes=4 * MIB)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_refused_without_being_inflated(coding: str) -> None:
    body = bomb(coding, 128 * MIB)
    assert len(body) < MIB
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decompress(body, coding, limit_bytes=4 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB


def test_a_zstd_header_that_asks_for_a_huge_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Malformed, match="too much memory"):
        decompress(stream.compress(b"small") + stream.flush(), "zstd")


@each_compressor
def test_empty_members_without_end_are_refused_or_cost_nothing(
    coding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = compress(b"") * 10_000
    if coding == "lz4":  # its library reads all frames in one call
        assert decompress(body, coding) == b""
        return
    with pytest.raises(Malformed, match=r"more than 4096|too many chunks"):
        decompress(body, coding)


@settings(deadline=None, max_examples=100)
@given(
    coding=st.sampled_from(["gzip", "deflate", "zstd", "snappy", "lz4"]),
    body=st.binary(max_size=300),
)
def test_random_bytes_are_content_or_malformed(coding: str, body: bytes) -> None:
    with contextlib.suppress(Malformed, TooLarge):
        decompress(body, coding, limit_bytes=MIB)


@settings(deadline=None, max_examples=100)
@given(
    name=st.sampled_from(list(COMPRESSORS)), position=st.integers(0, 400), byte=st.integers(0, 255)
)
def test_flipped_bytes_are_content_or_malformed(name: str, position: int, byte: int) -> None:
    coding, compress = COMPRESSORS[name]
    body = bytearray(compress(bytes(range(256)) * 4))
    body[position % len(body)] ^= byte
    with contextlib.suppress(Malformed, TooLarge):
        decompress(bytes(body), coding, limit_bytes=MIB)


@pytest.mark.parametrize(
    ("message", "coding"),
    [
        (b"", "identity"),
        (b"\x0a\x00", "identity"),
        (b"\x78", "identity"),
        (b"\x78\x00", "identity"),
        (gzip.compress(b"x"), "gzip"),
        (zlib.compress(b"x"), "deflate"),
        (zlib.compress(b"x", 9), "deflate"),
    ],
    ids=["empty", "request", "one byte", "no zlib header", "gzip", "zlib", "zlib best"],
)
def test_grpc_messages_show_their_coding(message: bytes, coding: str) -> None:
    assert coding_of_grpc_message(message) == coding
