"""Decoding of PNG and JPEG by Pillow: bytes to pixels, and nothing else of what Pillow can do.

PNG is exact, whoever decodes it. JPEG is not: a decoder may round its cosine transform and its colours as it likes, so
what this one makes of six small pictures (baseline and progressive, whole and halved colours, odd sizes, grey) is part
of a model's signature, and a host whose decoder makes something else of them does not serve it.
"""

from __future__ import annotations

import functools
import hashlib
import io
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError, features

from headrace.errors import InvalidInput

__all__ = ["Images"]

_FORMATS = ("PNG", "JPEG")


class Images:
    """Pixels of a picture's bytes.

    Orientation that a camera wrote down (EXIF) is not applied: pixels are what the file stores, as TensorFlow's and
    PyTorch's decoders have them. Transparency is dropped, not blended.
    """

    @functools.cached_property
    def version(self) -> str:
        """The decoder of JPEG, for messages; what counts is `fingerprint`."""
        return f"libjpeg-turbo {features.version_feature('libjpeg_turbo') or features.version_codec('jpg')}"

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 of what becomes of the probes. Cost: about 2 ms, once."""
        found = hashlib.sha256()
        for probe in _probes():
            pixels = self.decode(probe, most_pixels=1 << 20)
            found.update(repr(pixels.shape).encode() + pixels.tobytes())
        return found.hexdigest()

    def decode(self, data: bytes, *, most_pixels: int) -> npt.NDArray[np.uint8]:
        """uint8[height, width, 1 or 3] of PNG or JPEG: grey, or red, green and blue.

        Of 16 bits a value the upper eight are kept. Raises InvalidInput for anything else, for what is cut short, and
        for more than `most_pixels` before they are made: a small file may say that it is a large picture.
        Cost: some 10 ns a pixel.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                if data.startswith(b"\x89PNG"):  # of which Pillow reads what is cut short, if only the pixels are there
                    with Image.open(io.BytesIO(data), formats=_FORMATS) as whole:
                        whole.verify()
                with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                    width, height = image.size
                    if width * height > most_pixels:
                        raise InvalidInput(
                            f"a picture of {width:,} x {height:,}", expected=f"at most {most_pixels:,} pixels"
                        )
                    image.load()
                    return _pixels(image)
        except InvalidInput:
            raise
        except UnidentifiedImageError:  # its message has an address of memory in it
            raise InvalidInput("no picture that can be read", expected="PNG or JPEG") from None
        except Exception as error:  # Pillow raises whatever its parsers meet: struct.error, SyntaxError, zlib.error ...
            raise InvalidInput(f"no picture that can be read: {error}"[:200], expected="PNG or JPEG, whole") from None


def _pixels(image: Any) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I"):  # 16 bits of grey
        return (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)[:, :, np.newaxis]
    if image.mode in ("1", "L", "LA"):
        return np.asarray(image.convert("LA" if image.mode == "LA" else "L")).reshape(*image.size[::-1], -1)[:, :, :1]
    if image.mode in ("P", "PA", "RGBA", "RGB"):
        return np.asarray(image.convert("RGBA" if image.mode != "RGB" else "RGB"))[:, :, :3]
    raise InvalidInput(f"a picture in {image.mode}", expected="grey, or red, green and blue", fix="convert it before")


def _probes() -> list[bytes]:
    """Small pictures of JPEG whose bytes do not depend on the encoder here: they are kept as text."""
    import base64

    return [base64.b64decode(text) for text in _PROBES]


