"""Compressed bodies come out whole, in pieces of a bounded size."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amazon_q_streaming_client import ProtocolError
from amazon_q_streaming_client._decompression import pieces_of


def bare(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


Compress = Callable[[bytes], bytes]
FORMS: dict[str, list[Compress]] = {
    "gzip": [gzip.compress, lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])],
    "X-GZIP ": [gzip.compress],
    "deflate": [zlib.compress, bare],
    "identity": [lambda data: data],
    "": [lambda data: data],
}


@given(data=st.binary(max_size=2000), size=st.integers(1, 50), form=st.sampled_from(sorted(FORMS)))
def test_a_body_comes_out_whole_wherever_it_is_cut(data: bytes, size: int, form: str) -> None:
    for compress in FORMS[form]:
        body, pieces = compress(data), pieces_of(form)
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert b"".join(piece for chunk in chunks for piece in pieces(chunk)) == data


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, bare])
def test_no_piece_is_larger_than_its_bound_whatever_a_chunk_holds(compress: Compress) -> None:
    sizes = [len(piece) for piece in pieces_of("deflate")(compress(bytes(10_000_000)))]
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "\x00", "gzip,", "x" * 5000])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(ProtocolError, match="not asked for") as caught:
        pieces_of(encoding)
    assert len(str(caught.value)) < 200


@given(data=st.binary(max_size=200), form=st.sampled_from(["gzip", "deflate"]))
def test_what_is_not_compressed_is_the_typed_error_or_nothing(data: bytes, form: str) -> None:
    try:
        for _ in pieces_of(form)(data):
            pass
    except ProtocolError as error:
        assert "cannot be decompressed" in error.message
