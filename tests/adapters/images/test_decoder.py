"""Bytes of pictures into pixels: what PNG and JPEG are, and nothing else, however hostile."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from headrace.adapters.images.decoder import Images, _probes
from headrace.errors import HostDiffers, InvalidInput
from headrace.lookup import find
from headrace.model import Codec, InputColumn, images
from headrace.model.prelude import Derived

RANDOM = np.random.default_rng(4)
DECODER = Images()


def written(pixels, form="PNG", mode=None, **options):
    """Bytes of a picture."""
    held = io.BytesIO()
    made = Image.fromarray(pixels)
    (made if mode is None else made.convert(mode)).save(held, form, **options)
    return held.getvalue()


def decoded(data, most=1 << 20):
    """Pixels."""
    return DECODER.decode(data, most_pixels=most)


COLOURED = RANDOM.integers(0, 256, (7, 5, 3)).astype(np.uint8)
GREY = COLOURED[:, :, 0]


def test_png_is_exact():
    """Grey, coloured, with a palette, with transparency (dropped, not blended), two colours, 16 bits (the upper 8)."""
    assert np.array_equal(decoded(written(GREY))[:, :, 0], GREY)
    assert np.array_equal(decoded(written(COLOURED)), COLOURED)
    clear = np.dstack([COLOURED, np.zeros((7, 5), np.uint8)])
    assert np.array_equal(decoded(written(clear)), COLOURED)
    few = COLOURED // 128 * 128
    assert np.array_equal(decoded(written(few, mode="P")), np.asarray(Image.fromarray(few).convert("P").convert("RGB")))
    pair = np.dstack([GREY, np.zeros((7, 5), np.uint8)])
    assert np.array_equal(decoded(written(pair))[:, :, 0], GREY)
    black = GREY > 128
    assert np.array_equal(decoded(written(black))[:, :, 0], black * np.uint8(255))
    deep = RANDOM.integers(0, 1 << 16, (3, 4)).astype(np.uint16)
    assert np.array_equal(decoded(written(deep))[:, :, 0], (deep >> 8).astype(np.uint8))


def test_jpeg_is_what_pillow_makes_of_it_and_its_orientation_is_not_applied():
    """The same pixels as Pillow's own; a tag that says "turn it" changes nothing."""
    plain = written(COLOURED, "JPEG", quality=90)
    assert np.array_equal(decoded(plain), np.asarray(Image.open(io.BytesIO(plain))))
    turned = Image.Exif()
    turned[0x0112] = 6
    data = written(COLOURED, "JPEG", quality=90, exif=turned.tobytes())
    assert np.array_equal(decoded(data), decoded(plain))


def chunk(name, data):
    """One of a PNG's."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(width, height):
    """A small PNG that says it is a large picture of zeros."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


GIF = written(GREY, "GIF")
WHOLE = written(GREY)
HOSTILE = {
    "nothing": b"",
    "text": b"hello",
    "another format": GIF,
    "another that Pillow reads": written(COLOURED, "BMP"),
    "a head alone": WHOLE[:8],
    "cut in its pixels": WHOLE[:-30],
    "cut at its end": WHOLE[:-12],
    "one bit": WHOLE[:50] + bytes([WHOLE[50] ^ 1]) + WHOLE[51:],
    "a cut JPEG": written(COLOURED, "JPEG")[:-40],
    "a billion pixels": bomb(32_000, 32_000),
    "the largest there is": bomb((1 << 31) - 1, (1 << 31) - 1),
    "no width": bomb(0, 5),
    "text that unpacks to a gigabyte": WHOLE[:33]
    + chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * (1 << 26)))
    + WHOLE[33:],
    "CMYK": written(COLOURED, "JPEG", mode="CMYK"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_refused(name):
    """One clear error each, without an address in it."""
    with pytest.raises(InvalidInput) as caught:
        decoded(HOSTILE[name])
    assert " object at 0x" not in str(caught.value)


def test_a_large_picture_is_refused_before_it_is_made():
    """By what its head says, in little memory."""
    with pytest.raises(InvalidInput, match="at most 10 pixels"):
        decoded(WHOLE, most=10)
    code = (
        "import resource, sys\n"
        "from headrace.adapters.images.decoder import Images\n"
        "decoder = Images(); decoder.fingerprint\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))\n"
        "try:\n    decoder.decode(sys.stdin.buffer.read(), most_pixels=1 << 25)\n"
        "except Exception as error:\n    print(type(error).__name__)"
    )
    found = subprocess.run([sys.executable, "-c", code], input=bomb(30_000, 30_000), capture_output=True, check=True)
    assert found.stdout.strip() == b"InvalidInput"


def test_the_fingerprint_is_of_what_comes_out(monkeypatch):
    """The same here always; another where one probe comes out otherwise, and then no codec reads pictures with it."""
    assert Images().fingerprint == DECODER.fingerprint == find("decoder", "images")().fingerprint
    assert len(_probes()) == 6

    class Other(Images):
        """Rounds one value otherwise."""

        def decode(self, data, *, most_pixels):
            pixels = super().decode(data, most_pixels=most_pixels).copy()
            pixels[0, 0, 0] ^= 1
            return pixels

    other = Other()
    assert other.fingerprint != DECODER.fingerprint
    size = ("image", 2, 2, 1)
    derived = Derived('p@[["image"]]', "number", (size,), width=4, decoder=DECODER.fingerprint)
    column = InputColumn("p", "binary", derived=(derived,))
    assert Codec([column]).from_rows([{"p": WHOLE}])["pixel"].shape == (1, 4)
    monkeypatch.setattr(images, "decoder", lambda: other)
    with pytest.raises(HostDiffers, match="JPEG is decoded to other pixels here, by libjpeg"):
        Codec([column])
