"""Tracing: a function of columns becomes an expression graph.

`features(x)` is called in the caller, once for all rows (and again, to see that it says the same), with an `x` whose
attributes and items are columns. What it does to them is recorded, not done: no type is known yet and no row is read.
Lambdas, closures and notebooks work, because the function itself is never stored. The user's line is kept beside each
node for error messages, and is not in the key.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from headrace.calls import an, user_line
from headrace.canonical import to_canonical
from headrace.errors import InvalidInput, Misuse
from headrace.transformation._recording import Columns, Expression, is_unicode
from headrace.transformation.expressions import Expressions, Node

__all__ = ["Expressions", "Node", "trace"]

_TRAINED_BEFORE = "onnx"  # the op of a graph or a module that the function reads


def trace(
    features: Callable[[Any], Mapping[str, Expression]], column_names: Sequence[str] | None = None
) -> Expressions:
    """Call a feature function on columns and record what it does: once for all rows, not once a row.

    Parameters
    ----------
    features : callable
        Takes one argument, the columns, and returns a dict of feature name to expression.
    column_names : sequence of str, optional
        The columns there are, where they are known; another name is then an UnknownName at the user's line.

    Returns
    -------
    Expressions
        Plain data; equal functions give equal keys.

    Raises Misuse or InvalidInput, at the user's line, for what cannot be recorded; Misuse for a function that assigns
    a global name, or says otherwise when it is called again (random numbers, the time). It is called again for that,
    unless it holds a part that was trained before, which may take long to read. Cost: microseconds a node.
    """
    if not callable(features):
        raise Misuse(f"features is {_said(features)}", where=user_line(), expected="a function of columns")
    code = getattr(features, "__code__", None)
    here = f"{Path(code.co_filename).name}, line {code.co_firstlineno}" if code is not None else user_line()
    _check_parameters(features, here)
    _refuse_assignments(features)
    found = _recorded(features(Columns(column_names)), here)
    if all(node.op != _TRAINED_BEFORE for node in found.nodes):
        _refuse_change(found, _recorded(features(Columns(column_names)), here), here)
    return found


def _recorded(result: Any, here: str) -> Expressions:
    if not isinstance(result, Mapping):
        raise InvalidInput(
            f"features returned {_said(result)}",
            where=here,
            expected="a dict of feature name: expression",
            fix="end the function with return {...}" if result is None else "",
        )
    if not result:
        raise InvalidInput("features returned no feature", where=here, expected="a dict of feature name: expression")
    nodes: list[Node] = []
    places: list[str] = []
    index_of: dict[bytes, int] = {}
    seen: dict[int, int] = {}

    def record(root: Expression) -> int:
        stack = [root]  # a deep chain of operators must not meet Python's recursion limit
        while stack:
            expression = stack[-1]
            missing = [item for item in expression._inputs if id(item) not in seen]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            node = Node(expression._op, expression._parameters, tuple(seen[id(item)] for item in expression._inputs))
            key = to_canonical(node.to_plain())
            if key not in index_of:
                index_of[key] = len(nodes)
                nodes.append(node)
                places.append(expression._place)
            seen[id(expression)] = index_of[key]
        return seen[id(root)]

    named: list[tuple[str, int]] = []
    returned: list[tuple[Any, Any]] = list(result.items())
    for name, expression in returned:
        if not isinstance(name, str) or not name or not is_unicode(name) or "\x00" in name:
            raise InvalidInput(f"{name!r} cannot be a feature's name", where=here, expected="a text")
        if not isinstance(expression, Expression):
            raise InvalidInput(
                f"feature {name!r} is {_said(expression)}, not an expression",
                where=here,
                expected="x.<column>, operators on it, or headrace.ops",
                fix=f"call it: ops.{expression.__name__}(x.<column>)" if isinstance(expression, FunctionType) else "",
            )
        named.append((name, record(expression)))
    return Expressions(tuple(nodes), tuple(named), tuple(places))


def _refuse_change(one: Expressions, other: Expressions, here: str) -> None:
    """Refuse what is not the same when it is called again: the graph is made once, and must not depend on when."""
    if one.key == other.key:
        return
    first, second = dict(one.features), dict(other.features)
    for name in dict.fromkeys([*first, *second]):
        both = ((one, first), (other, second))
        texts = [made.text(nodes[name]) if name in nodes else "absent" for made, nodes in both]
        if texts[0] != texts[1]:
            said = f"feature {name!r} was {texts[0]}, and {texts[1]} when features was called again"
            break
    else:
        said = "features returned another order of features when it was called again"
    raise Misuse(
        said,
        where=here,
        expected="the same expressions from each call",
        fix="take what changes (random numbers, the time, what a call leaves behind) out of the function",
    )


def _refuse_assignments(features: Callable[..., Any]) -> None:
    """Refuse a function that assigns names outside it: whoever writes that expects to be called for each row."""
    whole = getattr(features, "__code__", None)
    if whole is None:  # built in, or an object that is called
        return
    codes = [whole]
    while codes:
        code = codes.pop()
        codes += [item for item in code.co_consts if isinstance(item, CodeType)]
        for step in dis.get_instructions(code):
            is_outer = step.opname == "STORE_DEREF" and step.argval in whole.co_freevars
            if step.opname == "STORE_GLOBAL" or is_outer:
                line = step.positions.lineno if step.positions else None
                raise Misuse(
                    f"features assigns {step.argval!r}, which is not its own",
                    where=f"{Path(code.co_filename).name}, line {line or code.co_firstlineno}",
                    expected="a function that only returns expressions: it is called for all rows at once",
                    fix="compute it before, or say it as an expression",
                )


def _check_parameters(features: Callable[..., Any], here: str) -> None:
    try:
        inspect.signature(features).bind(None)
    except TypeError:
        raise Misuse(
            f"features takes {inspect.signature(features)}",
            where=here,
            expected="one argument, the columns: features(x)",
        ) from None
    except ValueError:  # something built in says nothing of its parameters; calling it will
        return


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Expression):
        return f"one expression, {value!r}"
    if isinstance(value, FunctionType):
        return f"the function {value.__name__}"
    if isinstance(value, (bool, int, float, str)):
        return f"the constant {value!r}"
    return an(type(value).__name__)
