"""The cache's honesty: every change of behaviour misses, every comment, docstring and layout hits."""

import ast
import collections
import copy
import subprocess
import sys

import pytest

from headrace.orchestration.fingerprint import fingerprint, headrace_version, parts

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


@pytest.mark.parametrize("only_one", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_node_counts(project, only_one):
    """Whatever node of a step, or of what its names stand for, is changed: the fingerprint changes."""
    module = project.write(EVERYTHING).module()
    function = module.work.function
    before = fingerprint(function)
    tree = ast.parse(project.file.read_bytes())
    # The constant counts by its value, which only an import makes: it stays, and so does what makes the step one.
    tree.body = [node for node in tree.body if not isinstance(node, ast.Assign)]
    seen, missed = set(), []
    for what, source in changed_sources(tree, only_one=only_one):
        project.file.write_text(source.replace("class Base", "LIMIT = 3\nclass Base"), encoding="utf-8")
        seen.add(what.partition(".")[0])
        if fingerprint(function) == before:
            missed.append(what)
    assert missed == []
    kinds = {type(node).__name__ for node in ast.walk(tree)}
    # Operators are changed as fields of what holds them; the others have no field but nodes that are changed too.
    bare = {name for name in kinds if not getattr(ast, name)._fields} | {"Module", "JoinedStr", "MatchValue"}
    assert kinds - bare - seen == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    assert a", "    # a comment\n    assert a"),
        ("    assert a", '    """A docstring."""\n    assert a'),
        ("class Base:\n", 'class Base:\n    """A docstring."""\n'),
        ("    size = 1\n", '    size = 1\n    """What it is, for a reader."""\n'),
        ("    size = 1\n", "\n\n    size    =    1   # one\n"),
        ('"a"', "'a'"),
        ("[1, 2, 3]", "[\n        1,\n        2, 3,\n    ]"),
        ("2.0", "2.00"),
        ("LIMIT = 3", "# three\nLIMIT = 2 + 1"),
        ("import asyncio\n", "import asyncio\nimport this_is_never_used_by_the_step_nor_there\n"),
        ("LIMIT = 3", "LIMIT = 3\n\n\ndef unused():\n    return 1\n"),
        ("LIMIT = 3", "LIMIT = 3\n\nUNUSED = 4\n"),
        ("@hr.step\n", "@hr.step(retries=3, timeout_s=60)\n"),
        ("x * scale", "(x * scale)"),
    ],
)
def test_what_does_not_act_does_not_count(project, old, new):
    """Comments, docstrings, layout, quotes, and code that the step does not reach leave the fingerprint as it was."""
    module = project.write(EVERYTHING).module()
    before = fingerprint(module.work.function)
    source = project.file.read_text()
    assert old in source
    project.file.write_text(source.replace(old, new, 1))
    assert fingerprint(module.work.function) == before


HELPERS = {
    "helpers.py": """
        from pkg import deep
        from pkg.deep import *
        import numpy
        FACTOR = 2
        TABLE = {"b": 1, "a": 2}
        import re
        PATTERN = re.compile("a+")
        def times(x): return x * FACTOR
        def unused(x): return x
        def through(x): return deep.inner(x)
        class Config:
            depth = 3
        config = Config()
        config.depth = 4
        def twice(x=FACTOR): return 2 * x
    """,
    "pkg/__init__.py": "from .deep import inner as outer\n",
    "pkg/deep.py": "def inner(x): return x + 1\ndef starred(x): return x\n",
}


def write_helpers(project, files):
    """Write the modules beside the pipeline's file."""
    import textwrap

    for name, source in files.items():
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source))
    project.forget()


def of(project, body, edits=()):
    """The fingerprint of a step with this body, after edits (file, old, new) of the helpers."""
    files = dict(HELPERS)
    for name, old, new in edits:
        assert old in files[name]
        files[name] = files[name].replace(old, new)
    write_helpers(project, files)
    project.write("import helpers\nfrom helpers import *\nimport pkg\n\n@hr.step\ndef work(x):\n" + body)
    return fingerprint(project.module().work.function)


