"""Which rows of a data set's fragments count: one bit a row, kept only where some do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput

__all__ = ["Selection"]

Mask = npt.NDArray[np.bool_]
_EMPTY: Mapping[tuple[str, int], tuple[int, bytes]] = MappingProxyType({})


@dataclass(frozen=True)
class Selection:
    """Fragments of which only some rows count; all others count whole.

    Parameters
    ----------
    bits : mapping of (span, fragment index) to (num_rows, packed bits)
        A set bit = the row counts; least significant bit first.

    >>> chosen = Selection().narrow("all", 0, np.array([True, False, True]), 3)
    >>> chosen.count("all", 0), chosen.mask("all", 0).tolist(), chosen.mask("all", 1)
    (2, [True, False, True], None)
    """

    bits: Mapping[tuple[str, int], tuple[int, bytes]] = field(default_factory=lambda: _EMPTY)

    def mask(self, span: str, fragment_index: int) -> Mask | None:
        """True where a row of the fragment counts; None when all do."""
        found = self.bits.get((span, fragment_index))
        if found is None:
            return None
        num_rows, packed = found
        return np.unpackbits(np.frombuffer(packed, np.uint8), count=num_rows, bitorder="little").view(np.bool_)

    def count(self, span: str, fragment_index: int) -> int | None:
        """How many rows of the fragment count; None when all do."""
        mask = self.mask(span, fragment_index)
        return None if mask is None else int(mask.sum())

    def narrow(self, span: str, fragment_index: int, mask: Mask, num_rows: int) -> Selection:
        """Keep, of the rows that count until now, those where `mask` is true; `num_rows` are in the fragment."""
        mask = np.asarray(mask, dtype=np.bool_)
        before = self.mask(span, fragment_index)
        expected = num_rows if before is None else int(before.sum())
        if len(mask) != expected:
            raise InvalidInput(
                f"a mask of {len(mask):,} rows",
                where=f"span {span}, fragment {fragment_index}",
                expected=f"{expected:,}",
            )
        if mask.all():
            return self
        whole = mask
        if before is not None:
            whole = np.zeros(num_rows, dtype=np.bool_)
            whole[np.flatnonzero(before)[mask]] = True
        packed = np.packbits(whole, bitorder="little").tobytes()
        return Selection(MappingProxyType({**self.bits, (span, fragment_index): (num_rows, packed)}))

    def to_table(self) -> pa.Table:
        """As a table (span, fragment, num_rows, bits), sorted, for the artifact."""
        items = sorted(self.bits.items())
        return pa.table(
            {
                "span": pa.array([span for (span, _), _ in items], pa.string()),
                "fragment": pa.array([index for (_, index), _ in items], pa.int64()),
                "num_rows": pa.array([rows for _, (rows, _) in items], pa.int64()),
                "bits": pa.array([packed for _, (_, packed) in items], pa.binary()),
            }
        )

    @classmethod
    def from_table(cls, table: pa.Table) -> Selection:
        """Read what `to_table` gave."""
        rows = table.to_pylist()
        return cls(MappingProxyType({(r["span"], r["fragment"]): (r["num_rows"], r["bits"]) for r in rows}))
