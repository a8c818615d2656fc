"""`@hr.step`: a user's own function as a step of pipelines."""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any, overload

from headrace.calls import bind, checked, user_line
from headrace.errors import InvalidInput, Misuse
from headrace.orchestration.handles import ANY
from headrace.orchestration.patience import Patience
from headrace.orchestration.tracing import current_trace

__all__ = ["Named", "Step", "step"]

# Annotations that say an output's kind before it is made; a class with a `kind` (an artifact) says its own.
_PLAIN = (bool, int, float, str, list, dict, type(None))


class Step:
    """A module-level function that runs as a step inside `@hr.pipeline`, and as itself anywhere else."""

    def __init__(self, function: FunctionType, *, files: tuple[str, ...], patience: Patience) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.files = files
        self.patience = patience
        self.sources: dict[str, str] = {}  # path -> sha256 of what `code` read
        self.places: dict[str, dict[str, Any]] = {}  # where each definition that `code` counts stands
        self._stamp = self._file_stamp()

    def _file_stamp(self) -> tuple[int, int] | None:
        try:
            found = Path(self.function.__code__.co_filename).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function; inside a pipeline, record the call and return its handle."""
        trace = current_trace()
        if trace is None:
            return self.function(*arguments, **named)
        bound = bind(self.name, inspect.signature(self.function), arguments, named)
        bound.apply_defaults()
        values = dict(bound.arguments)
        for parameter in inspect.signature(self.function).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                values |= values.pop(parameter.name)
        trace.steps[self.reference] = self
        outputs = self.outputs()
        return trace.record(self.reference, values, outputs, patience=self.patience)

    def call(self, values: Mapping[str, Any]) -> Any:
        """Call the function with values by parameter name, as a trace recorded them."""
        arguments: list[Any] = []
        named = dict(values)
        for parameter in inspect.signature(self.function).parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                arguments.append(named.pop(parameter.name))
            elif parameter.kind is parameter.VAR_POSITIONAL:
                arguments += named.pop(parameter.name, ())
        return self.function(*arguments, **named)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def module_name(self) -> str:
        """The module's name as the zygote imports it: the main script goes by its stem."""
        name = self.function.__module__
        if name == "__main__":
            return Path(self.function.__code__.co_filename).stem
        return name

    @property
    def reference(self) -> str:
        """'module:function'."""
        return f"{self.module_name}:{self.name}"

    def outputs(self) -> dict[str, str]:
        """Output name -> kind, from the return annotation; a NamedTuple gives one output a field."""
        try:
            returned = typing.get_type_hints(self.function).get("return", Any)
        except Exception:  # an annotation that cannot be resolved says nothing
            returned = Any
        fields = getattr(returned, "_fields", None)
        if isinstance(returned, type) and issubclass(returned, tuple) and fields:
            hints = typing.get_type_hints(returned)
            return {name: _kind(hints.get(name, Any)) for name in fields}
        return {"output": _kind(returned)}

    def code(self) -> dict[str, Any]:
        """What the step's key knows of its code: digests of each definition it leads to, versions, digests of `files`.

        Raises InvalidInput when one of `files` is not there, or the step's file was edited after it was imported.
        """
        from headrace.canonical import digest
        from headrace.orchestration.fingerprint import parts

        if self._stamp is None:
            raise Misuse(
                f"step {self.name!r} is in no file",
                where=user_line(),
                expected="a function in a Python file, so that another process can import it",
            )
        if self._stamp != self._file_stamp():
            raise InvalidInput(
                f"step {self.name!r} was imported before its file was edited",
                where=Path(self.function.__code__.co_filename).name,
                fix="start Python again, or importlib.reload the module",
            )
        made, self.sources, self.places = parts(self.function)
        found: dict[str, str] = {}
        folder = Path(self.function.__code__.co_filename).resolve().parent
        for pattern in self.files:
            matches = sorted(path for path in folder.glob(pattern) if path.is_file())
            if not matches:
                raise InvalidInput(
                    f"files={pattern!r} of step {self.name!r} matches no file",
                    where=str(folder),
                    expected="a path or pattern that starts at the folder of the step's file",
                )
            for path in matches:
                found[path.relative_to(folder).as_posix()] = digest(path.read_bytes())
        return {**_counted(made), "files": found}


