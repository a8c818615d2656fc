"""A picture to numbers, the same on every machine: decoded, made grey or coloured, and brought to one size.

The size is brought about by areas: each new pixel is the mean of what it covers of the old ones, parts of pixels by
their parts, in whole numbers and rounded once (half up). No cosine, no float, no library's own filter: no machine can
come to other bytes. Decoding PNG is exact too; of JPEG the decoder's `fingerprint` is kept with the model.

It is done here rather than in the graph, because a graph would have to pad a batch's pictures to the largest of them: a
row's cost would depend on its neighbours, and memory on what a client sends.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace import lookup
from headrace.errors import HostDiffers

__all__ = ["MOST_PIXELS", "check_decoder", "decoder", "picture", "resized"]

MOST_PIXELS = 1 << 25  # of a picture as it comes: about 100 MB while it is decoded
_RED, _GREEN, _BLUE = 299, 587, 114  # thousandths of luma, ITU-R BT.601


@functools.cache
def decoder() -> Any:
    """What decodes here; MissingExtra where it is not installed."""
    return lookup.find("decoder", "images")()


def check_decoder(fingerprint: str, where: str) -> None:
    """Refuse a host that decodes JPEG otherwise than the one where features were fitted.

    Raises HostDiffers; MissingExtra where nothing decodes here.
    """
    own = decoder()
    if fingerprint and fingerprint != own.fingerprint:
        raise HostDiffers(
            f"JPEG is decoded to other pixels here, by {own.version}",
            where=where,
            expected=f"a decoder of fingerprint {fingerprint[:12]}; this one's is {own.fingerprint[:12]}",
            fix="install the version of Pillow that was used where it was fitted",
        )


def picture(data: bytes, height: int, width: int, channels: int) -> npt.NDArray[np.uint8]:
    """uint8[height * width * channels] of the bytes of a PNG or JPEG; row by row, a pixel's channels side by side.

    Raises InvalidInput for what is none. Cost: decoding, some 10 ns a pixel, and 2 ns a pixel.
    """
    pixels = decoder().decode(data, most_pixels=MOST_PIXELS)
    return resized(_in_channels(pixels, channels), height, width).reshape(-1)


def _in_channels(pixels: npt.NDArray[np.uint8], channels: int) -> npt.NDArray[np.uint8]:
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    weighed = pixels.astype(np.int32) @ np.array([_RED, _GREEN, _BLUE], np.int32)
    return ((weighed + 500) // 1000).astype(np.uint8)[:, :, np.newaxis]


def resized(pixels: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """uint8[height, width, channels] by areas; the same array where it has that size.

    >>> resized(np.array([[[0], [100], [200]]], np.uint8), 1, 2)[0, :, 0].tolist()
    [33, 167]
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    whole = pixels.shape[0] * pixels.shape[1]
    rows = _summed(pixels, height)
    sums = _summed(rows.transpose(1, 0, 2), width).transpose(1, 0, 2)
    sized: npt.NDArray[np.uint8] = ((2 * sums + whole) // (2 * whole)).astype(np.uint8)
    return sized


def _summed(values: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    """Sums over the first axis, cut into `count` equal lengths; a value counts `count` times its part in a length."""
    size = len(values)
    found = np.empty((count, *values.shape[1:]), np.int64)
    for place in range(count):
        (first, before), (last, after) = divmod(place * size, count), divmod((place + 1) * size, count)
        total = values[first:last].sum(axis=0, dtype=np.int64) * count
        if before:
            total -= values[first].astype(np.int64) * before
        if after:
            total += values[last].astype(np.int64) * after
        found[place] = total
    return found
