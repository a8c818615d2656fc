"""Checksums of TFRecord files: crc32c, and the mask they are stored under.

TensorBoard's event files are TFRecords too. Source: RFC 3720 appendix B.4 (Castagnoli's polynomial, reflected), and
https://github.com/tensorflow/tensorflow/blob/v2.16.1/tensorflow/core/lib/hash/crc32c.h (the mask).
"""

from __future__ import annotations

__all__ = ["crc32c", "masked", "masked_crc32c"]

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_entry(byte) for byte in range(256)]


def crc32c(data: bytes, value: int = 0) -> int:
    """The crc32c of some bytes, as a whole number below 2^32; `value` is that of the bytes before them.

    Cost: about 0.1 us a byte: whoever checks gigabytes calls the compiled kernel (`ingestion/kernels/tfrecord.c`).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    >>> crc32c(b"6789", crc32c(b"12345")) == crc32c(b"123456789")
    True
    """
    value ^= 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """A crc32c as it is stored: turned and shifted, because a crc of data that holds its own crc tells little.

    >>> hex(masked(0))
    '0xa282ead8'
    """
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The crc32c of some bytes as it is stored.

    >>> hex(masked_crc32c(bytes(32)))
    '0xfd7fffa'
    """
    return masked(crc32c(data))
