"""Code of the user's project by name: a class or function as "module:Name", and back.

A trainer that is given a class keeps its name, which travels as plain data to a step's process or another rank; there
the module is imported, as the pipeline's file is.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

from headrace.calls import user_line
from headrace.errors import InvalidInput, Misuse, UnknownName

__all__ = ["find_code", "name_of"]

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def name_of(code: Any, what: str) -> str:
    """A class or function at the top level of a module as "module:Name"; such a text as it is.

    Parameters
    ----------
    code : class, function or str
        "networks:Net"; "networks.py:Net" is the same, for a file in the folder of the pipeline or script.
    what : str
        What it is for, in messages: "module of Torch".

    Raises Misuse for what another process could not find: a lambda, something nested, an object. The main script goes
    by the stem of its file.

    >>> name_of("networks.py:Net", "module of Torch")
    'networks:Net'
    """
    if isinstance(code, str):
        text = code.replace(".py:", ":")
        if not _NAME.fullmatch(text):
            raise InvalidInput(f"{what} = {code!r}", expected="'module:Name' or 'file.py:Name'")
        return text
    if not isinstance(code, (type, FunctionType)):
        problem = f"{what} is an object of class {type(code).__name__}"
    elif code.__name__ == "<lambda>":
        problem = f"{what} is a lambda"
    elif code.__qualname__ != code.__name__:
        problem = f"{what} is {code.__qualname__}, defined inside something else"
    else:
        return f"{_module_name(code.__module__)}:{code.__name__}"
    raise Misuse(
        problem,
        where=user_line(),
        expected="a class or function at the top level of a module, so that another process can import it",
    )


def _module_name(name: str) -> str:
    file = getattr(sys.modules["__main__"], "__file__", None) if name == "__main__" else None
    return Path(file).stem if file else name


def find_code(name: str, what: str) -> Any:
    """The class or function of such a name.

    Raises UnknownName where its module lacks it, InvalidInput where that cannot be imported or the name stands for
    something that is neither a class nor a function of a project.
    """
    module_name, _, attribute = name.partition(":")
    if module_name.partition(".")[0] in sys.stdlib_module_names and module_name != "__main__":
        raise InvalidInput(f"{what} = {name!r} is of the standard library", expected="code of a project or a package")
    main = sys.modules["__main__"]
    if module_name not in sys.modules and module_name == _module_name("__main__"):
        module = main
    else:
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name != module_name.partition(".")[0]:
                raise
            raise InvalidInput(
                f"{what} = {name!r}: there is no module {module_name!r}",
                expected="one in the folder of the pipeline's file, or installed",
            ) from None
    if not hasattr(module, attribute):
        raise UnknownName(what.partition(" ")[0], attribute, _names(module), where=module_name)
    found = getattr(module, attribute)
    if not isinstance(found, (type, FunctionType)):
        raise InvalidInput(
            f"{what} = {name!r} is an object of class {type(found).__name__}", expected="a class or function"
        )
    return found


def _names(module: Any) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, (type, FunctionType)) and value.__module__ == module.__name__
    ]
