"""Pictures on every road: decoded, brought to one size by exact areas, in a lane of their own."""

import base64
import json
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, InvalidRequest, InvalidSchema
from headrace.model import Codec, InputColumn
from headrace.model.images import decoder, picture, resized
from headrace.model.prelude import Derived
from headrace.testing.codec_cases import CodecCases, equal_lanes, png_of


def derived(name, height, width, channels=1):
    """A picture of this size."""
    size = ("image", height, width, channels)
    values = height * width * channels
    return Derived(f'{name}@[["image", {height}]]', "number", (size,), width=values, decoder=decoder().fingerprint)


PICTURE = InputColumn("p", "binary", derived=(derived("p", 2, 3), derived("p", 1, 2, 3)))


class TestPictures(CodecCases):
    """Pictures beside other columns, in two sizes, one in a struct, one that may not be null."""

    columns = (
        InputColumn("i", "integer"),
        PICTURE,
        InputColumn("t", "text"),
        InputColumn("q", "binary", False, derived=(derived("q", 3, 1),)),
        InputColumn("s.p", "binary", derived=(derived("s.p", 2, 2),), path=("s", "p")),
    )


def by_fractions(pixels, height, width):
    """The definition: the mean of what a pixel covers, in fractions, rounded half up."""
    found = np.zeros((height, width), np.uint8)
    ratio_y, ratio_x = Fraction(len(pixels), height), Fraction(len(pixels[0]), width)
    for y in range(height):
        for x in range(width):
            total = Fraction(0)
            for j, row in enumerate(pixels):
                part = min(Fraction(j + 1), (y + 1) * ratio_y) - max(Fraction(j), y * ratio_y)
                for i, value in enumerate(row):
                    wide = min(Fraction(i + 1), (x + 1) * ratio_x) - max(Fraction(i), x * ratio_x)
                    if part > 0 and wide > 0:
                        total += part * wide * int(value)
            found[y, x] = int(total / (ratio_y * ratio_x) + Fraction(1, 2))
    return found


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 2), (7, 5), (4, 11), (13, 1)])
def test_sizes_are_exact(size):
    """Smaller, larger, one of each; by fractions. White stays white, and a whole part is the plain mean."""
    pixels = np.random.default_rng(5).integers(0, 256, (7, 5)).astype(np.uint8)
    assert np.array_equal(resized(pixels[:, :, np.newaxis], *size)[:, :, 0], by_fractions(pixels.tolist(), *size))
    white = np.full((7, 5, 3), 255, np.uint8)
    assert (resized(white, *size) == 255).all()
    doubled = np.repeat(np.repeat(pixels, 2, axis=0), 2, axis=1)[:, :, np.newaxis]
    assert np.array_equal(resized(doubled, 7, 5)[:, :, 0], pixels)


def test_grey_and_coloured():
    """Grey is three equal channels; a colour is weighed, in thousandths, rounded half up."""
    data = png_of([b"\x00\x80\xff"])
    assert picture(data, 1, 3, 1).tolist() == [0, 128, 255]
    assert picture(data, 1, 3, 3).tolist() == [0, 0, 0, 128, 128, 128, 255, 255, 255]


def test_what_is_refused():
    """What is no binary, or no picture: with its row and column; text is no base64; NumPy's bytes lose zeros."""
    codec, good = Codec([PICTURE]), png_of([b"abc"])
    assert codec.from_rows([{"p": good}])["pixel"].shape == (1, 12)
    with pytest.raises(InvalidRequest, match=r"no picture that can be read \(row 1, column 'p'\)"):
        codec.from_rows([{"p": good}, {"p": b"hello"}])
    with pytest.raises(InvalidInput, match=r"no picture that can be read \(row 1, column 'p'\)"):
        codec.from_batch(pa.table({"p": [good, b"hello"]}))
    for wrong in ("aGk=", 5, {"b64": "?"}, {"b64": 5}, {"b64": "aGk=", "x": 1}, [1]):
        with pytest.raises(InvalidRequest, match=r"row 0, column 'p'"):
            codec.from_json(json.dumps({"instances": [{"p": wrong}]}).encode())
    with pytest.raises(InvalidSchema, match="column 'p' is string"):
        codec.from_batch(pa.table({"p": ["x"]}))
    with pytest.raises(InvalidRequest, match="dtype"):
        codec.from_tensors({"p": np.array([good])})
    strict = Codec([InputColumn("p", "binary", False, derived=PICTURE.derived)])
    for row in ({}, {"p": None}):
        with pytest.raises(InvalidRequest, match="null where none is allowed"):
            strict.from_rows([row])
    with pytest.raises(InvalidInput, match="null where none is allowed"):
        strict.from_batch(pa.table({"p": [good, None]}))


def test_every_arrow_type_of_binary():
    """Of fixed width, large, viewed, by a dictionary, of nulls alone, in chunks."""
    codec, one, two = Codec([PICTURE]), png_of([b"abc"]), png_of([b"xyz"])
    expected = codec.from_rows([{"p": one}, {"p": two}])
    kinds = [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())]
    for kind in [*kinds, pa.binary(len(one))] if len(one) == len(two) else kinds:
        assert equal_lanes(codec.from_batch(pa.table({"p": pa.array([one, two], pa.binary()).cast(kind)})), expected)
    chunks = pa.chunked_array([pa.array([one], pa.binary()), pa.array([two], pa.binary())])
    assert equal_lanes(codec.from_batch(pa.table({"p": chunks})), expected)
    nulls = codec.from_batch(pa.table({"p": pa.nulls(2)}))
    assert not nulls["present"].any()
    assert not nulls["pixel"].any()


def test_the_signature_keeps_what_decoded_it():
    """As plain data and back; an older reader is told to upgrade by the prelude's version."""
    assert InputColumn(**PICTURE.to_plain()) == PICTURE
    assert {item["version"] for item in PICTURE.to_plain()["derived"]} == {3}
    for size in (("image", 0, 1, 1), ("image", 1, 1, 2), ("image", 1000, 1000, 1), ("image", 1, 1)):
        with pytest.raises(InvalidInput):
            Derived("x", "number", (size,))


def test_rows_at_once_are_bounded():
    """Where pictures are large, fewer are read at a time."""
    large = Codec([InputColumn("p", "binary", derived=(derived("p", 512, 512),))])
    assert large.most_rows(16_384) == 113
    assert Codec([InputColumn("a", "number")]).most_rows(16_384) == 16_384
    assert base64.b64encode(b"") == b""
