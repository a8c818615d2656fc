"""Fixtures: a project in a temporary folder, whose pipeline file is written by the test and imported once."""

import itertools
import sys
import textwrap

import pytest

from headrace.orchestration import load_pipeline
from headrace.orchestration.pipelines import load_file
from tests.orchestration.processes import end_all

_numbers = itertools.count()


class Project:
    """A folder with one pipeline file under a name of its own, so that tests share no module."""

    def __init__(self, folder):
        self.folder = folder
        self.stem = f"flow_{next(_numbers)}"
        self.file = folder / f"{self.stem}.py"

    def write(self, source):
        """(Over)write the pipeline's file and forget what was imported of this project."""
        self.file.write_text("import headrace as hr\n" + textwrap.dedent(source), encoding="utf-8")
        self.forget()
        return self

    def line(self, text):
        """Where a line of the file is, as messages say it."""
        lines = self.file.read_text(encoding="utf-8").splitlines()
        number = next(number for number, line in enumerate(lines, 1) if line.strip() == text)
        return f"{self.file.name}, line {number}"

    def forget(self):
        """Make the next import read the files again."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.folder)):
                del sys.modules[name]

    def module(self):
        """The file, imported."""
        return load_file(self.file)

    def pipeline(self, name=None):
        """Its pipeline."""
        return load_pipeline(self.file, name)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A function that makes of a project the pipeline of `small` after its first run; that run happens once."""
    import shutil

    from tests.orchestration.small import Months, month

    first = Months(Project(tmp_path_factory.mktemp("prepared")))
    before = list(sys.path)
    for number in (1, 2, 3):
        first.deliver(f"0{number}", month(number))
    (first.project.folder / "headrace.toml").write_text('home = ".headrace"\n', encoding="utf-8")
    assert first.run().ok
    first.project.forget()
    sys.path[:] = before

    def prepare(project):
        shutil.copytree(first.project.folder / ".headrace", project.folder / ".headrace")
        made = Months(project)
        for file in first.folder.iterdir():
            shutil.copy(file, made.folder)
        return made

    return prepare


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that is its own home, and leaves nothing behind in this process."""
    monkeypatch.delenv("HEADRACE_HOME", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "headrace.toml").write_text('home = ".headrace"\nworkers = 2\n', encoding="utf-8")
    made = Project(tmp_path)
    yield made
    end_all()
    made.forget()