class Named:
    """Code of the project that a verb's argument names, "module:Name": a trainer's module, its loss.

    It counts in the key of every step that is given it, as a step's own code does.
    """

    def __init__(self, name: str, what: str) -> None:
        self.name, self.what = name, what
        self.sources: dict[str, str] = {}
        self.places: dict[str, dict[str, Any]] = {}

    def code(self) -> dict[str, Any]:
        """As `Step.code`; UnknownName, or InvalidInput, where there is no such code."""
        from headrace.orchestration.fingerprint import parts
        from headrace.training.project_code import find_code

        made, self.sources, self.places = parts(find_code(self.name, self.what))
        return _counted(made)


def _counted(made: Mapping[str, Any]) -> dict[str, Any]:
    from headrace.canonical import digest

    definitions = {label: digest(plain) for label, plain in made["definitions"].items()}
    return {"definitions": definitions, "packages": made["packages"]}


def _kind(annotation: Any) -> str:
    origin = typing.get_origin(annotation) or annotation
    if origin in _PLAIN:
        return "value"
    kind = getattr(origin, "kind", None)
    if isinstance(kind, str) and hasattr(origin, "digest"):
        return kind
    arrow = sys.modules.get("pyarrow")
    if arrow is not None and origin is arrow.Table:
        return "table"
    return ANY


@overload
def step(function: Callable[..., Any], /) -> Step: ...


@overload
def step(
    *,
    files: list[str] | tuple[str, ...] = (),
    retries: int | None = None,
    backoff_s: float | None = None,
    backoff_factor: float | None = None,
    timeout_s: float | None = None,
) -> Callable[[Callable[..., Any]], Step]: ...


@checked("hr.step")
def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    files: list[str] | tuple[str, ...] = (),
    retries: int | None = None,
    backoff_s: float | None = None,
    backoff_factor: float | None = None,
    timeout_s: float | None = None,
) -> Step | Callable[[Callable[..., Any]], Step]:
    """Make a module-level function a step: in a pipeline it runs in a process of its own and its result is kept.

    Called outside a pipeline it is the function itself. A result is kept under a key made of its inputs, parameters
    and code, so an unchanged step never runs twice.

    Parameters
    ----------
    function : function
        At a module's top level. It takes and returns plain data, `pyarrow.Table` and headrace's nouns; a NamedTuple
        returns several outputs, by field.
    files : list of str
        Paths or patterns, from the folder of the step's file, of more that it reads; their bytes count in the key.
    retries : int, optional
        How often it is tried again when it raises or its process dies; never, unless the pipeline says otherwise.
    backoff_s : float, optional
        Seconds to wait before it is tried again; other steps go on meanwhile. 0, unless the pipeline says otherwise.
    backoff_factor : float, optional
        By how much each further wait is longer than the one before, up to an hour: 2, so that 10 s become 20, 40, ...
    timeout_s : float, optional
        Seconds after which a try is stopped.

    Returns
    -------
    Step
        Callable like the function.

    Raises
    ------
    Misuse
        For a lambda, a nested function or a method: another process could not find it.
    InvalidInput
        For a number out of range.

    >>> import headrace as hr
    >>> hr.step(lambda x: x)
    Traceback (most recent call last):
    headrace.errors.Misuse: ...
    """
    if function is None:
        try:
            patience = Patience(retries, backoff_s, backoff_factor, timeout_s)
        except InvalidInput as error:
            raise error.locate(user_line(), adds=True) from None
        return functools.partial(_make, files=tuple(files), patience=patience)
    return _make(function, files=(), patience=Patience())


def _make(function: Any, *, files: tuple[str, ...], patience: Patience) -> Step:
    if isinstance(function, (staticmethod, classmethod)) or not isinstance(function, FunctionType):
        problem = f"a {type(function).__name__} cannot be a step"
    elif function.__name__ == "<lambda>":
        problem = "a lambda cannot be a step"
    elif function.__qualname__ != function.__name__:
        inside = "a nested function" if "<locals>" in function.__qualname__ else "a method"
        problem = f"{function.__qualname__} is {inside} and cannot be a step"
    elif inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        problem = f"{function.__name__} is a coroutine or generator and cannot be a step"
    else:
        return Step(function, files=files, patience=patience)
    raise Misuse(
        problem,
        where=_line_of(function) or user_line(),
        expected="a function defined at the top level of a module, so that another process can import it",
    )


def _line_of(function: Any) -> str:
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    return "" if code is None else f"{Path(code.co_filename).name}, line {code.co_firstlineno}"
