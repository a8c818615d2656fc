"""One column of one batch, as the kernels read it: numbers as int64 or float64, text as codes into a dictionary."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput, UnknownName
from headrace.fold._contract import Groups, Rows
from headrace.fold._paths import follow
from headrace.fold.kernels.encoding import encode_texts
from headrace.fold.kernels.native import Bits, bits_of_mask, library, pointer
from headrace.kinds import Kind, canonical_array, kind_of

__all__ = ["Column", "bits_to_bools", "plain_texts", "read_column", "value_type"]

# Kinds of which rows are counted alone.
_COUNTED = frozenset({"null", "list", "struct", "decimal", "duration", "time", "other"})

_NUMPY = {
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "halffloat": np.float16,
    "float": np.float32,
    "double": np.float64,
}


@dataclass(frozen=True)
class Column:
    """What `read_column` hands to a fold. Rows left out (a negative group) are gone already.

    Parameters
    ----------
    num_rows : int
        Rows that count, null or not.
    num_missing : int
        Nulls among them.
    values : int8 .. int64[num_rows] or float64[num_rows] or None
        Numbers, or codes into `dictionary` for text; anything at all where not valid. None for kinds without values.
    groups : int32[num_rows] or None
        None when every row is in group 0.
    dictionary : pyarrow.Array or None
        The texts that codes stand for, of any text type; may hold equal texts twice, never a null that a valid code
        means.
    bitmap : (pyarrow.Buffer, offset in bits) or None
        Which rows are valid, as Arrow has it.
    mask : bool[num_rows] or None
        Which rows are valid, where that is no longer Arrow's bitmap. Neither: all are.
    edges : (float, float, int) or None
        Of floats that are all valid, finite and not -0.0: the smallest, the largest and how many are zero. None where
        nobody has looked.
    """

    num_rows: int
    num_missing: int
    values: npt.NDArray[Any] | None
    groups: Groups | None
    dictionary: pa.Array | None = None
    bitmap: tuple[pa.Buffer, int] | None = None
    mask: npt.NDArray[np.bool_] | None = None
    edges: tuple[float, float, int] | None = None

    @functools.cached_property
    def valid(self) -> npt.NDArray[np.bool_] | None:
        """bool[num_rows], False where null; None when nothing is null."""
        if self.mask is not None or self.bitmap is None:
            return self.mask
        return bits_to_bools(*self.bitmap, self.num_rows)

    @property
    def bits(self) -> Bits:
        """The same for compiled kernels."""
        if self.mask is not None:
            return bits_of_mask(self.mask)
        if self.bitmap is None:
            return 0, 0, None
        return self.bitmap[0].address, self.bitmap[1], self.bitmap[0]

    def take(self, index: npt.NDArray[np.int64]) -> Column:
        """The rows at these places; `num_missing` is not kept up."""
        return Column(
            len(index),
            0,
            None if self.values is None else self.values[index],
            None if self.groups is None else self.groups[index],
            self.dictionary,
            mask=None if self.valid is None else self.valid[index],
        )

    def kept(self) -> tuple[npt.NDArray[Any] | None, Groups | None]:
        """The valid values (int64, or float64 with -0.0 as 0.0) and their groups; (None, None) without values."""
        values, groups = self.values, self.groups
        if values is None:
            return None, None
        if self.edges is not None:
            return values, groups
        if values.dtype != np.float64:
            values = values.astype(np.int64, copy=False)
        native, (address, offset, _held) = library(), self.bits
        if native is not None and groups is None and values.dtype == np.int64 and address:
            found = np.empty(len(values) + 1, np.int64)
            number = native.hr_keep_i64(pointer(values), address, offset, len(values), pointer(found))
            return found[:number], None
        if self.valid is not None:
            index = np.flatnonzero(self.valid)
            values, groups = values[index], None if groups is None else groups[index]
        return (values + 0.0 if values.dtype == np.float64 else values), groups


def value_type(kind: Kind) -> Any:
    """How a kind's values are kept in states: np.int64, np.float64, or None for text and binary (large_binary)."""
    return {"number": np.float64, "text": None, "binary": None}.get(kind, np.int64)


