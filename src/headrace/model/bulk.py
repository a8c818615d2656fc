"""Bulk: a model's answers to all rows of a data set, as a data set of their own, a batch at a time.

The rows go through the model's codec and graph as requests do, so the answers are, byte for byte, those that a server
gives to the same rows, whatever the batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace import progress
from headrace.dataset import Dataset, Fragment, Part, Roles, Span
from headrace.dataset.reading import FragmentReader
from headrace.dataset.temporary import TemporaryReader
from headrace.errors import InvalidInput, UnknownName
from headrace.model._model import Model
from headrace.model.asking import Asked

__all__ = ["predict"]

_BATCH_ROWS = 16_384
_OUTPUTS = ("prediction", "margin")
_ROW = "row"


def predict(model: Model, dataset: Dataset, *, keep: Sequence[str] = ()) -> Dataset:
    """What a model answers to every row of a data set.

    For scoring a whole table in a pipeline; what comes of it is stored, cached and handed on as any data set, and
    `headrace datasets show` names its files. For a file without a pipeline there is `headrace predict`.

    Parameters
    ----------
    model : Model
        Who is asked.
    dataset : Dataset
        Must have the model's columns; its spans, splits and the order of its rows are kept.
    keep : sequence of str
        Columns that are passed on beside the key, such as the label, so that `hr.evaluate_predictions` has it.

    Returns
    -------
    Dataset
        The key's columns (without a key `row`, int64, the row's place in its span), those kept, `prediction` float32,
        and `margin` float32 where the model has one; of several classes `predicted_class`, and the probability of
        each, `prediction_AA`.
        Roles are those of the columns that are there. Rows with a null label are answered as all others.

    Raises UnknownName for a column that is missing, InvalidInput naming span and rows for a value that the model does
    not take. Memory: a row group of the answers, and 16,384 rows. Cost: as `Model.predict`, and writing Parquet.

    >>> predict.__name__
    'predict'
    """
    passed = list(dict.fromkeys((*dataset.roles.key, *keep)))
    for name in keep:
        if name not in dataset.column_names:
            raise UnknownName("column", name, dataset.column_names, where="keep")
    outputs = {name: array.type for name, array in _outputs(model).items()}
    own = [*([] if dataset.roles.key else [_ROW]), *outputs]
    taken = [name for name in passed if name in own]
    if taken:
        raise InvalidInput(
            f"column {taken[0]!r} has the name of an answer", where="keep", expected=f"none of {', '.join(own)}"
        )
    schema = pa.schema(
        [
            *([] if dataset.roles.key else [pa.field(_ROW, pa.int64())]),
            *(dataset.shared_schema.field(name) for name in passed),
            *(pa.field(name, kind) for name, kind in outputs.items()),
        ]
    )
    spans: list[Span] = []
    readers: dict[tuple[str, int], FragmentReader] = {}
    for span in progress.track(dataset.spans, "predict", total=len(dataset.spans), unit="spans"):
        first = 0
        fragments: list[Fragment] = []
        for part in dataset.parts(None, [span.name]):
            reader = TemporaryReader(_answers(model, dataset, part, passed, schema, first), schema)
            number = sum(reader.piece_rows)
            readers[span.name, part.fragment_index] = reader
            fragments.append(Fragment("parquet", reader.name, number))
            first += number
        spans.append(Span(span.name, span.version, schema, tuple(fragments)))
    return Dataset(tuple(spans), _roles(dataset.roles, schema.names), dataset.split, _readers=readers)


def _outputs(model: Model, answers: dict[str, npt.NDArray[np.float32]] | None = None) -> dict[str, pa.Array]:
    """The columns that answers become, as `headrace predict` writes them; without answers of no rows."""
    classes = model.signature.classes
    names = ["prediction"] if classes else [name for name in model.signature.outputs if name in _OUTPUTS]
    shape = (0, len(classes)) if classes else (0,)
    found = answers or {name: np.zeros(shape, np.float32) for name in names}
    return Asked(0, {}, {name: found[name] for name in names}, classes).columns()


def _roles(roles: Roles, names: Sequence[str]) -> Roles:
    """Those of the roles whose columns are there."""

    def there(name: str | None) -> str | None:
        return name if name in names else None

    label = there(roles.label)
    return replace(
        roles,
        label=label,
        key=roles.key or (_ROW,),
        weight=there(roles.weight),
        time=there(roles.time),
        sensitive=tuple(name for name in roles.sensitive if name in names),
        positive=roles.positive if label is not None else None,
    )


def _answers(
    model: Model,
    dataset: Dataset,
    part: Part,
    passed: Sequence[str],
    schema: pa.Schema,
    first: int,
) -> Iterator[pa.RecordBatch]:
    """The answers to one fragment."""
    columns = list(dict.fromkeys((*(column.name for column in model.columns), *passed)))
    for rows in dataset.read(part, columns, batch_rows=model.codec.most_rows(_BATCH_ROWS)):
        batch = rows.batch
        try:
            lanes = model.codec.from_batch(batch)
        except InvalidInput as error:
            where = f"span {part.span}, rows from {first:,}" + (f": {error.where}" if error.where else "")
            raise type(error)(error.what, where=where, expected=error.expected, fix=error.fix) from None
        answers = model.predict_lanes(lanes, [name for name in _OUTPUTS if name in model.signature.outputs])
        found: list[Any] = []
        if not dataset.roles.key:
            places = np.arange(first, first + batch.num_rows, dtype=np.int64)
            found.append(pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)]))
        found += [_plain(batch.column(name), schema.field(name).type) for name in passed]
        found += _outputs(model, answers).values()
        yield pa.RecordBatch.from_arrays(found, schema=schema)
        first += batch.num_rows


def _plain(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The column in the type of the schema; text may come as a dictionary."""
    return array if array.type == kind else array.cast(kind)
