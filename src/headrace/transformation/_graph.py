"""The transform graph: features fitted on data, as one graph that training and serving both run."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace import disk
from headrace.canonical import digest, from_canonical, to_canonical
from headrace.errors import InvalidInput, UnknownName
from headrace.fold import part_of
from headrace.lookup import Shown
from headrace.model.codec import Codec
from headrace.model.columns import InputColumn
from headrace.model.graph import GraphBuilder
from headrace.model.prelude import run_steps
from headrace.model.session import cuts_texts, open_session, run_bounded
from headrace.model.weights import FILE as WEIGHTS
from headrace.model.weights import OnnxBytes, keep, kept, read_weights, weights_of, write_weights
from headrace.transformation._contract import NUM_PARTS, Op
from headrace.transformation._cut import CutGraph, TooWide
from headrace.transformation._program import Program
from headrace.transformation._values import NodeValues
from headrace.transformation.diff import GraphDiff, diff_graphs
from headrace.transformation.expressions import Expressions, Node, node_text

__all__ = ["TransformGraph"]

_BATCH_ROWS = 8192
_TASK_ROWS = 32768
_TABLE_ROWS = 1 << 19  # what is cut at once: bounds the texts that are held
_KEYS = {"format", "expressions", "columns", "constants"}
_FEW_ROWS = 1024  # so few pay for no further sessions


class TransformGraph(Shown):
    """Raw columns in, a float32 matrix of features out; fitted, immutable, an artifact.

    Parameters
    ----------
    program : Program
        Expressions, columns and constants. Made by `transform`, not by hand.

    Nulls leave as NaN. A row's features do not depend on the rows around it, to the byte.
    Cost: about 5 us and 0.3 us a node for one row.

    Examples
    --------
    >>> from headrace.dataset import Dataset
    >>> from headrace.transformation import transform
    >>> graph = transform(lambda x: {"far": x.distance > 1000}, Dataset.from_arrow(pa.table({"distance": [1400]})))
    >>> graph.explain({"distance": 762})
    {'x.distance': 762, '(x.distance > 1000)': False, 'far': 0.0}
    """

    kind = "transform_graph"

    def __init__(self, program: Program) -> None:
        self._program = program
        # Spans without splits it was fitted on in this process, and their rows: what training warns of. Not stored.
        self.fitted_whole: dict[str, int] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TransformGraph) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"TransformGraph({len(self.feature_names)} features of {len(self.columns)} columns)"

    @property
    def columns(self) -> tuple[InputColumn, ...]:
        """The raw columns read, in the graph's order."""
        return self._program.columns

    @property
    def expressions(self) -> Expressions:
        """What was traced."""
        return self._program.expressions

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features, in the order of the matrix's columns."""
        return tuple(name for name, _ in self.expressions.features)

    @property
    def feature_kinds(self) -> tuple[str, ...]:
        """ "numeric", "categorical" (codes whose order means nothing) or "vector" (several numbers), by feature."""
        types = [self._program.types[index] for _, index in self.expressions.features]
        return tuple(
            "vector" if item.is_vector else "categorical" if item.is_categorical else "numeric" for item in types
        )

    @functools.cached_property
    def feature_widths(self) -> tuple[int, ...]:
        """How many columns of the matrix each feature has: 1, or a vector's length."""
        if not any(kind == "vector" for kind in self.feature_kinds):
            return (1,) * len(self.feature_names)
        values = self._program.emit(GraphBuilder(self.columns), [index for _, index in self.expressions.features])
        return tuple(values[index].width for _, index in self.expressions.features)

    @functools.cached_property
    def matrix_names(self) -> tuple[str, ...]:
        """A name for each column of the matrix: the feature's, and of a vector "carrier[0]", "carrier[1]" ..."""
        names: list[str] = []
        for name, kind, width in zip(self.feature_names, self.feature_kinds, self.feature_widths, strict=True):
            names += [f"{name}[{place}]" for place in range(width)] if kind == "vector" else [name]
        return tuple(names)

    def without(self, names: Collection[str]) -> TransformGraph:
        """The same graph, as it was fitted, without some of its features; UnknownName for one it does not have.

        Its columns stay: what models of it are asked with does not change.
        """
        for name in names:
            if name not in self.feature_names:
                raise UnknownName("feature", name, list(self.feature_names), where="the graph")
        kept = tuple(one for one in self.expressions.features if one[0] not in names)
        expressions = dataclasses.replace(self.expressions, features=kept)
        return TransformGraph(dataclasses.replace(self._program, expressions=expressions))

    @property
    def fitted_nodes(self) -> tuple[int, ...]:
        """The places of the nodes that were fitted to rows."""
        from headrace.transformation._analysis import levels

        return tuple(index for level in levels(self._program) for index in level)

    def to_plain(self) -> dict[str, Any]:
        """As plain data: expressions, columns and everything fitted."""
        return {"format": 1, **self._program.to_plain()}

    @functools.cached_property
    def digest(self) -> str:
        """sha256 of the canonical form: equal features fitted to equal constants are one artifact."""
        return digest(self.to_plain())

    def build(self, builder: GraphBuilder) -> str:
        """Write the features into a graph; the name of a float32 tensor [N, len(matrix_names)].

        z-scores that are features are divided together, as one matrix; one Concat, one Cast.
        """
        roots: list[int] = []
        means: list[float] = []
        deviations: list[float] = []
        for (_, index), width in zip(self.expressions.features, self.feature_widths, strict=True):
            node, mean, deviation = self.expressions.nodes[index], 0.0, 1.0
            if node.op == "z_score":
                constants = self._program.constants[index]
                mean, deviation = constants["mean"], constants["std_dev"]
                index = node.inputs[0]
            roots.append(index)
            means += [mean] * width
            deviations += [deviation] * width
        values = self._program.emit(builder, roots)
        pieces = [builder.as_number(values[index]) for index in roots]
        matrix = builder.node("Concat", pieces, axis=1) if len(pieces) > 1 else pieces[0]
        if any(item != 0.0 for item in means) or any(item != 1.0 for item in deviations):
            # (x - 0) / 1 is x to the bit, so the other columns pass unchanged.
            matrix = builder.node("Sub", [matrix, builder.constant(np.array([means]))])
            matrix = builder.node("Div", [matrix, builder.constant(np.array([deviations]))])
        return builder.cast(matrix, np.float32)

    @functools.cached_property
    def onnx(self) -> bytes:
        """The graph alone, lanes to `features`, as a serialised ONNX ModelProto."""
        builder = GraphBuilder(self.columns)
        return builder.finish({"features": (self.build(builder), np.float32, len(self.matrix_names))})

    @functools.cached_property
    def codec(self) -> Codec:
        """Raw values to lanes."""
        return Codec(self.columns)

    @functools.cached_property
    def _session(self) -> Any:
        return open_session(self.onnx)

    @functools.cached_property
    def _is_cutting(self) -> bool:
        return cuts_texts(self.onnx)

    def matrix(self, lanes: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """float32[num_rows, len(matrix_names)] of lanes that the codec made; NaN where null."""
        num_rows = len(next(iter(lanes.values())))
        if num_rows <= _BATCH_ROWS:
            return np.asarray(run_bounded(self._session, ["features"], lanes, is_cutting=self._is_cutting)[0])
        out = np.empty((num_rows, len(self.matrix_names)), dtype=np.float32)
        for start in range(0, num_rows, _BATCH_ROWS):  # a batch that stays in cache is faster than all at once
            piece = {name: lane[start : start + _BATCH_ROWS] for name, lane in lanes.items()}
            out[start : start + _BATCH_ROWS] = run_bounded(
                self._session, ["features"], piece, is_cutting=self._is_cutting
            )[0]
        return out

    @property
    def is_out_of_fold(self) -> bool:
        """Whether rows it is fitted on have other features in training than in serving: see `training_matrix`."""
        return any(type(op).without_part is not Op.without_part for op in self._program.ops if op is not None)

    @functools.cached_property
    def _without_part(self) -> tuple[TransformGraph, ...]:
        program = self._program
        graphs = []
        for part in range(NUM_PARTS):
            constants = {
                index: dict(op.without_part(found, part)) if (op := program.ops[index]) is not None else found
                for index, found in program.constants.items()
            }
            graphs.append(TransformGraph(program.with_constants(constants)))
        return tuple(graphs)

    def training_matrix(
        self, lanes: Mapping[str, npt.NDArray[Any]], row_id: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.float32]:
        """The features of rows the transform is fitted on, as a trainer may see them: float32[num_rows, columns].

        Where an op is fitted to the label, each row's features come of the other four fifths of the rows: of its own
        label nothing reaches it. Rows of equal key share a part. For every other transform it is `matrix`.
        """
        if not self.is_out_of_fold:
            return self.matrix(lanes)
        parts = part_of(row_id, NUM_PARTS)
        out = np.empty((len(row_id), len(self.matrix_names)), dtype=np.float32)
        for part, graph in enumerate(self._without_part):
            index = np.flatnonzero(parts == part)
            if len(index):
                out[index] = graph.matrix({name: lane[index] for name, lane in lanes.items()})
        return out

    def matrix_of(self, table: Any, *, few_rows: int = _FEW_ROWS) -> npt.NDArray[np.float32]:
        """float32[num_rows, len(matrix_names)] of a pyarrow Table or RecordBatch; `matrix`'s bytes, column by column.

        Many rows take the cut graph (`headrace.transformation._cut`): what texts alone decide is computed once a
        distinct text; up to `few_rows` take the graph that serves.
        Raises what `Codec.from_batch` raises, naming row and column.
        Cost: about 0.1 us a row for 12 columns on one core; large tables use all cores. Memory: the matrix, and 4 bytes
        a row and text column for half a million rows at a time.
        """
        whole = np.empty((table.num_rows, len(self.matrix_names)), dtype=np.float32, order="F")
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        try:
            if table.num_rows <= _TASK_ROWS:
                self._fill(table, whole, few_rows, None)
            else:
                with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
                    for start in range(0, table.num_rows, _TABLE_ROWS):
                        stop = start + _TABLE_ROWS
                        self._fill(table.slice(start, _TABLE_ROWS), whole[start:stop], few_rows, pool)
        except InvalidInput:
            self.codec.from_batch(table)  # says the same, with the row's place in the whole table
            raise
        return whole

    def _fill(
        self, table: pa.Table, out: npt.NDArray[np.float32], few_rows: int, pool: ThreadPoolExecutor | None
    ) -> None:
        def run(function: Callable[[int], None], number: int) -> None:
            for _ in map(function, range(number)) if pool is None else pool.map(function, range(number)):
                pass

        if table.num_rows > few_rows and self._cut is not None:
            places = [0, *itertools.accumulate(self.feature_widths)][:-1]
            with contextlib.suppress(TooWide):
                self._cut.fill(table, out, places, run)
                return
        batches = table.to_batches(max_chunksize=self.codec.most_rows(_TASK_ROWS))
        starts = [0, *itertools.accumulate(batch.num_rows for batch in batches)]

        def fill(at: int) -> None:
            out[starts[at] : starts[at + 1]] = self.matrix(self.codec.from_batch(batches[at]))

        run(fill, len(batches))

    @functools.cached_property
    def _cut(self) -> CutGraph | None:
        try:
            return CutGraph(self._program, [index for _, index in self.expressions.features], is_matrix=True)
        except TooWide:
            return None

    def apply(self, table: Any) -> pa.Table:
        """The features of a table's or batch's rows, in order.

        Parameters
        ----------
        table : pyarrow.Table or RecordBatch, or any table `headrace.dataset.tables.as_table` takes
            Holds at least `columns`, other columns are not looked at.

        Returns
        -------
        pyarrow.Table
            One float32 column a feature, named like it; NaN where null, as the model sees it. A vector is a list of
            fixed size.

        Raises what `Codec.from_batch` raises, naming row and column.
        Cost: as `matrix_of`.
        """
        whole = self.matrix_of(self.codec.table_of(table, "apply"))
        arrays, first = [], 0
        for kind, width in zip(self.feature_kinds, self.feature_widths, strict=True):
            part = np.ascontiguousarray(whole[:, first : first + width])
            flat = pa.Array.from_buffers(pa.float32(), part.size, [None, pa.py_buffer(part)])
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, width) if kind == "vector" else flat)
            first += width
        return pa.table(arrays, names=list(self.feature_names))

    def explain(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Every value on the way from one raw row to its features.

        Parameters
        ----------
        row : mapping of str to value
            One raw row, as a request would hold it.

        Returns
        -------
        dict
            Columns and intermediate values by their expression ("x.distance", "(x.distance / x.air_time)"), then the
            features by name, rounded to float32 as the model sees them; None where null.
        """
        lanes = self.codec.from_rows([dict(row)])
        found = self._every_value.of_lanes(lanes)
        types, (flat,) = self._program.types, self.codec.flat([dict(row)])
        texts = {}
        for index, node in enumerate(self.expressions.nodes):
            if index in found:
                texts[self.expressions.text(index)] = found[index][0].as_py()
            elif node.op == "column":  # of lists or binary, which lie in no lane
                value = flat.get(node.parameters["name"])
                texts[self.expressions.text(index)] = "binary" if types[index].kind == "binary" and value else value
            elif node.op != "literal":  # inside a chain of the prelude: the graph does not hold it
                name, steps = self._program.steps_of(index)
                texts[self.expressions.text(index)] = run_steps(
                    steps, [texts[node_text(Node("column", {"name": name}), [])]]
                )[0]
        left = [None if value != value else value for value in self.matrix(lanes)[0].tolist()]
        for name, kind, width in zip(self.feature_names, self.feature_kinds, self.feature_widths, strict=True):
            texts[name] = left[:width] if kind == "vector" else left[0]
            left = left[width:]
        return texts

    def diff(self, other: TransformGraph, table: Any = None) -> GraphDiff:
        """What another transform, fitted later, does otherwise than this one.

        Parameters
        ----------
        other : TransformGraph
            What is now, where this is what was before.
        table : table, optional
            Raw rows that both are tried on: what moves in the features, and in how many of the rows.

        Returns
        -------
        GraphDiff
            Features that came, went or are computed otherwise; vocabularies, boundaries, means that were fitted
            otherwise; movements. `print` it, or look at it in a notebook.
        """
        return diff_graphs(self, other, table)

    @functools.cached_property
    def _every_value(self) -> NodeValues:
        return NodeValues(self._program, range(len(self.expressions.nodes)))

    def save(self, folder: Path) -> None:
        """Write graph.json and features.onnx into an existing empty folder, and the weights beside where there are.

        The first holds the sha256 of both; weights are held to their names.
        """
        said = {"digest": self.digest, "features.onnx": hashlib.sha256(self.onnx).hexdigest()}
        disk.write_file(folder / "graph.json", to_canonical({**self.to_plain(), "sha256": said}))
        disk.write_file(folder / "features.onnx", self.onnx)
        apart = {digest for node in self.expressions.nodes for digest in node.parameters.get("weights", ())}
        beside = {**{digest: kept(digest) for digest in apart}, **weights_of(self.onnx)}
        if beside:
            write_weights(folder / WEIGHTS, beside)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises InvalidInput when it is damaged, or of a newer format."""
        try:
            plain = from_canonical((folder / "graph.json").read_bytes())
            if plain["format"] != 1:
                raise InvalidInput(f"transform graph of format {plain['format']!r}", where=str(folder), expected="1")
            onnx = (folder / "features.onnx").read_bytes()
            said = plain.pop("sha256", None)  # graphs of before 28 November 2026 have none
            if said is not None and said != {
                "digest": digest(plain),
                "features.onnx": hashlib.sha256(onnx).hexdigest(),
            }:
                raise InvalidInput(
                    "the files are damaged: they do not have the sha256 that graph.json says",
                    where=str(folder),
                    fix="copy the transform again, or fit it again",
                )
            if set(plain) != _KEYS:
                raise InvalidInput(f"not a transform graph: it has {', '.join(sorted(plain))}", where=str(folder))
            beside = read_weights(folder / WEIGHTS) if (folder / WEIGHTS).exists() else {}
            keep(beside)
            graph = cls(Program.from_plain(plain))
            graph.__dict__["onnx"] = OnnxBytes(onnx, beside)
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"not a transform graph: {error}", where=str(folder)) from error
        return graph