def bits_to_bools(buffer: pa.Buffer, offset: int, length: int) -> npt.NDArray[np.bool_]:
    """An Arrow bitmap as bool[length]. Cost: about 0.2 ns a bit."""
    first = offset // 8
    packed = np.frombuffer(buffer, np.uint8)[first : (offset + length + 7) // 8]
    return np.unpackbits(packed, count=offset - 8 * first + length, bitorder="little")[offset - 8 * first :].view(
        np.bool_
    )


def _bitmap(array: pa.Array) -> tuple[pa.Buffer, int] | None:
    if array.null_count == 0 or len(array) == 0:
        return None
    return array.buffers()[0], array.offset


def _plain(array: pa.Array, dtype: Any) -> npt.NDArray[Any]:
    """The values buffer as NumPy, whatever is under nulls."""
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.zeros(len(array), dtype)
    size = np.dtype(dtype).itemsize
    return np.frombuffer(buffer, dtype, count=len(array), offset=array.offset * size)


def _numbers(array: pa.Array, kind: Kind, name: str) -> npt.NDArray[Any]:
    data_type = array.type
    target = value_type(kind)
    if pa.types.is_boolean(data_type):
        buffer = array.buffers()[1]
        if buffer is None:
            return np.zeros(len(array), target)
        flags = bits_to_bools(buffer, array.offset, len(array)).view(np.int8)
        return flags if target is np.int64 else flags.astype(target)
    if pa.types.is_timestamp(data_type) and data_type.unit == "us":
        return _plain(array, np.int64)
    if str(data_type) in _NUMPY:
        values = _plain(array, _NUMPY[str(data_type)])
        is_narrow = target is np.int64 and values.dtype.kind == "i"  # kernels widen as they go
        return values if is_narrow else values.astype(target, copy=False)
    return _plain(canonical_array(array, name=name), target)


def _bits(array: pa.Array) -> tuple[pa.Buffer, int]:
    return array.buffers()[1], array.offset


def _text(array: pa.Array, groups: Groups | None) -> Column:
    """The codes and dictionary of an array of text or bytes."""
    if not pa.types.is_dictionary(array.type):
        if pa.types.is_string_view(array.type):
            array = array.cast(pa.large_string())
        elif pa.types.is_binary_view(array.type) or pa.types.is_fixed_size_binary(array.type):
            array = array.cast(pa.large_binary())
        array = encode_texts(array)
    codes, dictionary = array.indices, array.dictionary
    values = _plain(codes, _NUMPY.get(str(codes.type), np.int64))
    if values.dtype.kind == "u":
        values = values.astype(np.int64)
    bitmap, mask, num_missing = _bitmap(codes), None, codes.null_count
    if dictionary.null_count:  # a code may stand for null: push it up into the validity
        mask = bits_to_bools(*bitmap, len(codes)) if bitmap else np.ones(len(codes), np.bool_)
        present = bits_to_bools(dictionary.buffers()[0], dictionary.offset, len(dictionary))
        mask = mask & present[np.where(mask, values, 0)]
        bitmap, num_missing = None, len(codes) - int(np.count_nonzero(mask))
    return Column(len(codes), num_missing, values, groups, dictionary, bitmap, mask)


def plain_texts(rows: Rows, name: str, kind: Kind, path: tuple[str, ...] = ()) -> pa.Array | None:
    """The column as large_binary, where it is text or bytes of this kind and no dictionary; else None."""
    index = rows.batch.schema.get_field_index(name)
    if index < 0 or path or kind_of(rows.batch.column(index).type) != kind:
        return None
    array = rows.batch.column(index)
    if pa.types.is_dictionary(array.type):
        return None
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    return (
        array.view(pa.binary()).cast(pa.large_binary())
        if pa.types.is_string(array.type)
        else array.cast(pa.large_binary())
    )


def read_column(rows: Rows, name: str, kind: Kind, groups: Groups | None, path: tuple[str, ...] = ()) -> Column:
    """Read one column of a batch, or what lies at a path in it, for a fold of this kind.

    Rows with a negative group are left out. Integers and booleans may be read as numbers.
    Raises UnknownName when the batch lacks the column, InvalidInput when it holds another kind.
    Cost: no copy for int64, float64, timestamp[us] and dictionaries.
    """
    batch = rows.batch
    index = batch.schema.get_field_index(name)
    if index < 0:
        raise UnknownName("column", name, batch.schema.names)
    array = batch.column(index)
    if groups is not None and len(groups) and int(groups.min()) < 0:
        kept = np.flatnonzero(groups >= 0)
        groups = groups[kept]
        array = array.take(pa.Array.from_buffers(pa.int64(), len(kept), [None, pa.py_buffer(kept)]))
    if path:
        array, groups = follow(array, path, groups, name)
    actual = kind_of(array.type)
    num_rows = len(array)
    if kind in _COUNTED or actual == "null":
        if actual == "null":  # has nulls and no bitmap
            return Column(num_rows, num_rows, None, groups, mask=np.zeros(num_rows, np.bool_))
        if pa.types.is_union(array.type):  # its nulls are its children's
            missing = bits_to_bools(*_bits(array.is_null()), num_rows)
            return Column(num_rows, int(missing.sum()), None, groups, mask=~missing)
        return Column(num_rows, array.null_count, None, groups, None, _bitmap(array))
    if actual != kind and not (kind == "number" and actual in ("integer", "boolean")):
        raise InvalidInput(f"column {name!r} holds {array.type}", where=f"a fold of kind {kind}", expected=kind)
    if kind in ("text", "binary"):
        return _text(array, groups)
    if pa.types.is_dictionary(array.type):
        array = canonical_array(array, name=name)
    return Column(num_rows, array.null_count, _numbers(array, kind, name), groups, None, _bitmap(array))
