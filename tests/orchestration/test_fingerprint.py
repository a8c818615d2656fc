"""The cache's honesty: every change of behaviour misses, every comment, docstring and layout hits."""

import ast
import subprocess
import sys

import pytest

from headrace.orchestration.fingerprint import fingerprint, headrace_version, parts
from tests.orchestration.mutations import EVERYTHING, changed_sources


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