_PROBES: tuple[str, ...] = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC"
    "0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/wAARCAAR"
    "AA8DASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhBy"
    "JxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKT"
    "lJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAA"
    "AAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRom"
    "JygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExc"
    "bHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDyfRPD0axLsCElc9Ackjp7H/P07nT/AAyjRSxwxIXAAGefQ5z/"
    "AJ/x6zRNBUQBgGUbcEAY5PY8Yzz/AJ79zY+Hh5RRUAVhuAbPY4/Mfj1Nebjs3g6UkpR+BdvNd9/u+bZ18I8Ru8bsNE/1Sf7jfyFdpY/dk+qf+g"
    "miivmcy/3aH/bv/pB+fcIdPU//2Q==",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGB"
    "YUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAQ"
    "ABADAREAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhBy"
    "JxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKT"
    "lJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAA"
    "AAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRom"
    "JygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExc"
    "bHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwD5Q8G/CuBdMiEccQuTHsZQokkYlc54yVwT/j7ezjM2ybCZRr7J"
    "1HSv9icpSnD5uEqcvRq1/ecr0p4bz6bk222r77L8d7/8E9t8LfCS1gS3ULGmdsbNwzDnO/JPHTGAPbqMn5zP8fkGHwssKpUm3KEfd5ZvlU4uVR"
    "Tim9Y3VlrJO3KuXmq/1dwvxFOolPV7vqldrRa/Jr0T10PbfBvwtQaafLjkZ1hwrIMZdlKMGz15JA56DjHQ/DT4rw+F4f5MM3/CUW4wmlecYqSq"
    "ScbPV2XK2n7qXLaftP8ALXhnO266b2b2fZbWtt3/ADv09v8ACXwlQxRJ5YeNmDqkqkM3QnsAMAHOM/e618xm/EWGoYaEaacoT96EJqSbcZR91X"
    "XJBwham3Dn5ueUpSaa5v6w4Y4gmnbnWna3bfe/o/8Agn//2Q==",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEExNDk7Pj4+JS5ESU"
    "M8SDc9Pjv/2wBDAQoLCw4NDhwQEBw7KCIoOzs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozv/wAARCAAJ"
    "ABcDASEAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhBy"
    "JxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKT"
    "lJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAA"
    "AAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRom"
    "JygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExc"
    "bHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDnrXwfEI8+WCQOMck1rweDolCr5aqMgevTr/WsamPwvI03G9vJ"
    "6u/39/K5z5ZmjutTXg8GxFBmMJg8nHP5iiuCeLwUpvndvRN/kmv1PuqOby5FZmtY/d/4Aa1Yf9Sn1NcNX/d4/wCH9T8Ty02oukf+6f6UVx4j+N"
    "L5f+ko++w/8Nf11P/Z",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PT"
    "gyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjL/wgARCAAR"
    "ABMDASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAAAAUGBP/EABgBAAIDAAAAAAAAAAAAAAAAAAIGAwQF/9oADAMBAAIQAxAAAAHN0qtCII"
    "7TKzBx0gEagA3f/8QAGxAAAgIDAQAAAAAAAAAAAAAAAAIBAxMhMiL/2gAIAQEAAQUCSjS0QYYEo8pQYROVF5//xAAXEQEBAQEAAAAAAAAAAAAA"
    "AAAEAAEQ/9oACAEDAQE/AQtsbC5//8QAHxEAAgAFBQAAAAAAAAAAAAAAAAECAwQysRExQVGB/9oACAECAQE/AY6lacbDqYe8Ey1eYJdiP//EAB"
    "YQAQEBAAAAAAAAAAAAAAAAABAxAf/aAAgBAQAGPwIhDH//xAAfEAACAgEEAwAAAAAAAAAAAAAAAREhQTFhkaGxwfD/2gAIAQEAAT8hThZCVI3v"
    "QikOYwU8rFHP3B0Gey8Ggf/aAAwDAQACAAMAAAAQ/wDvwP/EABkRAAIDAQAAAAAAAAAAAAAAAAABESExgf/aAAgBAwEBPxC9WNjTXB6f/8QAHh"
    "EAAgEDBQAAAAAAAAAAAAAAAAERYaHwIVFxgbH/2gAIAQIBAT8Qn9ejlb5VslOY4qXAWq8P/8QAIRABAAICAQMFAAAAAAAAAAAAAREhAEExgaHw"
    "EFGR0eH/2gAIAQEAAT8Qt+bW11FVGEDkYUBSzeEJ2n7YUFqdLSL8/Qg3Iptx0NnXEIKnm5H4lGeL9n0Ht8//2Q==",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJC"
    "IeJBweHx7/wAALCAANAAsBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIh"
    "MUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhI"
    "WGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/AOC/"
    "ZlD4tH3hCjZGIxyR7kY6AYPPQV96aDIx0a0IQNujDE4PU8noMde4r4H/AGY5gTD+7XKqBn165H04r708NB59CtJvOkXcmSMg9zX/2Q==",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8yb"
    "qmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAI"
    "AAgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAL/xAAYEAEBAAMAAAAAAAAAAAAAAAABAAQFIv/EABUBAQEAAAAAAAAAAAAAAAAAAA"
    "MF/8QAHBEAAQMFAAAAAAAAAAAAAAAAAwABAgQREhMh/9oADAMBAAIRAxEAPwCcTWAHJJKUc08rJKU89bdX/9k=",
)
