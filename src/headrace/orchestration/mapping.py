"""`hr.each`: mapped steps, one instance of a step for each span of a data set or each item of a list.

    counts = hr.each(count, over=raw, column="delay")      # count[2013-01], count[2013-02], ...
    reports = hr.each(report, over=["AA", "UA"])           # report[AA], report[UA]
    total(counts)                                          # gets the list of what they gave, in order

Tracing records one step. When a run is planned its spans are known, and it becomes its instances: steps like any
other, each with a key, an attempt and a log of its own, that run side by side. An instance over a span is given a data
set of that span alone, so that a window that moves on by a span runs one instance. Who takes the result gathers: it
begins when all instances have given theirs.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from headrace.calls import an, user_line
from headrace.errors import Misuse
from headrace.orchestration.handles import Handle, Reference
from headrace.orchestration.steps import Step
from headrace.orchestration.tracing import Graph, Node, current_trace, substitute

__all__ = ["SPAN_DATASET", "each", "widen"]

SPAN_DATASET = "span_dataset"  # the call of a step that makes the data set of one span

_OVER = "what hr.ingest gives, what hr.each gives, or a list"


def each(step: Any, /, *, over: Any, **arguments: Any) -> Any:
    """Do a step once for each span of a data set, or each item of a list; gives the list of results.

    Parameters
    ----------
    step : Step
        A function with `@hr.step`. Its first parameter is what differs: a data set of one span, or an item.
    over : handle, Dataset, or sequence
        In a pipeline what `hr.ingest` gives, what another `hr.each` gives (item by item), or a list of plain values and
        handles; outside one a data set or a list.
    arguments
        The other parameters, the same for all.

    Returns
    -------
    handle or list
        In a pipeline a handle of the list of results, to be passed to a step; of one with several outputs, a list of
        each under its name. Outside one the list itself.

    Raises
    ------
    Misuse
        For what is no step, cannot be gone through, or holds nothing.

    >>> import headrace as hr
    >>> @hr.step
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> hr.each(double, over=[1, 2])
    [2, 4]
    """
    if not isinstance(step, Step):
        raise Misuse(
            f"hr.each got {an(type(step).__name__)}", where=user_line(), expected="a function with @hr.step, not called"
        )
    first = next(iter(inspect.signature(step.function).parameters), None)
    if first is None or first in arguments:
        problem = "takes nothing" if first is None else f"is given {first!r}, which is what hr.each gives it"
        raise Misuse(f"step {step.name!r} {problem}", where=user_line(), expected="a first parameter for each item")
    trace = current_trace()
    if trace is None:
        return [step(**{first: item, **arguments}) for item in _items(over)]
    _check_over(over, trace.nodes)
    step(**{first: over, **arguments})  # records it as a call with all of them
    node = trace.nodes[-1]
    trace.nodes[-1] = replace(node, line=user_line(), each=first)
    outputs = {name: f"list of {kind}" for name, kind in node.outputs.items()}
    main = next(iter(outputs))
    return Handle(trace, Reference(node.name, main), outputs[main], outputs)


def _items(over: Any) -> Sequence[Any]:
    from headrace.dataset import Dataset

    if isinstance(over, Dataset):
        return [over.select_spans([span.name]) for span in over.spans]
    if not isinstance(over, (list, tuple)):
        raise Misuse(
            f"over of hr.each is {an(type(over).__name__)}", where=user_line(), expected="a data set or a list"
        )
    return over


def _check_over(over: Any, nodes: Sequence[Node]) -> None:
    if isinstance(over, Handle):
        made = next(node for node in nodes if node.name == over._reference.step)
        if made.call != "ingest" and made.each is None:
            raise Misuse(
                f"over of hr.each is what {made.name} gives: how many parts it has is not known when a run is planned",
                where=user_line(),
                expected=_OVER,
            )
    elif not isinstance(over, (list, tuple)):
        raise Misuse(f"over of hr.each is {an(type(over).__name__)}", where=user_line(), expected=_OVER)
    elif not over:
        raise Misuse("over of hr.each is empty", where=user_line(), expected="one item or more")


def widen(graph: Graph) -> Graph:
    """The graph with the instances of each mapped step in its place; its ingest steps name their spans already."""
    nodes: list[Node] = []
    labels: dict[str, list[str]] = {}

    def gathered(reference: Reference) -> Any:
        if reference.step not in labels:
            return reference
        return [Reference(f"{reference.step}[{label}]", reference.output) for label in labels[reference.step]]

    for node in graph.nodes:
        over = None if node.each is None else node.arguments[node.each]
        others = {name: value for name, value in node.arguments.items() if name != node.each}
        arguments = substitute(others, gathered)
        if node.each is None:
            nodes.append(replace(node, arguments=arguments))
            continue
        items, before = _instances(node, over, graph, labels)
        nodes += before
        labels[node.name] = [label for label, _ in items]
        for label, item in items:
            given = {
                name: substitute(item, gathered) if name == node.each else arguments[name] for name in node.arguments
            }
            nodes.append(replace(node, name=f"{node.name}[{label}]", arguments=given, each=None))
    return Graph(graph.pipeline, graph.parameters, tuple(nodes), graph.steps)


def _instances(
    node: Node, over: Any, graph: Graph, labels: Mapping[str, list[str]]
) -> tuple[list[tuple[str, Any]], list[Node]]:
    """(label, item) of each instance; and the steps that make the items."""
    if not isinstance(over, Reference):
        return list(zip(_labels(over), over, strict=True)), []
    if over.step in labels:
        return [(label, Reference(f"{over.step}[{label}]", over.output)) for label in labels[over.step]], []
    ingest = graph[over.step]
    items, before = [], []
    for entry in ingest.arguments["spans"]:
        name = f"{node.name}[{entry[0]}].data"
        before.append(Node(name, SPAN_DATASET, {**ingest.arguments, "spans": [entry]}, ingest.outputs, ingest.line))
        items.append((entry[0], Reference(name, over.output)))
    return items, before


def _labels(items: Sequence[Any]) -> list[str]:
    """A name for each item, short, each once: what it says, or where it stands.

    >>> _labels(["AA", 7, {"carrier": "AA", "hour": 6}, ["a", "list"], "AA"])
    ['AA', '7', 'carrier=AA_hour=6', '4', 'AA_2']
    """
    found: list[str] = []
    for number, item in enumerate(items, 1):
        text = str(number)
        if isinstance(item, (str, int, float)):
            text = str(item)
        elif isinstance(item, dict) and item and all(isinstance(value, (str, int, float)) for value in item.values()):
            text = "_".join(f"{name}={value}" for name, value in item.items())
        text = re.sub(r"[^A-Za-z0-9_.=-]", "_", text)[:60] or str(number)
        label, again = text, 2
        while label in found:
            label, again = f"{text}_{again}", again + 1
        found.append(label)
    return found
