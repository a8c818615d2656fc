"""The pages of docs/extending: whoever copies their files, and does nothing else, succeeds first time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT, fences

BIN = Path(sys.executable).parent
PAGES = [page for page in sorted((ROOT / "docs" / "extending").glob("*.md")) if page.stem != "index"]
KINDS = ["check", "metric", "op", "policy", "searcher", "source", "stream", "trainer"]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the package and of its tests' packages, to which a page's files can be added."""
    return make_house(tmp_path_factory.mktemp("house"))


def make_house(folder):
    """The package, the configuration, and tests/ without any test."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file in [*(ROOT / "tests").rglob("__init__.py"), ROOT / "tests" / "conftest.py"]:
        place = folder / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    return folder


def add_files(page, house):
    """Save a page's files where it says; returns their paths."""
    found = []
    for fence in fences(page):
        if fence.file:
            file = house / fence.file
            assert not (ROOT / fence.file).exists(), f"{fence.file} is part of the repository"
            file.parent.mkdir(parents=True, exist_ok=True)
            init = file.parent / "__init__.py"
            if not init.exists():
                init.write_text('"""Tests of the trainers, one file each."""\n')
            file.write_text(fence.text, encoding="utf-8")
            found.append(fence.file)
    return found


def run(house, *command, cwd=None):
    """One command in the copy; its failure is the test's."""
    environment = {**os.environ, "PYTHONPATH": f"{house / 'src'}:{house}"}
    done = subprocess.run(command, cwd=cwd or house, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def test_there_is_a_page_for_each_kind():
    """Each kind that a stranger adds has a file, a test of it, and something to try."""
    assert [page.stem for page in PAGES] == KINDS
    for page in PAGES:
        marks = [fence.mark for fence in fences(page)]
        assert any(mark.startswith("file=src/") for mark in marks), page
        assert any(mark.startswith("file=tests/") for mark in marks), page
        assert "with-file" in marks, page
        text = page.read_text(encoding="utf-8")
        for fence in fences(page):
            assert fence.file is None or f"`{fence.file}`" in text, f"{page.name} does not say: save it as {fence.file}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_files_pass_their_suite(page, house, tmp_path):
    """Saved as the page says, its test passes, conformance suite and all, and its example does what it shows."""
    files = add_files(page, house)
    try:
        tests = [file for file in files if file.startswith("tests/")]
        assert "passed" in run(house, sys.executable, "-m", "pytest", *tests)
        for fence in fences(page):
            if fence.mark == "with-file":
                (house / "example.py").write_text(fence.text, encoding="utf-8")
                run(house, sys.executable, "-W", "error", str(house / "example.py"), cwd=tmp_path)
    finally:
        for file in files:
            (house / file).unlink()


@pytest.mark.slow
def test_the_files_pass_every_check_of_ours(tmp_path):
    """All pages' files together: lint, format, types, floors, docstring examples and the walks over all members."""
    house = make_house(tmp_path)
    files = [file for page in PAGES for file in add_files(page, house)]
    (house / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "stub.py", house / "tools")
    run(house, sys.executable, "tools/stub.py")
    for name in ("ErrorRate", "Feather", "Nearby", "Newest", "Spool", "Stump"):
        assert f"import {name} as {name}" in (house / "src/headrace/__init__.pyi").read_text()
    ops = (house / "src/headrace/transformation/ops/__init__.pyi").read_text()
    assert "def range_scale(value: Expression, /, *, scale: float = 1.0) -> Expression: ..." in ops
    run(house, sys.executable, "tools/stub.py", "--check")
    run(house, str(BIN / "ruff"), "check", "--no-cache", *files, "src/headrace/transformation/ops")
    run(house, str(BIN / "ruff"), "format", "--no-cache", "--check", *files, "src/headrace/transformation/ops")
    run(house, str(BIN / "lint-imports"), "--no-cache")
    run(house, str(BIN / "mypy"))
    sources = [file for file in files if file.startswith("src/")]
    run(house, sys.executable, "-m", "pytest", "--doctest-modules", *sources)
    for walk in (
        "tests/evaluation/test_every_metric.py",
        "tests/routing/test_every_policy.py",
        "tests/transformation/test_tracing.py",
        "tests/tuning/test_every_searcher.py",
    ):
        shutil.copy(ROOT / walk, house / walk)
        run(house, sys.executable, "-m", "pytest", walk)
