"""What an exporter is: it writes a pipeline down in the words of another system, which then starts our commands.

    exporter.text(Exported.of(pipeline, "flights.py"))      # the file, as text

What is written imports no code of the user's and does no work: `headrace step begin`, `headrace step run` for each
step and `headrace step end` do it, so that caching, gates and commits are the same everywhere. Equal pipelines give
equal bytes: no time, no path of this machine and no random name is in them.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from headrace.errors import InvalidInput
from headrace.orchestration.external import tasks_of
from headrace.orchestration.pipelines import Pipeline
from headrace.orchestration.schedule import Schedule

__all__ = ["Exported", "Exporter", "Parameter", "Task", "as_yaml", "check_image", "made_by", "refuse_asking"]

_OURS = ("begin", "end")  # the tasks before and after the steps
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a pipeline: its default, and its type as JSON schema has it."""

    name: str
    default: Any
    json_type: str


@dataclass(frozen=True)
class Task:
    """A step to start, after others.

    `line` is where the user wrote it, the waits are those of `hr.step`, and `asks` is whether it waits for a person.
    """

    name: str
    needs: tuple[str, ...]
    retries: int
    timeout_s: float | None
    line: str
    backoff_s: float = 0.0
    backoff_factor: float = 2.0
    asks: bool = False


@dataclass(frozen=True)
class Exported:
    """A pipeline as an exporter gets it.

    Parameters
    ----------
    pipeline : str
        Its name.
    target : str
        What `headrace step begin` is told, "flights.py:flights": relative to the project's folder.
    parameters : tuple of Parameter
        In the order of the function.
    tasks : tuple of Task
        In an order they can run in.
    schedule : Schedule or None
        Its ticks.
    """

    pipeline: str
    target: str
    parameters: tuple[Parameter, ...]
    tasks: tuple[Task, ...]
    schedule: Schedule | None = None

    @classmethod
    def of(cls, pipeline: Pipeline, file: PurePosixPath) -> Exported:
        """A pipeline of a file of the project.

        Raises InvalidInput for a parameter without a default, or of a type that a form cannot ask for: nobody is there
        to give it when a schedule starts the run; and for a step called like a task of ours.
        """
        defaults = pipeline.bind({})
        parameters = []
        for name in inspect.signature(pipeline.function).parameters:
            kind = _TYPES.get(type(defaults[name]))
            if kind is None:
                raise InvalidInput(
                    f"parameter {name!r} of pipeline {pipeline.name!r} has the default {defaults[name]!r}",
                    expected="a whole number, a number, a text, True or False",
                    fix="keep lists and records in a file, or in the pipeline itself",
                )
            parameters.append(Parameter(name, defaults[name], kind))
        graph = pipeline.trace()
        tasks = tuple(
            Task(
                node.name,
                needs,
                node.retries,
                node.timeout_s,
                node.line,
                node.backoff_s,
                node.backoff_factor,
                asks=node.call == "approval",
            )
            for node, needs in tasks_of(graph)
        )
        for task in tasks:
            if task.name in _OURS:
                raise InvalidInput(
                    f"a step is called {task.name!r}",
                    where=task.line,
                    expected=f"another name than {' and '.join(_OURS)}",
                )
        return cls(pipeline.name, f"{file}:{pipeline.name}", tuple(parameters), tasks, pipeline.schedule)

    @property
    def last(self) -> tuple[str, ...]:
        """The tasks that no other needs."""
        needed = {need for task in self.tasks for need in task.needs}
        return tuple(task.name for task in self.tasks if task.name not in needed)


class Exporter(ABC):
    """The contract: one method. Members are frozen dataclasses of options that are text."""

    @abstractmethod
    def text(self, exported: Exported) -> str:
        """The file. Raises InvalidInput, naming the user's line, for what the other system cannot do."""


def made_by(system: str, exported: Exported) -> str:
    """The first line of an exported file, without the marks of a comment."""
    return f"Made by `headrace export {system}` from {exported.target}: change that file, not this one."


def refuse_asking(exported: Exported, system: str) -> None:
    """Raise InvalidInput, at its line, for a step that waits for a person: the other system's tasks cannot."""
    for task in exported.tasks:
        if task.asks:
            raise InvalidInput(
                f"step {task.name!r} waits for a person, which a task of {system} cannot",
                where=task.line,
                expected="a pipeline whose steps end by themselves",
                fix="run it with `headrace up`, or push to an endpoint of its own and have a person promote it",
            )


def check_image(image: str, system: str) -> None:
    """Raise InvalidInput where no image is said: there is no default that could work."""
    if not image:
        raise InvalidInput(
            "the image is not said", where=f"export {system}", fix="--set image=registry.local/flights:3"
        )


def as_yaml(first_line: str, documents: Sequence[Mapping[str, Any]]) -> str:
    """YAML documents below a comment, their keys as they stand; each can be read, and cut out, alone."""
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel says None, and takes a bool
    yaml.width = 120
    yaml.representer.ignore_aliases = lambda _: True
    out = StringIO()
    out.write(f"# {first_line}\n")
    yaml.dump_all(documents, out)
    return out.getvalue()
