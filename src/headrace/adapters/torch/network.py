"""A module as a graph: read by torch.export, written with our own operators, in float64, rounded once."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.adapters.torch.operators import OPERATORS, Rows, Writer
from headrace.adapters.torch.tensors import Arrays
from headrace.calls import an
from headrace.errors import HeadraceError, InvalidInput
from headrace.model import GraphBuilder
from headrace.model.columns import InputColumn
from headrace.model.signature import Task
from headrace.training import Predictor, answers

__all__ = ["NATIVE_FILE", "Network", "NetworkGraph", "read_graph"]

NATIVE_FILE = "model.safetensors"
_SAYS_NOTHING = ("_assert", "sym_constrain")
_ANY_ROWS = object()  # what a graph calls the number of rows


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch warns of its own deprecations while it exports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class NetworkGraph:
    """A module's `forward` in evaluation, as torch.export reads it; weights come from outside.

    Parameters
    ----------
    program : torch.export.ExportedProgram
        Decomposed into PyTorch's core operators.
    name : str
        The module's, for messages.
    num_features : int
        Columns of its argument.
    """

    program: Any
    name: str
    num_features: int

    def write(self, builder: GraphBuilder, features: str, weights: Mapping[str, Any], *, fill: float | None) -> str:
        """Add the network to a graph: from float32 features [N, width] to its answer, float32 [N, 1].

        A missing feature is read as `fill`; where that is None, a row with one gets NaN. What is too large for float32
        becomes its largest value.

        Raises InvalidInput naming the layer for an operator that cannot be written.
        """
        import torch

        to = Writer(builder)
        double = builder.cast(features, np.float64)
        is_missing = builder.node("IsNaN", [double])
        double = builder.where(is_missing, builder.number(fill or 0.0), double)
        signature = self.program.graph_signature
        lifted = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        constants = {**signature.inputs_to_lifted_tensor_constants}
        values: dict[str, Any] = {}
        answer: Any = None
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                if node.name in lifted:
                    found = weights[lifted[node.name]]
                    values[node.name] = torch.as_tensor(found)
                elif node.name in constants:
                    values[node.name] = self.program.constants[constants[node.name]]
                else:
                    values[node.name] = Rows(double, "float", 2)
            elif node.op == "output":
                answer = values[node.args[0][0].name]
            else:
                values[node.name] = self._value(to, node, values)
        if not isinstance(answer, Rows):
            raise InvalidInput("the module answers all rows alike", where=self.name, expected="an answer of its rows")
        name = answer.name if answer.rank == 2 else builder.node("Unsqueeze", [answer.name, to.integers(1)])
        name = to.single(name)
        if fill is not None:
            return name
        flag = builder.node("ReduceMax", [builder.cast(is_missing, np.float32), to.integers(1)])
        nothing = builder.constant(np.array([np.nan], np.float32))
        return builder.where(builder.cast(flag, np.bool_), nothing, name)

    def _value(self, to: Writer, node: Any, values: Mapping[str, Any]) -> Any:
        import torch

        def known(argument: Any) -> Any:
            if isinstance(argument, torch.fx.Node):
                return values[argument.name]
            if isinstance(argument, (list, tuple)):
                return type(argument)(known(item) for item in argument)
            return argument

        arguments = known(tuple(node.args))
        if node.target is operator.getitem:
            if arguments[1] != 0:
                raise self._refused(
                    node, f"result {arguments[1]} of {node.args[0].name} cannot be written into a model"
                )
            return arguments[0]  # of operators with several results the first is what was written
        target = _target(node)
        if target.startswith(_SAYS_NOTHING):
            return None
        if target == "sym_size.int":
            return _ANY_ROWS if arguments[1] == 0 else int(node.meta["val"])
        named = known(dict(node.kwargs))
        flat = [*_flat(arguments), *_flat(tuple(named.values()))]
        if not any(isinstance(item, Rows) or item is _ANY_ROWS for item in flat):
            with torch.no_grad():
                return node.target(*arguments, **named)
        meant = node.meta.get("val")
        meant = meant[0] if isinstance(meant, (tuple, list)) else meant
        if target not in OPERATORS or not hasattr(meant, "dtype"):
            raise self._refused(node, f"{target} cannot be written into a model")
        kind = _kind(meant.dtype)
        arguments = tuple(
            [Rows("", "integer", 0) if size is _ANY_ROWS else size for size in item] if isinstance(item, list) else item
            for item in arguments
        )
        try:
            written = OPERATORS[target](to, kind, *arguments, **_without_layout(named))
        except InvalidInput as error:
            raise self._refused(node, f"{target}: {error.what}", error.expected) from error
        except (TypeError, AttributeError) as error:
            raise self._refused(node, f"{target} with these arguments cannot be written into a model") from error
        name, found = (written, "float") if isinstance(written, str) else written
        return Rows(name, found, len(meant.shape))

    def _refused(self, node: Any, what: str, expected: str = "") -> HeadraceError:
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        path, cls = stack[-1] if stack else ("", "")
        cls = cls if isinstance(cls, str) else f"{cls.__module__}.{cls.__qualname__}"
        layer = f"layer {path!r}, {an(cls.rpartition('.')[2])}" if path else "its forward"
        return InvalidInput(
            what,
            where=f"{self.name}, {layer}",
            expected=expected or "layers such as Linear, LayerNorm, BatchNorm1d, Embedding, activations, sums",
        )


def _target(node: Any) -> str:
    return str(node.target).removeprefix("aten.")


def _decompositions() -> Any:
    """How PyTorch writes operators by those of its core set; what we write ourselves stays whole."""
    import torch

    table = torch.export.default_decompositions()
    for overload in list(table.keys()):
        if str(overload).removeprefix("aten.") in OPERATORS:
            table.pop(overload)
    return table


def _is_written(node: Any) -> bool:
    target = _target(node)
    return target in OPERATORS or target == "sym_size.int" or target.startswith(_SAYS_NOTHING)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _without_layout(named: dict[str, Any]) -> dict[str, Any]:
    told = ("dtype", "layout", "device", "memory_format", "pin_memory", "non_blocking")
    return {name: value for name, value in named.items() if name not in told}


def _kind(dtype: Any) -> str:
    if dtype.is_floating_point:
        return "float"
    return "boolean" if str(dtype) == "torch.bool" else "integer"


def read_graph(module: Any, name: str, num_features: int) -> NetworkGraph:
    """A module's graph for any number of rows, from one trial of its `forward` without gradients.

    Raises InvalidInput where torch.export cannot follow it, or its answer is not one number a row.
    Cost: about 3 s, most of it importing what exports.
    """
    import torch

    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            found = call_module(module, torch.zeros(3, num_features), name)
        check_answer(found, 3, name)
        rows = torch.export.Dim("rows", min=2)
        with _quiet():
            try:
                # `forward` may name its argument as it likes: shapes go by place.
                program = torch.export.export(module, (torch.zeros(3, num_features),), dynamic_shapes=({0: rows},))
                if any(node.op == "call_function" and not _is_written(node) for node in program.graph.nodes):
                    program = program.run_decompositions(_decompositions())  # into the core set; twice the time
            except Exception as error:  # whatever the tracer, or the user's code inside it, raises
                raise InvalidInput(
                    f"torch.export cannot read the module: {_first_lines(error)}",
                    where=name,
                    expected="a forward without branches on values, for any number of rows",
                ) from error
    finally:
        module.train(was_training)
    graph = NetworkGraph(program, name, num_features)
    weights = {key: value.detach() for key, value in module.state_dict(keep_vars=True).items()}
    trial = GraphBuilder([InputColumn("x", "number")])  # what cannot be written is told before hours of fitting
    graph.write(trial, trial.cast(trial.column("x").name, np.float32), weights, fill=0.0)
    return graph


def call_module(module: Any, rows: Any, name: str) -> Any:
    """The module's answer; InvalidInput, with the module's own error behind it, where it raises."""
    try:
        return module(rows)
    except HeadraceError:
        raise
    except Exception as error:
        raise InvalidInput(
            f"the module raised {type(error).__name__}: {_first_lines(error)}",
            where=f"{name}, rows of shape {tuple(rows.shape)}",
            fix="its forward takes float32[num_rows, num_features]",
        ) from error


def check_answer(answer: Any, num_rows: int, name: str) -> None:
    """Raise InvalidInput for an answer that is not one number a row."""
    import torch

    if not isinstance(answer, torch.Tensor):
        what = f"the module answers {an(type(answer).__name__)}"
    elif tuple(answer.shape) not in ((num_rows,), (num_rows, 1)):
        what = f"the module answers shape {tuple(answer.shape)} for {num_rows} rows"
    elif not answer.dtype.is_floating_point:
        what = f"the module answers {answer.dtype}"
    else:
        return
    raise InvalidInput(what, where=name, expected=f"floating-point numbers of shape ({num_rows},) or ({num_rows}, 1)")


def _first_lines(error: Exception) -> str:
    text = " ".join(line.strip() for line in str(error).strip().splitlines()[:3] if line.strip())
    return text[:300] or type(error).__name__


@dataclass(frozen=True)
class Network(Predictor):
    """A fitted module: its graph, its weights, and what they mean.

    Parameters
    ----------
    graph : NetworkGraph
        Of the module.
    weights : dict of str to ndarray
        Parameters and buffers by name.
    task : "binary" or "regression"
        binary: the module's answer is the log-odds.
    fill : float or None
        What stands for a missing feature.
    native : bytes
        The weights in the safetensors format.
    """

    graph: NetworkGraph
    weights: Arrays
    task: Task
    fill: float | None
    native: bytes

    def build(self, builder: GraphBuilder, features: str) -> dict[str, str]:
        """The network's nodes; a probability is the sigmoid, in float32, of the rounded margin."""
        margin = self.graph.write(builder, features, self.weights, fill=self.fill)
        return answers(builder, margin, self.task)

    def native_files(self) -> dict[str, bytes]:
        """Weights and buffers, in a format that other tools read."""
        return {NATIVE_FILE: self.native}
