"""Docs are code: every docstring example and every Python fence in README and docs runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import headrace

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def modules():
    """Every module of the package whose third parties are installed here."""
    for found in pkgutil.walk_packages(headrace.__path__, "headrace."):
        if not found.name.startswith("headrace.adapters.beam") and not found.name.endswith(("__main__", "._native")):
            yield found.name


@pytest.mark.parametrize("name", list(modules()))
def test_docstring_examples(name):
    """The examples in this module's docstrings print what they say."""
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_fences(page, tmp_path, monkeypatch):
    """The Python fences of a page run, in order, in one namespace."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "page"}
    for fence in FENCE.findall(page.read_text(encoding="utf-8")):
        file = tmp_path / f"{page.stem}.py"
        file.write_text(fence, encoding="utf-8")
        # Our own documentation, executed on purpose.
        exec(compile(fence, str(file), "exec"), namespace)
