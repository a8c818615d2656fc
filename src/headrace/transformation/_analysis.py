"""Analysis: what the ops must know about the data, in one pass over the rows for each depth."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa

from headrace.canonical import from_canonical, to_canonical
from headrace.dataset.nested import with_fields
from headrace.dataset.rows import as_labels
from headrace.engine import Work
from headrace.errors import InvalidInput
from headrace.fold import ByKey, Fold, Rows
from headrace.kinds import kind_of
from headrace.transformation._contract import LABEL
from headrace.transformation._cut import CutGraph
from headrace.transformation._program import Constants, Program
from headrace.transformation.expressions import PINNED, Node, pinned_constants

__all__ = ["Derive", "fit", "levels"]


def _column_name(index: int) -> str:
    return f"@{index}"  # no source column can begin so


@dataclass(frozen=True)
class Derive(Work):
    """Adds the values of expression nodes to a batch, as columns "@<node>", and the label's numbers as "@label".

    Parameters
    ----------
    program : str
        A program as canonical JSON: it travels to wherever the rows are.
    nodes : tuple of int
        The nodes whose values are added.
    label : str or None
        The label's column, where its numbers are added.
    positive : str, int, float, bool or None
        The label's value that counts as 1.
    """

    packages: ClassVar[tuple[str, ...]] = ("onnxruntime",)

    program: str
    nodes: tuple[int, ...]
    label: str | None = None
    positive: str | int | float | bool | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns the nodes are computed from."""
        read = _cut(self.program, self.nodes).columns if self.nodes else ()
        return tuple(dict.fromkeys([*read, *([] if self.label is None else [self.label])]))

    def __call__(self, rows: Rows) -> Rows:
        """The derived columns alone; the engine joins the raw ones to them."""
        found: dict[str, pa.Array] = {}
        if self.nodes:
            derived = _cut(self.program, self.nodes).values(rows.batch)
            found = {_column_name(index): array for index, array in derived.items()}
        if self.label is not None:
            found[LABEL] = pa.array(as_labels(rows.batch.column(self.label), self.label, self.positive))
        return replace(rows, batch=pa.RecordBatch.from_arrays(list(found.values()), names=list(found)))


@functools.lru_cache(maxsize=8)
def _cut(program: str, nodes: tuple[int, ...]) -> CutGraph:
    return CutGraph(Program.from_plain(from_canonical(program.encode())), nodes, is_matrix=False)


def levels(program: Program) -> list[list[int]]:
    """The nodes that must be fitted, by depth: a node of one level needs only those of the levels before."""
    depth: list[int] = []
    found: list[list[int]] = []
    for index, node in enumerate(program.expressions.nodes):
        below = max((depth[item] for item in node.inputs), default=0)
        if _fold_of(program, index) is not None:
            below += 1
            if below > len(found):
                found.append([])
            found[below - 1].append(index)
        depth.append(below)
    return found


def _fold_of(program: Program, index: int, decimals: Collection[str] = ()) -> Fold[Any, Any] | None:
    op, nodes = program.ops[index], program.expressions.nodes
    if op is None or PINNED in nodes[index].parameters:
        return None
    names = [
        nodes[item].parameters["name"] if _is_read(nodes[item], decimals) else _column_name(item)
        for item in nodes[index].inputs
    ]
    return op.fold(names, [program.types[item].kind for item in nodes[index].inputs])


def _is_read(node: Node, decimals: Collection[str]) -> bool:
    """Whether a fold reads the node's values where they lie: decimals are numbers only once the codec has read them."""
    return node.op == "column" and node.parameters["name"] not in decimals


def fit(program: Program, dataset: Any, parts: Sequence[Any], engine: Any) -> Program:
    """The program with the constants of every op that needs some, from the rows of these parts.

    Equal folds run once; a raw column is folded as it is, a computed one through the ONNX nodes that serve it.
    Cost: one pass over the needed columns for each level of `levels`.
    """
    nodes = program.expressions.nodes
    whole = with_fields(dataset.shared_schema, program.expressions.column_names)
    decimals = {item.name for item in whole if kind_of(item.type) == "decimal"}
    given = {index: found for index, op in enumerate(program.ops) if op is not None and (found := op.given())}
    given |= {index: pinned_constants(node) for index, node in enumerate(nodes) if PINNED in node.parameters}
    program = replace(program, constants={**program.constants, **given})
    for level in levels(program):
        folds: dict[int, Fold[Any, Any]] = {}
        for index in level:
            fold = _fold_of(program, index, decimals)
            assert fold is not None
            if LABEL in fold.columns and dataset.roles.label is None:
                raise InvalidInput(
                    "the data set has no label",
                    where=program.place(index),
                    expected="one to fit this op to",
                    fix="name it: label='...'",
                )
            folds[index] = fold
        derived = sorted(
            {
                item
                for index in level
                for item in nodes[index].inputs
                if nodes[item].op != "literal" and not _is_read(nodes[item], decimals)
            }
        )
        through = None
        reads_label = any(LABEL in fold.columns for fold in folds.values())
        if derived or reads_label:
            text = to_canonical(program.to_plain()).decode()
            roles = dataset.roles
            through = Derive(text, tuple(derived), *((roles.label, roles.positive) if reads_label else ()))
        unique = list(dict.fromkeys(folds.values()))
        try:
            states = dict(zip(unique, engine.fold(unique, dataset, parts, through=through), strict=True))
        except InvalidInput as error:
            for index, fold in folds.items():
                simple = getattr(fold, "simple", None)
                if isinstance(simple, ByKey) and f"column {simple.key!r}" in error.what:  # too many values: whose key?
                    if simple.key.startswith("@"):
                        error.what = error.what.replace(f"column {simple.key!r}", "the key")
                    raise error.locate(program.place(index)) from None
            raise
        constants: Constants = dict(program.constants)
        for index, fold in folds.items():
            op = program.ops[index]
            assert op is not None
            result = fold.extract(states[fold])[0]
            constants[index] = program.at(index, functools.partial(op.constants, result))
        program = program.with_constants(constants)
    return program
