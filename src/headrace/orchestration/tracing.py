"""Tracing: calling the pipeline's function once, with verbs that record instead of working, gives its graph."""

from __future__ import annotations

import contextvars
import functools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from headrace.calls import an, user_line
from headrace.errors import Misuse
from headrace.orchestration.handles import Handle, Reference
from headrace.orchestration.patience import Patience

__all__ = ["Graph", "Node", "Trace", "current_trace", "entries", "located", "references", "substitute", "tracing"]


@dataclass(frozen=True)
class Node:
    """One recorded step.

    Parameters
    ----------
    name : str
        Unique in the graph: the verb or function, numbered from its second use on.
    call : str
        A verb's name ("analyze"), or "module:function" of a `@hr.step`.
    arguments : dict of str to plain data
        By parameter name; a handle is a Reference, at any depth of lists and dicts.
    outputs : dict of str to str
        Name -> kind; the first is the step's main output.
    line : str
        Where the user wrote it: "flights.py, line 12". Not in any key.
    retries : int
        How often the step is tried again after a crash.
    timeout_s : float or None
        After how many seconds it is stopped.
    backoff_s, backoff_factor : float
        How long is waited before it is tried again: see `patience.wait_before`.
    notes : dict
        Plain data that the step gets, and that is not in its key: the lines of a feature function.
    each : str or None
        The parameter that a mapped step goes through; planning puts its instances in its place.
    """

    name: str
    call: str
    arguments: dict[str, Any]
    outputs: dict[str, str]
    line: str = field(default="", compare=False)
    retries: int = field(default=0, compare=False)
    timeout_s: float | None = field(default=None, compare=False)
    notes: dict[str, Any] = field(default_factory=dict, compare=False)
    backoff_s: float = field(default=0.0, compare=False)
    backoff_factor: float = field(default=2.0, compare=False)
    each: str | None = None

    @functools.cached_property
    def needs(self) -> tuple[Reference, ...]:
        """The outputs of other steps that this one takes, in the order of its parameters."""
        return tuple(dict.fromkeys(references(self.arguments)))

    @property
    def uses(self) -> tuple[str, ...]:
        """The project's code that its arguments name, "module:Name": it counts in the key as the step's own."""
        return tuple(self.notes.get("uses", ()))

    def to_plain(self) -> dict[str, Any]:
        """As plain data: what a plan records."""
        return {
            "name": self.name,
            "call": self.call,
            "arguments": substitute(self.arguments, lambda reference: {"@": [reference.step, reference.output]}),
            "outputs": self.outputs,
            "line": self.line,
            **({} if self.each is None else {"each": self.each}),
        }


@dataclass(frozen=True)
class Graph:
    """A traced pipeline: its steps in the order in which the user wrote them, which is an order they can run in.

    `steps` holds the Step object of each 'module:function' that a node calls or uses.
    """

    pipeline: str
    parameters: dict[str, Any]
    nodes: tuple[Node, ...]
    steps: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __getitem__(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


class Trace:
    """The recorder of one call of a pipeline's function."""

    def __init__(self, pipeline: str, patience: Patience | None = None) -> None:
        self.pipeline = pipeline
        self.patience = Patience() if patience is None else patience  # of steps that say nothing
        self.nodes: list[Node] = []
        self.steps: dict[str, Any] = {}  # 'module:function' -> Step

    def record(
        self,
        call: str,
        arguments: Mapping[str, Any],
        outputs: Mapping[str, str],
        *,
        patience: Patience | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> Handle:
        """Add a step; returns the handle of its main output, which has the others as attributes."""
        called = call.rpartition(":")[2]
        plain = {name: self.plain(value, name, called) for name, value in arguments.items()}
        patient = (patience or Patience()).over(self.patience).over(_PATIENCE)
        node = Node(
            self._name(call),
            call,
            plain,
            dict(outputs),
            user_line(),
            patient.retries or 0,
            patient.timeout_s,
            dict(notes or {}),
            patient.backoff_s or 0.0,
            patient.backoff_factor or 1.0,
        )
        self.nodes.append(node)
        main, kind = next(iter(outputs.items()))
        return Handle(self, Reference(node.name, main), kind, outputs)

    def _name(self, call: str) -> str:
        base = re.sub(r"[^A-Za-z0-9_]", "_", call.rpartition(":")[2])
        taken = {node.name for node in self.nodes}
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        return name

    def plain(self, value: Any, where: str, call: str) -> Any:
        """An argument as plain data with References; Misuse, at the user's line, for anything else."""
        if isinstance(value, Handle):
            if value._trace is not self:
                raise Misuse(
                    f"{where} of {call} is a handle of another pipeline run",
                    where=user_line(),
                    fix="handles live only inside the call of the pipeline that made them",
                )
            return value._reference
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, (list, tuple)):
            return [self.plain(item, f"{where}[{index}]", call) for index, item in enumerate(value)]
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str) or key == "@":
                    raise Misuse(
                        f"{where} of {call} has the key {key!r}",
                        where=user_line(),
                        expected="keys that are text, and not '@', which a step's output is recorded by",
                    )
            return {key: self.plain(item, f"{where}.{key}", call) for key, item in value.items()}
        raise Misuse(
            f"{where} of {call} is {an(type(value).__name__)}",
            where=user_line(),
            expected="a handle or plain data (None, bool, int, float, str, lists and dicts of these)",
            fix="make the value inside a function with @hr.step",
        )


def references(value: Any) -> Iterator[Reference]:
    """All References in plain data."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def located(value: Any, path: str = "") -> Iterator[tuple[str, Reference]]:
    """The same, each with where it stands: "champion", "spans.2013-07", "options.rows[0]".

    A list of [name, item] pairs is read as if it were a dict.
    """
    if isinstance(value, Reference):
        yield path, value
        return
    for name, item in entries(value, path):
        yield from located(item, name)


def entries(value: Any, path: str) -> list[tuple[str, Any]]:
    """The items of a dict or list under their paths; a list of [name, item] pairs is read as if it were a dict."""
    if isinstance(value, list) and value and all(_is_named(item) for item in value):
        named = dict(value)
        value = named if len(named) == len(value) else value
    if isinstance(value, dict):
        return [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    return [(f"{path}[{index}]", item) for index, item in enumerate(value)] if isinstance(value, list) else []


def _is_named(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and not isinstance(item[1], str)


def substitute(value: Any, replace: Any) -> Any:
    """The same plain data with `replace(reference)` in the place of each Reference."""
    if isinstance(value, Reference):
        return replace(value)
    if isinstance(value, dict):
        return {key: substitute(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, replace) for item in value]
    return value


_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("headrace_trace", default=None)


def current_trace() -> Trace | None:
    """The trace this call happens in, or None: then verbs work instead of recording."""
    return _current.get()


_PATIENCE = Patience(retries=0, backoff_s=0.0, backoff_factor=2.0)


@contextmanager
def tracing(pipeline: str, patience: Patience | None = None) -> Iterator[Trace]:
    """Record the verbs and steps called inside; `patience` is that of all that say nothing of their own."""
    trace = Trace(pipeline, patience)
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
