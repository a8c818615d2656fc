"""Which commit a pipeline's file is of."""

from __future__ import annotations

import subprocess

import pytest

from headrace.orchestration.repository import commit_events, commit_of


def git(folder, *words):
    """Run git there, as nobody in particular."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """One with a commit of flow.py, in a folder."""
    git(tmp_path, "init", "-q")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "flow.py").write_text("a = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_a_file_as_it_was_committed_is_clean(repository):
    """And one changed since, or beside one that was, is not; another folder changes nothing."""
    file = repository / "flows" / "flow.py"
    assert commit_of(file) == {"commit": git(repository, "rev-parse", "HEAD"), "is_clean": True}
    (repository / "other.py").write_text("b = 1\n")
    assert commit_of(file)["is_clean"]
    file.write_text("a = 2\n")
    assert not commit_of(file)["is_clean"]
    assert [kind for kind, _ in commit_events(file)] == ["run-commit"]


def test_a_file_that_git_does_not_know_is_not_clean(repository):
    """It is in no commit."""
    new = repository / "flows" / "new.py"
    new.write_text("a = 1\n")
    assert not commit_of(new)["is_clean"]


def test_where_there_is_none(tmp_path):
    """No repository, no commit, no file: nothing is said."""
    file = tmp_path / "flow.py"
    file.write_text("a = 1\n")
    assert commit_of(None) is None and commit_of(file) is None and commit_events(file) == []
    git(tmp_path, "init", "-q")
    assert commit_of(file) is None
