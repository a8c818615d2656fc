"""One step with every kind of syntax node, and every way to change one node of it."""

import ast
import collections
import copy

# One step with every kind of node that a function can hold. It is read, never run.
EVERYTHING = """
import asyncio
import math as m
from os import path

LIMIT = 3


class Base:
    size = 1

    def grow(self, by=1):
        return self.size + by


class Child(Base):
    size: int = 2


def helper(x, *rest, scale=2.0, **named):
    return x * scale


@hr.step
def work(a, /, b: int = 2, *more, c, d=-1, **named) -> dict:
    import json, ast
    from os import sep as separator
    assert a, "a"
    total = 0
    total += 1
    small: int = 4
    bare: str
    x, *y = [1, 2, 3]
    (z, w) = (1, 2)
    del z
    kept = {1, 2}
    table = {"k": 1, **named}
    part = y[0:2:1]
    one = y[0]
    table["q"] = 1
    table.update(r=2)
    text = f"{a!r:>10} and {b:{c}}"
    data = b"bytes"
    number = 1.5 + 2j
    flag = True
    nothing = None
    dots = ...
    for i, j in enumerate(y):
        if i == 1:
            continue
        elif i > 2:
            break
    else:
        total = total - 1
    while total < 10 and not flag or b:
        total = total + 1
        pass
    try:
        total = helper(total, 1, *y, scale=3, **table)
    except (ValueError, TypeError) as error:
        raise RuntimeError("x") from error
    except KeyError:
        raise
    else:
        total = ~total
    finally:
        total = +total
    try:
        total = 1
    except* OSError as group:
        total = 2
    with open(a) as f, open(b):
        total = f.read()
    squares = [v * v for v in y if v if v > 1]
    unique = {v for v in y}
    pairs = {v: v + 1 for v in y}
    lazy = (v for v in y)
    pick = a if b else c
    if (n := len(y)) >= 2 != d is not None in y not in kept is b:
        total = n
    mixed = a - b * c / d % a ** b // c @ d << 1 >> 2 | a & b ^ c
    compare = a <= b
    call = lambda q, r=1: q + r

    def inner(k):
        nonlocal total
        global LIMIT
        total = LIMIT
        yield k
        got = yield
        yield from y
        return got

    async def later():
        await asyncio.sleep(1)
        async with a as b2:
            pass
        async for v in a:
            yield v
        return_value = [v async for v in a]

    match a:
        case 1:
            total = 1
        case None:
            total = 2
        case [first, *others]:
            total = 3
        case {"k": value, **rest}:
            total = 4
        case Child(size=3) | Base(1):
            total = 5
        case str() as named_text if b:
            total = 6
        case m.pi:
            total = 7
        case _:
            total = 8
    return {"total": total, "path": path.join("a", "b"), "pi": m.pi, "c": Child().grow()}
"""

OPPOSITE = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.FloorDiv: ast.Div, ast.MatMult: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitOr, ast.And: ast.Or, ast.Or: ast.And,
    ast.Not: ast.Invert, ast.Invert: ast.UAdd, ast.UAdd: ast.USub, ast.USub: ast.UAdd, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


STAYS = ("import headrace as hr\n", "@hr.step\ndef work(")  # without these there is no step to ask


def other_constant(value):
    """A constant of the same type that is not the same."""
    if value is None or value is ...:
        return 0
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float, complex)):
        return value + 1
    return value + (b"x" if isinstance(value, bytes) else "x")


def mutations(node):
    """(what, changed copy) for each way to change one node that can still be Python."""
    for name, value in ast.iter_fields(node):
        if name in ("kind", "type_comment", "ctx", "lineno"):
            continue
        changed = []
        if name == "value" and isinstance(node, (ast.Constant, ast.MatchSingleton)):
            changed = [True if isinstance(node, ast.MatchSingleton) else other_constant(value)]
        elif isinstance(value, str):
            changed = [value + "_x"]
        elif isinstance(value, int):
            changed = [{-1: ord("r"), ord("r"): ord("s")}.get(value, 1 - value)]
        elif type(value) in OPPOSITE:
            changed = [OPPOSITE[type(value)]()]
        elif isinstance(value, ast.expr):
            changed = [ast.Name("other", ast.Load()), None]
        elif isinstance(value, list) and value:
            changed = [value[1:], value[:-1], value[::-1]]
            if not isinstance(value[0], ast.alias) and name != "decorator_list":  # importing twice is importing once
                changed.append([*value, value[-1]])
            if isinstance(value[0], ast.cmpop):
                changed = [[OPPOSITE[type(item)]() for item in value]]
        for replacement in changed:
            copied = copy.copy(node)
            setattr(copied, name, replacement)
            yield f"{type(node).__name__}.{name}", copied


def changed_sources(tree, *, only_one):
    """(what, source) for every mutation of every node that compiles and differs; `only_one` of each kind."""
    before, tried = ast.dump(tree), collections.Counter()
    for node in list(ast.walk(tree)):
        kept = dict(vars(node))
        for what, changed in mutations(node):
            tried[what] += 1
            if only_one and tried[what] > 12:
                continue
            vars(node).update(vars(changed))
            try:
                source = ast.unparse(tree)
                compile(source, "<changed>", "exec")
                differs = ast.dump(ast.parse(source)) != before and all(text in source for text in STAYS)
            except (SyntaxError, ValueError, TypeError, AttributeError, IndexError, KeyError, SyntaxWarning):
                differs = False
            if differs:
                tried[what] += 12
                yield what, source
            vars(node).update(kept)
