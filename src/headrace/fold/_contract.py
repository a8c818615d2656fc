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
import math
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable
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
    kept : dict
        What folds have worked out about these rows and may be asked for again, by themselves for other groups or by
        others of the same columns: never what depends on groups. It goes with the batch.
    """

    batch: pa.RecordBatch
    row_id: npt.NDArray[np.uint64] | None = None
    weight: npt.NDArray[np.float64] | None = None
    kept: dict[Any, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)

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

    @property
    def is_spilled(self) -> bool:
        """Whether most of it lies on disk: `encode` would bring it all to memory, so such a state is not kept."""
        return False

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

    def at_once(self, rows: Rows) -> Callable[[Groups, int], ResultT] | None:
        """What answers for one cut of these rows after another, (groups, num_groups) -> result; None: nothing does.

        For rows that are all in memory and cut in several ways: what does not depend on the cut is worked out once. The
        answer is the one that `add` and `extract` give; no group is negative. Several threads may call the function.
        """
        return None


def grow(fold: Fold[StateT, Any], state: StateT, num_groups: int) -> StateT:
    """The same state with room for more groups."""
    if state.num_groups == num_groups:
        return state
    return fold.merge(fold.create(num_groups), state, np.arange(state.num_groups, dtype=np.int32))


_ENCODING = 2


@functools.cache
def _fields(cls: type[State]) -> tuple[tuple[str, type[State] | None], ...]:
    """The fields of a state's class, in order; beside its name the class of one that is a state itself."""
    hints = typing.get_type_hints(cls)
    nested = [hints[item.name] for item in dataclasses.fields(cls)]
    return tuple(
        (item.name, hint if isinstance(hint, type) and issubclass(hint, State) else None)
        for item, hint in zip(dataclasses.fields(cls), nested, strict=True)
    )


@functools.lru_cache(maxsize=4096)
def _state_class(fold: Fold[Any, Any]) -> type[State]:
    return type(fold.create(0))


def _leaves(state: State, path: str, found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    for name, nested in _fields(type(state)):  # type: ignore[arg-type]  # mypy does not know that classes are hashable
        value = getattr(state, name)
        if nested is not None:
            _leaves(value.canonical(), f"{path}{name}.", found)
        else:
            found.append((f"{path}{name}", value))
    return found


def encode(fold: Fold[Any, Any], state: State) -> bytes:
    """A state as bytes: its canonical form's arrays as one Arrow IPC stream, with class and version.

    Arrays of one type share a column, one after the other, under a header that says which is which: a column each
    would cost more than the arrays. Equal states give equal bytes. Cost: one copy of the arrays, and some 100 us.
    """
    state = state.canonical()
    notes: list[str] = []  # as texts, because a list for each would take longer to write than its array
    plain: dict[str, Any] = {}
    flats: dict[str, list[npt.NDArray[Any]]] = {}
    columns: dict[str, pa.Array] = {}
    for name, value in _leaves(state, "", []):
        if isinstance(value, np.ndarray):
            flat = np.ascontiguousarray(value).reshape(-1)
            if flat.dtype == np.bool_:
                flat = flat.view(np.uint8)
            if flat.dtype.kind not in "iuf":
                raise TypeError(f"{type(state).__name__}.{name}: {value.dtype} cannot be stored in a state")
            flats.setdefault(flat.dtype.str, []).append(flat)
            notes.append(" ".join([name, value.dtype.str, flat.dtype.str, *map(str, value.shape)]))
        elif isinstance(value, pa.Array):
            # Rebuilt, so that an offset or a hidden slice of a larger buffer cannot show in the bytes.
            columns[name] = pa.concat_arrays([value.slice(0, 0), value])
        else:
            plain[name] = value
    for dtype, arrays in sorted(flats.items()):
        joined = np.concatenate(arrays)
        columns[dtype] = pa.Array.from_buffers(
            pa.from_numpy_dtype(joined.dtype), len(joined), [None, pa.py_buffer(joined)]
        )
    lists = [_as_one(items) for items in columns.values()]
    header = {
        "format": _ENCODING,
        "class": type(state).__qualname__,
        "fold": type(fold).__qualname__,
        "version": fold.version,
        "arrays": notes,
        "plain": plain,
    }
    schema = pa.schema(
        [pa.field(name, column.type) for name, column in zip(columns, lists, strict=True)],
        metadata={b"headrace": to_canonical(header)},
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(lists, schema=schema))
    return sink.getvalue()


def _as_one(items: pa.Array) -> pa.Array:
    """The array as the one value of a list column, so that columns of any lengths make a batch."""
    offsets = np.array([0, len(items)], dtype=np.int64)
    return pa.LargeListArray.from_arrays(pa.Array.from_buffers(pa.int64(), 2, [None, pa.py_buffer(offsets)]), items)


def decode(fold: Fold[StateT, Any], data: bytes) -> StateT:
    """Read what `encode` wrote for this fold.

    Raises InvalidInput when the bytes are of another class or version, or damaged.
    """
    cls = _state_class(fold)
    try:
        with pa.ipc.open_stream(data) as reader:
            schema, batch = reader.schema, reader.read_next_batch()
        header = from_canonical(schema.metadata[b"headrace"])
        expected = {
            "format": _ENCODING,
            "class": cls.__qualname__,
            "fold": type(fold).__qualname__,
            "version": fold.version,
        }
        notes, values = header.pop("arrays"), header.pop("plain")
        if header != expected:
            raise InvalidInput(f"these bytes are a state of {header}", expected=str(expected))
        values |= {name: batch.column(index).values for index, name in enumerate(schema.names)}
        read: dict[str, tuple[npt.NDArray[Any], int]] = {}
        for note in notes:
            name, dtype, stored, *lengths = note.split(" ")
            shape = [int(length) for length in lengths]
            if stored not in read:
                items = values[stored]
                raw = np.frombuffer(items.buffers()[1] or b"", dtype=stored, count=len(items))
                read[stored] = raw.copy(), 0  # folds change states in place
            flat, start = read[stored]
            size = math.prod(shape)
            read[stored] = flat, start + size
            values[name] = flat[start : start + size].view(dtype).reshape(shape)
        return typing.cast(StateT, _build(cls, values, ""))
    except InvalidInput:
        raise
    except (pa.ArrowException, OSError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise InvalidInput(f"these bytes are not a stored state: {error}", fix="delete .headrace/states") from error


def _build(cls: type[State], values: dict[str, Any], path: str) -> State:
    arguments: dict[str, Any] = {}
    for name, nested in _fields(cls):  # type: ignore[arg-type]
        if nested is not None:
            arguments[name] = _build(nested, values, f"{path}{name}.")
        else:
            arguments[name] = values[f"{path}{name}"]
    return cls(**arguments)
