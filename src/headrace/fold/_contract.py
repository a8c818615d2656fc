"""What a fold is: one accumulator over Arrow batches, grouped from the start, commutative to the byte.

    state = fold.create(num_groups)
    state = fold.add(state, rows, groups)          # groups: int32[num_rows], or None when there is one group
    state = fold.merge(left, right, groups)        # right's group i joins left's group groups[i]
    result = fold.extract(state)                   # arrays of [num_groups]

A fold is a frozen dataclass: equal folds are one fold and run once a pass. Its parameters are plain data, so that it
travels as `module:name` and JSON. A state is a dataclass whose fields are NumPy arrays, Arrow arrays, plain numbers
or such dataclasses again; encoding is generic (`encode`, `decode`), nobody writes it, nobody pickles.

Laws, which `headrace.testing.FoldLaws` checks for every fold: identity (merging an empty state changes nothing),
associativity and commutativity to the byte (any split of the rows, any order, any batch size: equal `encode` bytes),
grouped equals each group alone, the encoding round-trips, empty and all-null input is fine.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import typing
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.canonical import from_canonical, to_canonical
from headrace.errors import InvalidInput

__all__ = ["ROW_ID", "Fold", "Groups", "Rows", "State", "decode", "encode", "grow"]

# A fold whose `columns` name this gets row ids; no source column can have the name, ingestion refuses it.
ROW_ID = "@row_id"

Groups = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a fold is handed: one Arrow batch, and what the data set knows about its rows.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        The columns the folds of this pass named; never changed by a fold.
    row_id : uint64[num_rows] or None
        64-bit hash of the key's values (or of span, file ordinal and row in file); made only when a fold names ROW_ID.
    weight : float64[num_rows] or None
        The data set's weight column; None when it has no such role.
    """

    batch: pa.RecordBatch
    row_id: npt.NDArray[np.uint64] | None = None
    weight: npt.NDArray[np.float64] | None = None

    @property
    def num_rows(self) -> int:
        """Rows in the batch."""
        return int(self.batch.num_rows)


@dataclass
class State:
    """The base of all states. Fields: NumPy arrays, Arrow arrays, ints, floats, texts, or nested states.

    The first axis of every array is the group, or the array is ragged: `offsets[num_groups + 1]` beside its values.
    """

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        raise NotImplementedError

    def canonical(self) -> Self:
        """The one representation that `encode` writes; override where equal contents can look different."""
        return self


StateT = TypeVar("StateT", bound=State)
ResultT = TypeVar("ResultT")


