"""ops.image: a picture as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.errors import InvalidInput
from headrace.model.prelude import check_step
from headrace.transformation._contract import PreludeOp, ValueType

__all__ = ["Image"]


@dataclass(frozen=True)
class Image(PreludeOp):
    """`ops.image(x.picture, height=32, width=32)`: the pixels of a PNG or JPEG, brought to one size, as a vector.

    Needs the extra `images`, where it is fitted and where it is served. The size is brought about by areas, in whole
    numbers, so that every machine comes to the same bytes; proportions are not kept. What a camera says of its
    orientation (EXIF) is not applied, transparency is dropped.

    Parameters
    ----------
    height, width : int
        Of the picture that comes out.
    channels : 1 or 3
        Grey (a coloured picture is weighed: 0.299 red, 0.587 green, 0.114 blue), or red, green and blue.

    Returns a vector of height * width * channels whole numbers from 0 to 255, row by row, a pixel's channels side by
    side. `ops.normalize_image` scales it; `ops.onnx` takes it.

    Nulls: null in every number. What is no picture, is cut short or has more than 2^25 pixels is refused with its row.
    Raises InvalidInput for a size of more than 2^18 numbers, or an input that is not binary; MissingExtra.
    Cost: decoding, some 10 ns a pixel, and 2 ns a pixel.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"pixels": ops.image(x.picture, height=8, width=8)}).text(1)
    'image(x.picture, height=8, width=8)'
    """

    height: int
    width: int
    channels: int = 1

    def __post_init__(self) -> None:
        for name in ("height", "width", "channels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise InvalidInput(f"{name} = {value!r}", expected="a whole number")
        check_step(self.step())

    def step(self) -> tuple[str | int | float | None, ...]:
        """The prelude's step."""
        return ("image", self.height, self.width, self.channels)

    def num_values(self) -> int:
        """How many numbers it gives."""
        return self.height * self.width * self.channels

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """A vector; InvalidInput for anything but binary."""
        if inputs[0].kind != "binary":
            raise InvalidInput(f"{inputs[0].kind} is no picture", expected="a binary column of PNG or JPEG")
        return ValueType("number", is_vector=True)
