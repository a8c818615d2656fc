"""crc32c: the vectors of its standard, in pieces, and the mask that TensorFlow stores it under."""

import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c as theirs

from headrace.checksum import crc32c, masked_crc32c


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_vectors_of_rfc_3720(data, expected):
    """Appendix B.4, whole and in two pieces."""
    assert crc32c(data) == expected
    for cut in range(len(data) + 1):
        assert crc32c(data[cut:], crc32c(data[:cut])) == expected


def test_the_mask_is_tensorboards():
    """Masked as TensorBoard's own reader expects it."""
    for data in (b"", b"a", bytes(range(256)) * 3):
        assert masked_crc32c(data) == theirs(data)
