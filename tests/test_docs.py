"""Docs are code: every docstring example and every Python fence in README and docs runs."""

import doctest
import importlib
import pkgutil
import re

import pytest

import headrace
from tests.pages import ROOT, fences, pages

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*([^)\s]+)\s*\)")


def modules():
    """Every module of the package whose third parties are installed here."""
    for found in pkgutil.walk_packages(headrace.__path__, "headrace."):
        elsewhere = found.name.startswith(("headrace.adapters.beam", "headrace.adapters.torch"))
        if not elsewhere and not found.name.endswith(("__main__", "._native")):
            yield found.name


@pytest.mark.parametrize("name", list(modules()))
def test_docstring_examples(name):
    """The examples in this module's docstrings print what they say."""
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_fences(page, tmp_path, monkeypatch):
    """The Python fences of a page run, in order, in one namespace and folder; those that are only shown compile."""
    monkeypatch.chdir(tmp_path)
    is_session = any(fence.language == "console" for fence in fences(page))  # run by test_sessions, as a whole
    namespace = {"__name__": "page"}
    for number, fence in enumerate(fences(page)):
        if fence.language != "python":
            assert not fence.mark or fence.mark.startswith("{"), f"{page.name}: ```{fence.language} {fence.mark}"
            continue
        assert fence.mark in ("", "no-run", "with-file") or fence.file, f"{page.name}: unknown mark {fence.mark!r}"
        file = tmp_path / f"{page.stem}_{number}.py"
        file.write_text(fence.text, encoding="utf-8")
        code = compile(fence.text, str(file), "exec")
        if not fence.mark and not is_session:
            # Our own documentation, executed on purpose.
            exec(code, namespace)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere_in_a_clone(page):
    """What a page links to is a file of the repository, so that it can be followed without the built site."""
    links = LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    targets = [link.partition("#")[0] for link in links if ":" not in link]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []
