"""The documentation's site: its reference is whole, and what is wrong with a site is found."""

import importlib.util
import subprocess
import sys

import pytest

import headrace
from headrace import errors, lookup, settings
from headrace.cli import main
from tests.pages import ROOT


def tool(name):
    """A module of tools/, which is not a package."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def docs():
    """tools/docs.py, and those that it imports."""
    docstrings, reference = tool("docstrings"), tool("reference")
    assert docstrings and reference
    return tool("docs")


@pytest.fixture(scope="module")
def reference(docs, tmp_path_factory):
    """The pages of the reference: name -> text."""
    folder = tmp_path_factory.mktemp("site") / "reference"
    tool("reference").write_reference(folder)
    return {page.stem: page.read_text(encoding="utf-8") for page in folder.glob("*.md")}


def test_every_public_name_has_an_entry(reference):
    """What `headrace` offers, every member of every kind, and every error."""
    index = reference["index"]
    for name in headrace.__all__:
        if name not in ("__version__", "ops"):
            assert f"[{name}](" in index, name
    for kind in lookup.KINDS:
        for name in lookup.names(kind):
            assert f"[{'ops.' if kind == 'op' else ''}{name}](" in index, f"{kind} {name}"
    for name in errors.__all__:
        assert f"[{name}](errors.md#" in index, name


def test_every_entry_says_something(reference):
    """No name in the index is without a sentence, and its place is on the page that is named."""
    rows = [line for line in reference["index"].splitlines() if line.startswith("| [")]
    assert len(rows) > 80
    for row in rows:
        _, link, sentence, _ = (cell.strip() for cell in row.replace(r"\|", "/").split("|"))
        page, anchor = link.partition("](")[2].rstrip(")").split("#")
        assert len(sentence) > 10, row
        assert f"({anchor})=" in reference[page.removesuffix(".md")], row


def test_every_setting_has_an_entry(reference):
    """With its variable."""
    for name in settings.Settings.__dataclass_fields__:
        assert f"## {name}\n" in reference["settings"]
        assert f"`HEADRACE_{name.upper()}`" in reference["settings"]


def test_every_command_has_its_help(reference, capsys):
    """As the program prints it, and that of the verbs below a noun."""
    assert main(["--help"]) == 0
    commands = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    for name in commands:
        if not name.startswith("-"):
            assert f"## headrace {name}\n" in reference["command-line"], name
    assert "### headrace endpoints rollback\n" in reference["command-line"]


def test_docstrings_become_markdown():
    """Sections are lists, examples are fences, and what Markdown would take for markup is not."""
    text = """Half of it, times ** 2.

    Parameters
    ----------
    x : float
        Any number,
        or <none>.

    Raises InvalidInput. Kept as `a ** b`.

    >>> 1 + 1
    2
    """
    assert tool("docstrings").to_markdown(text) == (
        "Half of it, times \\*\\* 2.\n\n**Parameters**\n\n`x` : float\n: Any number,\n  or &lt;none>.\n\n"
        "Raises InvalidInput. Kept as `a ** b`.\n\n```pycon\n>>> 1 + 1\n2\n```"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('<p id="a"><a href="#a">x</a><a href="https://example.org">x</a><img src="data:,">', None),
        ('<a href="b.html">x</a>', "links to b.html, which is not there"),
        ('<a href="#b">x</a>', "links to #b, which has no such place"),
        ('<script src="https://example.org/x.js"></script>', "asks https://example.org/x.js"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "asks //example.org/x.css"),
        ('<img src="x.svg">', "asks for x.svg, which is not there"),
    ],
)
def test_what_is_wrong_with_a_site_is_found(docs, tmp_path, text, problem):
    """A link that leads nowhere, and anything that a browser would ask another host for."""
    (tmp_path / "a.html").write_text(text)
    found = docs.problems(tmp_path)
    assert found == ([] if problem is None else [f"a.html: {problem}"])


def test_foreign_style_is_found(docs, tmp_path):
    """A font that a style sheet would fetch."""
    (tmp_path / "a.css").write_text("@import url('https://example.org/font.css');")
    assert docs.problems(tmp_path) == ["a.css: asks url('https://example.org/font.css"]


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".venvs" / "docs").exists(), reason="needs the documentation's environment: make docs")
def test_the_site_is_built_without_a_warning():
    """As `make docs` does, thrown away afterwards."""
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
