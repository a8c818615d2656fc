"""`@hr.pipeline`: a function whose call, traced, says which steps there are and what each takes."""

from __future__ import annotations

import difflib
import functools
import inspect
import json
import sys
import typing
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, overload

from headrace.calls import checked, user_line
from headrace.canonical import to_canonical
from headrace.errors import HeadraceError, InvalidInput, Misuse, UnknownName
from headrace.opened import with_project
from headrace.orchestration.handles import last_line
from headrace.orchestration.patience import Patience
from headrace.orchestration.schedule import Schedule
from headrace.orchestration.tracing import Graph, tracing

if TYPE_CHECKING:
    from headrace.orchestration.plan import Plan
    from headrace.orchestration.results import RunResult

__all__ = ["Pipeline", "load_file", "load_pipeline", "pipeline", "refuse_on_import"]

# Files whose import is going on, in this process.
_importing: list[str] = []


class Pipeline:
    """A pipeline: `flights.run(max_depth=6)` runs it, `flights.plan()` says what a run would do."""

    def __init__(
        self, function: FunctionType, schedule: Schedule | None = None, patience: Patience | None = None
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.schedule = schedule
        self.patience = patience
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise Misuse(
                    f"pipeline {function.__name__!r} takes {parameter}",
                    where=f"{Path(function.__code__.co_filename).name}, line {function.__code__.co_firstlineno}",
                    expected="named parameters with plain values",
                )

    def __call__(self, *arguments: Any, **named: Any) -> NoReturn:
        """Raise Misuse: a pipeline is run, not called."""
        given = ", ".join([*map(repr, arguments), *(f"{name}={value!r}" for name, value in named.items())])
        raise Misuse(
            f"a pipeline is not called: {self.name}({given})",
            where=user_line(),
            fix=f"run it with {self.name}.run({given})",
        )

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def file(self) -> Path | None:
        """The file the pipeline is written in; None in a notebook or at a prompt."""
        file = Path(self.function.__code__.co_filename)
        return file.resolve() if file.is_file() else None

    @property
    def folder(self) -> Path:
        """Where relative paths in the pipeline start: its file's folder, without one the working folder."""
        return self.file.parent if self.file is not None else Path.cwd()

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters with their values, defaults filled in.

        Raises UnknownName for one that does not exist, InvalidInput for one missing or not plain data.
        """
        signature = inspect.signature(self.function)
        for name in values:
            if name not in signature.parameters:
                raise UnknownName("parameter", name, signature.parameters, where=f"pipeline {self.name!r}")
        bound: dict[str, Any] = {}
        for name, parameter in signature.parameters.items():
            if name in values:
                bound[name] = values[name]
            elif parameter.default is not parameter.empty:
                bound[name] = parameter.default
            else:
                raise InvalidInput(
                    f"parameter {name!r} has no value", where=f"pipeline {self.name!r}", fix=f"--set {name}=VALUE"
                )
            try:
                to_canonical(bound[name])
            except TypeError as error:
                raise InvalidInput(f"parameter {name!r}: {error}", where=f"pipeline {self.name!r}") from None
        return bound

    def parse(self, name: str, text: str) -> Any:
        """A parameter's value from the text of `--set name=text`, by its annotation or else its default's type.

        Raises UnknownName, or InvalidInput when the text is not of that type.
        """
        parameters = inspect.signature(self.function).parameters
        if name not in parameters:
            raise UnknownName("parameter", name, parameters, where=f"pipeline {self.name!r}")
        wanted = self._type_of(name)
        try:
            if wanted is str:
                return text
            if wanted is bool:
                return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
            if wanted in (int, float):
                return wanted(text)
        except (KeyError, ValueError):
            kind = getattr(wanted, "__name__", wanted)
            raise InvalidInput(f"{name}={text!r} is not of type {kind}", where="--set") from None
        try:
            return json.loads(text)
        except ValueError:
            return text

    def form(self) -> list[dict[str, Any]]:
        """What the pipeline may be asked with, as plain data: {"name", "type", "default", "is_required"} each.

        A type is "int", "float", "bool", "str", or "json" for all else that `parse` reads.
        """
        fields = []
        for name, parameter in inspect.signature(self.function).parameters.items():
            wanted = self._type_of(name)
            is_required = parameter.default is parameter.empty
            kind = wanted.__name__ if wanted in (int, float, bool, str) else "json"
            default = None if is_required else parameter.default
            try:
                to_canonical(default)
            except TypeError:
                default = None  # `bind` says what is wrong with it
            fields.append({"name": name, "type": kind, "default": default, "is_required": is_required})
        return fields

    def _type_of(self, name: str) -> Any:
        """The type of a parameter, by its annotation or else its default; None where neither says one."""
        try:
            wanted = typing.get_type_hints(self.function).get(name)
        except Exception:  # an annotation that cannot be resolved says nothing
            wanted = None
        default = inspect.signature(self.function).parameters[name].default
        if wanted is None and default is not inspect.Parameter.empty and default is not None:
            wanted = type(default)
        return wanted

    def trace(self, **parameters: Any) -> Graph:
        """The graph: which steps there are, what each takes, without running any.

        Raises Misuse at the user's line for what a pipeline cannot do.
        """
        bound = self.bind(parameters)
        with tracing(self.name, self.patience) as trace, with_project(self._store):
            self.function(**bound)
        return Graph(self.name, bound, tuple(trace.nodes), trace.steps)

    def _store(self) -> AbstractContextManager[Any]:
        """The project's store, to be read: opened only for what asks for an earlier version."""
        from headrace.orchestration.stores import project_store
        from headrace.settings import load_settings

        return project_store(load_settings(self.folder), read_only=True)

    def plan(self, **parameters: Any) -> Plan:
        """What a run with these parameters would do now: which steps run, which are known. Changes nothing."""
        from headrace.orchestration.forecasting import plan_pipeline

        return plan_pipeline(self, parameters)

    def run(self, **parameters: Any) -> RunResult:
        """Run the pipeline in the store of its project (or of `with hr.open_store(dir):`).

        Steps whose key is known are taken from the store; the others run in processes of their own, independent ones
        at once. A step that fails, or a validation or gate that says no, does not raise: `result.state` says so.

        Returns
        -------
        RunResult
            `ok`, `state`, `run_id`, and `steps` by name, each with state, outputs and result.
        """
        from headrace.orchestration.runner import run_pipeline

        return run_pipeline(self, parameters)


@overload
def pipeline(function: Callable[..., Any], /) -> Pipeline: ...


@overload
def pipeline(
    *,
    schedule: str | None = None,
    time_zone: str = "UTC",
    retries: int | None = None,
    backoff_s: float | None = None,
    backoff_factor: float | None = None,
    timeout_s: float | None = None,
) -> Callable[[Callable[..., Any]], Pipeline]: ...


@checked("hr.pipeline")
def pipeline(
    function: Callable[..., Any] | None = None,
    /,
    *,
    schedule: str | None = None,
    time_zone: str = "UTC",
    retries: int | None = None,
    backoff_s: float | None = None,
    backoff_factor: float | None = None,
    timeout_s: float | None = None,
) -> Pipeline | Callable[[Callable[..., Any]], Pipeline]:
    """Make a module-level function a pipeline: its verbs and steps are recorded, and run when they are needed.

    The function's parameters are plain values, its body is called once for each run, and inside it a verb returns a
    handle: something to pass on, not a result. The order of work follows from what is passed to what.

    Parameters
    ----------
    function : function
        At a module's top level, with named parameters only.
    schedule : str, optional
        When `headrace up` looks whether anything has changed, as cron writes it: "0 6 * * *". Without one it looks
        all the time, so that a new span runs as soon as it is there.
    time_zone : str
        Of the schedule: a name of the IANA data base.
    retries, backoff_s, backoff_factor, timeout_s
        As `hr.step` takes them, for all verbs, and for steps that say nothing of their own.

    Returns
    -------
    Pipeline
        With `run(**parameters)` and `plan(**parameters)`; calling it raises Misuse.

    Raises InvalidInput for a schedule or a time zone that does not exist, and for a number out of range.

    >>> import headrace as hr
    >>> @hr.pipeline
    ... def nothing(depth: int = 3):
    ...     pass
    >>> nothing.trace(depth=4).parameters
    {'depth': 4}
    """
    if function is None:
        ticks = None if schedule is None else Schedule(schedule, time_zone)
        try:
            patience = Patience(retries, backoff_s, backoff_factor, timeout_s)
        except InvalidInput as error:
            raise error.locate(user_line(), adds=True) from None
        return functools.partial(_make, schedule=ticks, patience=patience)
    return _make(function, schedule=None, patience=None)


def _make(function: Callable[..., Any], *, schedule: Schedule | None, patience: Patience | None) -> Pipeline:
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>" or "<locals>" in function.__qualname__:
        raise Misuse(
            f"{getattr(function, '__qualname__', function)!r} cannot be a pipeline",
            where=user_line(),
            expected="a function defined at the top level of a module",
        )
    return Pipeline(function, schedule, patience)


def load_pipeline(file: Path, name: str | None = None) -> Pipeline:
    """Import a pipeline's file, as a module of its stem, and find the pipeline in it.

    The file's folder goes to the front of `sys.path`, as when Python runs a script.

    Raises InvalidInput when the file is not there, cannot be imported under its name, or holds no pipeline or several;
    UnknownName when `name` is none of them.
    """
    module = load_file(file)
    found = {key: value for key, value in vars(module).items() if isinstance(value, Pipeline)}
    own = {key: value for key, value in found.items() if value.file == file.resolve()} or found
    if name is not None:
        if name not in own:
            raise UnknownName("pipeline", name, own, where=file.name)
        return own[name]
    if len(own) != 1:
        listed = ", ".join(f"{file.name}:{key}" for key in own)
        raise InvalidInput(
            f"{file.name} holds {len(own)} pipelines" if own else f"{file.name} holds no pipeline",
            where=str(file),
            expected="a function with @hr.pipeline",
            fix=f"name one of: {listed}" if own else "",
        )
    return next(iter(own.values()))


def load_file(file: Path) -> Any:
    """Import a Python file as the module of its stem, once."""
    import importlib.util

    file = file.resolve()
    if not file.is_file():
        near = difflib.get_close_matches(file.name, [item.name for item in file.parent.glob("*.py")], n=1)
        raise InvalidInput(
            "no such file",
            where=str(file),
            expected="a Python file with a function under @hr.pipeline",
            fix=f"did you mean {near[0]}?" if near else "",
        )
    stem = file.stem
    loaded = sys.modules.get(stem)
    if loaded is not None:
        if getattr(loaded, "__file__", None) and Path(loaded.__file__ or "").resolve() == file:
            return loaded
        raise InvalidInput(
            f"a module named {stem!r} is loaded already, from {getattr(loaded, '__file__', 'Python itself')}",
            where=str(file),
            fix="give the pipeline's file another name",
        )
    if not stem.isidentifier():
        raise InvalidInput(f"{file.name} cannot be imported: {stem!r} is not a name", where=str(file), fix="rename it")
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    _importing.append(file.name)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[stem]
        if isinstance(error, HeadraceError) or not isinstance(error, Exception):
            raise
        said = error.msg if isinstance(error, SyntaxError) else error
        raise InvalidInput(
            f"{file.name} cannot be imported: {type(error).__name__}: {said}",
            where=last_line(error),
            fix=f"install it for {sys.executable}" if isinstance(error, ModuleNotFoundError) else "",
        ) from error
    finally:
        _importing.pop()
    return module


def refuse_on_import(name: str) -> None:
    """Raise Misuse when a pipeline's file is being imported: its steps' processes import it too, and would run it."""
    if _importing:
        raise Misuse(
            f"{_importing[-1]} runs pipeline {name!r} when it is imported",
            where=user_line(),
            fix=f'put it under `if __name__ == "__main__":`, or use `headrace run {_importing[-1]}`',
        )