@pytest.mark.parametrize(
    ("body", "edit", "counts"),
    [
        ("    return helpers.times(x)", ("helpers.py", "x * FACTOR", "FACTOR * x"), True),
        ("    return helpers.times(x)", ("helpers.py", "FACTOR = 2", "FACTOR = 3"), True),
        ("    return helpers.times(x)", ("helpers.py", "return x\n", "return -x\n"), False),
        ("    return helpers.times(x)", ("pkg/deep.py", "x + 1", "x + 2"), False),
        ("    return times(x)", ("helpers.py", "x * FACTOR", "FACTOR * x"), True),
        ("    return helpers.through(x)", ("pkg/deep.py", "x + 1", "x + 2"), True),
        ("    return pkg.outer(x)", ("pkg/deep.py", "x + 1", "x + 2"), True),
        ("    return pkg.deep.inner(x)", ("pkg/deep.py", "x + 1", "x + 2"), True),
        ("    return pkg.deep.inner(x)", ("pkg/deep.py", "starred(x): return x", "starred(x): return 2"), False),
        ("    return starred(x)", ("pkg/deep.py", "starred(x): return x", "starred(x): return 2"), True),
        ("    from helpers import times as t\n    return t(x)", ("helpers.py", "x * FACTOR", "FACTOR * x"), True),
        ("    import helpers as h\n    return h.times(x)", ("helpers.py", "x * FACTOR", "FACTOR * x"), True),
        ("    return getattr(helpers, x)", ("helpers.py", "return x\n", "return -x\n"), True),
        ("    return globals()[x]", ("helpers.py", "return x\n", "return -x\n"), False),
        ("    return helpers.TABLE", ("helpers.py", '"b": 1, "a": 2', '"a": 2, "b": 1'), True),
        ("    return helpers.PATTERN", ("helpers.py", '"a+"', '"b+"'), True),
        ("    return helpers.config", ("helpers.py", "config.depth = 4", "config.depth = 5"), True),
        ("    return helpers.config", ("helpers.py", "depth = 3", "depth = 33"), True),
        ("    return helpers.twice()", ("helpers.py", "FACTOR = 2", "FACTOR = 3"), True),
        ("    return helpers.times(x)", ("helpers.py", "config.depth = 4", "config.depth = 5"), True),
        ("    return x", ("helpers.py", "x * FACTOR", "FACTOR * x"), False),
    ],
)
def test_names_are_followed(project, body, edit, counts):
    """What a name stands for counts, through modules, packages, re-exports, stars and imports inside functions."""
    assert (of(project, body) != of(project, body, [edit])) == counts


def test_versions_of_packages_count(project):
    """An installed package counts by its version, headrace too; the standard library does not."""
    module = project.write("""
        import json
        import numpy
        import pyarrow.compute as pc
        @hr.step
        def uses(x): return numpy.sum(pc.add(x, 1)) + len(json.dumps(x)) + hr.analyze(x)
        @hr.step
        def uses_nothing(x): return x
    """).module()
    import numpy
    import pyarrow

    packages = parts(module.uses.function)[0]["packages"]
    assert packages == {"headrace": headrace_version(), "numpy": numpy.__version__, "pyarrow": pyarrow.__version__}
    assert parts(module.uses_nothing.function)[0]["packages"] == {}


def test_editable_headrace_counts_by_its_source(tmp_path):
    """Run from a source tree, headrace counts by its files: one more byte in one of them is another version."""
    import shutil
    from pathlib import Path

    import headrace

    shutil.copytree(Path(headrace.__file__).parent, tmp_path / "headrace", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from headrace.orchestration.fingerprint import headrace_version as v; print(v())"

    def version():
        return subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
        ).stdout

    first = version()
    assert first.startswith("source ")
    assert version() == first
    with (tmp_path / "headrace" / "progress.py").open("a") as file:
        file.write("\n")
    assert version() != first


def test_no_path_counts(project, tmp_path_factory):
    """The same project in another folder has the same fingerprints, constants made from __file__ included."""
    source = """
        from pathlib import Path
        import os
        HERE = Path(__file__).parent
        TEXT = os.path.join(os.path.dirname(__file__), "data")
        @hr.step
        def work(): return [str(HERE), TEXT]
    """
    first = fingerprint(project.write(source).module().work.function)
    moved = tmp_path_factory.mktemp("elsewhere") / project.file.name
    moved.write_bytes(project.file.read_bytes())
    project.forget()
    sys.path.remove(str(project.folder))
    from headrace.orchestration.pipelines import load_file

    module = load_file(moved)
    del sys.modules[project.stem]
    sys.modules[project.stem] = module
    try:
        assert fingerprint(module.work.function) == first
    finally:
        del sys.modules[project.stem]


def test_constants_keep_their_types(project):
    """1, 1.0, True, "1", (1,) and [1] are six constants."""
    found = set()
    for text in ("1", "1.0", "True", "'1'", "(1,)", "[1]", "b'1'", "{1}", "-0.0", "0.0", "None", "1e999", "{1: 1}"):
        module = project.write(f"X = {text}\n@hr.step\ndef work(): return X\n").module()
        found.add(fingerprint(module.work.function))
    assert len(found) == 13