class Fold(ABC, Generic[StateT, ResultT]):
    """The contract. Subclasses are frozen dataclasses; see the module's docstring for the laws.

    `version` changes when the same rows would give other state bytes than before: kept states are then made anew.
    `ordered = True` only where commutativity is impossible (the docstring says why): merged in fragment order.
    """

    version: ClassVar[int] = 1
    ordered: ClassVar[bool] = False

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns read; ROW_ID among them asks for row ids."""

    @abstractmethod
    def create(self, num_groups: int) -> StateT:
        """A state of no rows."""

    @abstractmethod
    def add(self, state: StateT, rows: Rows, groups: Groups | None) -> StateT:
        """Add rows. May change `state`, never `rows`. A negative group leaves its row out."""

    @abstractmethod
    def merge(self, left: StateT, right: StateT, groups: Groups) -> StateT:
        """Join right's group i into left's group groups[i]. May change `left`, never `right`."""

    @abstractmethod
    def extract(self, state: StateT) -> ResultT:
        """The answer: a dataclass of arrays of [num_groups] (or whatever the fold's docstring says)."""


def grow(fold: Fold[StateT, Any], state: StateT, num_groups: int) -> StateT:
    """The same state with room for more groups."""
    if state.num_groups == num_groups:
        return state
    return fold.merge(fold.create(num_groups), state, np.arange(state.num_groups, dtype=np.int32))


@functools.cache
def _field_types(cls: type[State]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _leaves(state: Any, path: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for item in dataclasses.fields(state):
        value, name = getattr(state, item.name), f"{path}{item.name}"
        if isinstance(value, State):
            found += _leaves(value.canonical(), f"{name}.")
        else:
            found.append((name, value))
    return found


def encode(fold: Fold[Any, Any], state: State) -> bytes:
    """A state as bytes: its canonical form's arrays as one Arrow IPC stream, with class and version.

    Equal states give equal bytes. Cost: one copy of the arrays.
    """
    state = state.canonical()
    arrays: list[pa.Array] = []
    columns: list[pa.Field] = []
    for name, value in _leaves(state, ""):
        if isinstance(value, np.ndarray):
            flat = np.ascontiguousarray(value).reshape(-1)
            if flat.dtype == np.bool_:
                flat = flat.view(np.uint8)
            if flat.dtype.kind not in "iuf":
                raise TypeError(f"{type(state).__name__}.{name}: {value.dtype} cannot be stored in a state")
            items = pa.Array.from_buffers(pa.from_numpy_dtype(flat.dtype), len(flat), [None, pa.py_buffer(flat)])
            note = {"shape": list(value.shape), "dtype": value.dtype.str}
        elif isinstance(value, pa.Array):
            # Rebuilt, so that an offset or a hidden slice of a larger buffer cannot show in the bytes.
            items, note = pa.concat_arrays([value.slice(0, 0), value]), {"arrow": True}
        else:
            items, note = pa.array([], pa.int8()), {"value": value}
        offsets = pa.Array.from_buffers(pa.int64(), 2, [None, pa.py_buffer(np.array([0, len(items)], dtype=np.int64))])
        arrays.append(pa.LargeListArray.from_arrays(offsets, items))
        columns.append(pa.field(name, arrays[-1].type, metadata={b"headrace": to_canonical(note)}))
    header = {"class": type(state).__qualname__, "fold": type(fold).__qualname__, "version": fold.version}
    schema = pa.schema(columns, metadata={b"headrace": to_canonical(header)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return sink.getvalue()


def decode(fold: Fold[StateT, Any], data: bytes) -> StateT:
    """Read what `encode` wrote for this fold.

    Raises InvalidInput when the bytes are of another class or version, or damaged.
    """
    cls = type(fold.create(0))
    try:
        with pa.ipc.open_stream(data) as reader:
            schema, batch = reader.schema, reader.read_next_batch()
        header = from_canonical(schema.metadata[b"headrace"])
        expected = {"class": cls.__qualname__, "fold": type(fold).__qualname__, "version": fold.version}
        if header != expected:
            raise InvalidInput(f"these bytes are a state of {header}", expected=str(expected))
        values: dict[str, Any] = {}
        for index, column in enumerate(schema):
            note = from_canonical(column.metadata[b"headrace"])
            items = batch.column(index).values
            if "value" in note:
                values[column.name] = note["value"]
            elif note.get("arrow"):
                values[column.name] = items
            else:
                flat = np.frombuffer(items.buffers()[1] or b"", dtype=np.dtype(note["dtype"]), count=len(items))
                values[column.name] = flat.reshape(note["shape"]).copy()
        return _build(cls, values, "")
    except InvalidInput:
        raise
    except (pa.ArrowException, OSError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise InvalidInput(f"these bytes are not a stored state: {error}", fix="delete .headrace/states") from error


def _build(cls: type[StateT], values: dict[str, Any], path: str) -> StateT:
    arguments: dict[str, Any] = {}
    hints = _field_types(cls)  # type: ignore[arg-type]  # mypy does not know that classes are hashable
    for item in dataclasses.fields(cls):
        name, hint = f"{path}{item.name}", hints[item.name]
        if isinstance(hint, type) and issubclass(hint, State):
            arguments[item.name] = _build(hint, values, f"{name}.")
        else:
            arguments[item.name] = values[name]
    return cls(**arguments)
