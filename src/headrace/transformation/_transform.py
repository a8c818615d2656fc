"""transform: a feature function and a data set become a fitted graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from headrace.dataset.nested import names_with_fields
from headrace.errors import InvalidInput, UnknownName
from headrace.schema import Schema
from headrace.transformation._graph import TransformGraph
from headrace.transformation._program import bind
from headrace.transformation.expressions import Expressions
from headrace.transformation.tracing import trace

__all__ = ["transform"]


def transform(
    features: Callable[[Any], Any] | Expressions | Mapping[str, Any], dataset: Any, *, engine: Any = None
) -> TransformGraph:
    """Fit a feature function to a data set.

    Parameters
    ----------
    features : callable, Expressions or mapping
        A function of columns that returns a dict of feature name to expression; or what `trace` made of one, as it is
        or as plain data.
    dataset : Dataset
        Ops are fitted on its split `train`, or on all rows where there are no splits. Types, presence and ranges come
        from the schema it carries, else from its Arrow types.
    engine : engine, optional
        What runs the folds; threads of this process by default.

    Returns
    -------
    TransformGraph
        The same, to the byte, for the same rows in any order, batch size and number of workers.

    Raises UnknownName, InvalidInput or Misuse at the user's line, before a row is read, for a column there is not, a
    clash of types, or the label as a feature; UnknownName where there are splits but none is called `train`.
    Cost: one pass over the columns that ops are fitted on; a further one for each op fitted on a fitted op's result.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from headrace.dataset import Dataset
    >>> from headrace.transformation import ops
    >>> table = pa.table({"delay": [2.0, 4.0, None], "carrier": ["UA", "UA", "AA"]})
    >>> def features(x):
    ...     return {"delay": ops.z_score(x.delay), "carrier": ops.vocabulary(x.carrier)}
    >>> transform(features, Dataset.from_arrow(table)).apply(table).to_pylist()[0]
    {'delay': -1.0, 'carrier': 0.0}
    """
    from headrace.transformation._analysis import fit

    if isinstance(features, Expressions):
        expressions = features
    elif isinstance(features, Mapping):
        expressions = Expressions.from_plain(features)
    else:
        expressions = trace(features, names_with_fields(span.arrow_schema for span in dataset.spans))
    schema = dataset.schema or Schema.from_arrow(_those_of(dataset.arrow_schema, expressions.column_names))
    roles = dataset.roles
    known = names_with_fields(span.arrow_schema for span in dataset.spans)
    for name in expressions.column_names:
        if name not in schema and name in known:
            raise InvalidInput(
                f"column {name!r} is in the data, but not in the schema they were accepted under",
                where=expressions.place_of(name),
                expected="a column that somebody has described: nothing has checked this one",
                fix=f"add it to the schema: headrace schemas accept --allow new_column:{name}",
            )
    program = bind(expressions, schema, label=roles.label, key=roles.key)
    if engine is None:
        from headrace.engine import LocalEngine

        engine = LocalEngine()
    names = dataset.split_names
    if names != (None,) and "train" not in names:
        raise UnknownName("split", "train", [str(name) for name in names], where="transform")
    parts = dataset.parts("train") if "train" in names else dataset.parts()
    graph = TransformGraph(fit(program, dataset, parts, engine))
    if names == (None,) and graph.fitted_nodes:
        for part in parts:
            rows = dataset.expected_rows(part)
            graph.fitted_whole[part.span] = graph.fitted_whole.get(part.span, 0) + (rows or 0)
    for name in graph.matrix_names if len(set(graph.matrix_names)) < len(graph.matrix_names) else ():
        if graph.matrix_names.count(name) > 1:
            raise InvalidInput(f"two columns of the matrix are called {name!r}", fix="call one of the features else")
    return graph


def _those_of(schema: Any, names: Collection[str]) -> Any:
    """The columns of an Arrow schema that are named; all of them where one is not there, for the error to list."""
    import pyarrow as pa

    chosen = [item for item in schema if item.name in names]
    return pa.schema(chosen) if len(chosen) == len(names) else schema
