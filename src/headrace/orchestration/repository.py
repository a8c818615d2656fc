"""Which commit the file of a pipeline is of, where it lies in a git repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["COMMIT", "commit_events", "commit_of"]

COMMIT = "run-commit"
_TIMEOUT_S = 2.0


def commit_of(file: Path | None) -> dict[str, Any] | None:
    """{"commit", "is_clean"} of a file; None where there is no git, no repository or no commit yet.

    It is clean where no file of its folder that git knows differs from the commit, and git knows this one. Nothing is
    written, and no program of the repository's own is run. Cost: one process, about 5 ms.
    """
    if file is None or not any((folder / ".git").exists() for folder in file.parents):
        return None
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks"]
    command += ["status", "--porcelain=v2", "--branch", "--untracked-files=all", "--", "."]
    try:
        done = subprocess.run(
            command,
            cwd=file.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    commits = [line.split()[2] for line in lines if line.startswith("# branch.oid ")]
    if done.returncode or not commits or commits[0] == "(initial)":
        return None
    changed = [line for line in lines if line[:1] in ("1", "2", "u")]
    is_unknown = any(line.startswith("? ") and line.rpartition("/")[2].endswith(file.name) for line in lines)
    return {"commit": commits[0], "is_clean": not changed and not is_unknown}


def commit_events(file: Path | None) -> list[tuple[str, dict[str, Any]]]:
    """What a run's records keep of it, as `Store.create_run` takes it."""
    found = commit_of(file)
    return [] if found is None else [(COMMIT, found)]
