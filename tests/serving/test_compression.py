"""Compression: what Python's own zlib and gzip write is read, and a bomb is not."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidRequest
from headrace.serving.compression import compress, inflate, wanted_coding


def _bare(data):
    writer = zlib.compressobj(wbits=-15)
    return writer.compress(data) + writer.flush()


@given(st.binary(max_size=3000))
def test_every_writer_is_read(data):
    """gzip, deflate with zlib's header and without, and our own."""
    assert inflate(gzip.compress(data), "gzip", 3000) == data
    assert inflate(zlib.compress(data), "deflate", 3000) == data
    assert inflate(_bare(data), "deflate", 3000) == data
    for coding in ("gzip", "deflate"):
        small = compress(data, coding)
        assert small is None or inflate(small, coding, 3000) == data
    assert data == b"" or inflate(gzip.compress(data), "gzip", len(data) - 1) is None


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data):
    """What is no stream is InvalidRequest, or happens to be one."""
    for coding in ("gzip", "deflate"):
        try:
            inflate(data, coding, 1000)
        except InvalidRequest:
            continue


def test_cut_and_followed_streams_are_refused():
    """Half a stream is no body, and neither is one with something behind it."""
    whole = gzip.compress(b"x" * 5000)
    for body in (whole[:-1], whole[: len(whole) // 2], whole + b"x", whole + whole):
        with pytest.raises(InvalidRequest):
            inflate(body, "gzip", 1 << 20)


def test_bomb_is_not_inflated():
    """A gigabyte in a megabyte takes no more memory than the limit."""
    bomb = zlib.compress(b"\0" * (1 << 26), 9)
    tracemalloc.start()
    assert inflate(bomb, "deflate", 1 << 20) is None
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_what_is_accepted():
    """Weights of zero and codings we do not have are not answered."""
    assert wanted_coding("deflate, gzip") == "deflate"
    assert wanted_coding("br;q=1.0, GZIP ; q=0.5") == "gzip"
    assert wanted_coding("gzip;q=0.0, *") == wanted_coding("") == ""
