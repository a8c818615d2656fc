"""Rivals: whether a pipeline's champion is the model that it would replace, told before anything is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headrace.errors import InvalidInput, UnknownName
from headrace.orchestration.tracing import Node

__all__ = ["check_rivals", "rivals"]


def check_rivals(nodes: Iterable[Node], serving: Mapping[str, object]) -> None:
    """Refuse a champion of an endpoint that serves nothing and that this pipeline never pushes to.

    Without a champion a gate's rule about it passes as for a first version, each time: a misspelt endpoint would
    switch the rule off and nobody would be told.

    Parameters
    ----------
    nodes : iterable of Node
        The pipeline's steps. One that pushes nowhere may look at any champion, whether it is there yet or not.
    serving : mapping of endpoint to what it serves
        None, or no entry, where it serves nothing.

    Raises InvalidInput, at the line of the champion.
    """
    nodes = list(nodes)
    pushed = sorted({node.arguments["endpoint"] for node in nodes if node.call == "push"})
    for node in nodes:
        if node.call != "champion" or not pushed or node.arguments["endpoint"] in pushed:
            continue
        endpoint = node.arguments["endpoint"]
        if serving.get(endpoint) is None:
            raise InvalidInput(
                f"endpoint {endpoint!r} serves nothing, and this pipeline pushes to {_listed(pushed)}: no new model"
                " would ever be compared with a champion",
                where=node.line,
                expected="the champion of an endpoint that this pipeline pushes to",
                fix=UnknownName("endpoint", endpoint, pushed).fix,
            )


def rivals(steps: Iterable[tuple[str, Mapping[str, object]]]) -> list[str]:
    """A line for each champion of another endpoint than the pipeline pushes to; `steps` are (call, arguments).

    >>> rivals([("champion", {"endpoint": "late"}), ("push", {"endpoint": "late-shadow"})])
    ["the champion is that of endpoint 'late', and the push goes to 'late-shadow': what it replaces is not compared"]
    """
    found: dict[str, set[str]] = {"champion": set(), "push": set()}
    for call, arguments in steps:
        if call in found:
            found[call].add(str(arguments["endpoint"]))
    pushed = sorted(found["push"])
    return [
        f"the champion is that of endpoint {endpoint!r}, and the push goes to {_listed(pushed)}:"
        " what it replaces is not compared"
        for endpoint in sorted(found["champion"].difference(pushed))
        if pushed
    ]


def _listed(endpoints: list[str]) -> str:
    return ", ".join(map(repr, endpoints))
