"""What `headrace doctor` says of the installation: Python, packages in their ranges, kernels, extras, disk, clock."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Finding", "installation", "place"]

_SCARCE_BYTES, _LOW_BYTES = 100 << 20, 2 << 30
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")


@dataclass(frozen=True)
class Finding:
    """One row of the doctor's table.

    Parameters
    ----------
    check : str
        What was looked at.
    state : str
        "ok", "warn", "fail", or "absent" for an extra that nobody asked for.
    found : str
        What is there.
    fix : str
        What to do about it.
    """

    check: str
    state: str
    found: str
    fix: str = ""


def installation() -> Iterator[Finding]:
    """What this Python has of what headrace needs. Cost: reading the packages' metadata, and loading the kernels."""
    from headrace import __version__

    yield Finding("headrace", "ok", __version__)
    version = sys.version.split()[0]
    is_new = sys.version_info >= (3, 11)
    yield Finding("Python", "ok" if is_new else "fail", version, "" if is_new else "install Python 3.11 or newer")
    extras: dict[str, list[tuple[str, str]]] = {}
    for text in importlib.metadata.requires("headrace") or []:
        match = _REQUIREMENT.fullmatch(text)
        if match is None:
            continue
        name, accepted, marker = match[1], match[2].strip(), (match[3] or "").strip()
        if not _is_for_here(marker):
            continue
        extra = re.search(r"""extra\s*==\s*['"]([^'"]+)""", marker)
        if extra is not None:
            extras.setdefault(extra[1], []).append((name, accepted))
        else:
            yield _package(name, accepted)
    yield _kernels()
    for extra_name, needed in sorted(extras.items()):
        yield _extra(extra_name, needed)


def _is_for_here(marker: str) -> bool:
    """Whether a requirement is for this system: XGBoost's package has another name on macOS."""
    systems = re.findall(r"""sys_platform\s*(==|!=)\s*['"](\w+)""", marker)
    return all((sys.platform == name) == (sign == "==") for sign, name in systems)


def _package(name: str, accepted: str) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "fail", "is not installed", f"pip install '{name}{accepted}'")
    if not _accepts(accepted, version):
        return Finding(name, "fail", f"{version}; accepted is {accepted}", f"pip install '{name}{accepted}'")
    return Finding(name, "ok", version)


def _extra(extra: str, needed: list[tuple[str, str]]) -> Finding:
    found = [_package(*one) for one in needed]
    if all(item.state == "ok" for item in found):
        return Finding(f"extra {extra}", "ok", ", ".join(f"{item.check} {item.found}" for item in found))
    missing = ", ".join(f"{item.check} {item.found}" for item in found if item.state != "ok")
    is_there = any("accepted" in item.found for item in found)
    return Finding(f"extra {extra}", "warn" if is_there else "absent", missing, f"pip install 'headrace[{extra}]'")


def _accepts(accepted: str, version: str) -> bool:
    """Whether a version lies in a range of plain comparisons, which is all that our metadata hold.

    >>> _accepts(">=25,<27", "25.0.1"), _accepts(">=25,<27", "27.0"), _accepts("", "1")
    (True, False, True)
    """
    parts = _numbers(version)
    for text in filter(None, accepted.split(",")):
        match = re.fullmatch(r"\s*(>=|<=|<|>|==)\s*([0-9][^,]*)", text)
        if match is None:
            continue
        sign, limit = match[1], _numbers(match[2])
        width = max(len(parts), len(limit))
        left, right = (value + (0,) * (width - len(value)) for value in (parts, limit))
        holds = {">=": left >= right, "<=": left <= right, "<": left < right, ">": left > right, "==": left == right}
        if not holds[sign]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, match.group().split("."))) if match else ()


def _kernels() -> Finding:
    import io
    from contextlib import redirect_stderr

    with redirect_stderr(io.StringIO()):  # it says the same, in other words
        from headrace.fold.kernels.native import library

        is_loaded = library() is not None
    if is_loaded:
        return Finding("compiled kernels", "ok", "loaded")
    fix = "install a C compiler, then: pip install --force-reinstall --no-deps headrace"
    return Finding("compiled kernels", "warn", "not built, or of another version: NumPy is several times slower", fix)


def place(home: Path) -> Iterator[Finding]:
    """The folder that the store lies in, or will: is there room on the disk, and may we write?"""
    nearest = home
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    free = shutil.disk_usage(nearest).free
    state = "fail" if free < _SCARCE_BYTES else "warn" if free < _LOW_BYTES else "ok"
    yield Finding("disk", state, f"{free / 1e9:.1f} GB free", "" if state == "ok" else "free some space")
    may_write = os.access(nearest, os.W_OK | os.X_OK)
    fix = "" if may_write else "set HEADRACE_HOME to a folder that can be written"
    yield Finding("home", "ok" if may_write else "fail", f"{home}{'' if may_write else ' cannot be written'}", fix)
