"""From what a person types to a pattern of files and a name: a file, a folder, a pattern."""

from __future__ import annotations

import glob
import keyword
import os
import re
import sys
import sysconfig
import unicodedata
from importlib.machinery import PathFinder
from pathlib import Path

from headrace.errors import InvalidInput

__all__ = ["check_name", "find_pattern", "name_of"]

_KINDS = (".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz")
_DATE = re.compile(r"\d{4}([-_.]?\d{2}){0,2}")


def find_pattern(source: str, folder: Path) -> str:
    """The pattern that a source stands for, relative to the folder where it lies in it.

    A file and a pattern are themselves. A folder is all of its files of one kind; where these are named after days,
    months or years, each is a span: `data/{span}.parquet`.

    Parameters
    ----------
    source : str
        What was typed, relative to `folder`.
    folder : Path
        Where the pipeline's file will be.

    Raises InvalidInput for a path that is not there, a folder without files that can be read, or with two kinds.
    """
    path = folder / source
    if not path.is_dir():
        if not path.exists() and not any(mark in source for mark in "{*?["):
            from headrace.dataset.reading import nearby

            expected = "a file, a folder, or a pattern of files"
            raise InvalidInput("no such file or folder", where=source, expected=expected, fix=nearby(path))
        return _relative(source, folder)
    files = {file: _kind(file) for file in sorted(path.rglob("*")) if _kind(file) and file.is_file()}
    kinds = sorted(set(files.values()))
    if len(kinds) != 1:
        raise InvalidInput(
            f"this folder holds files of {len(kinds)} kinds: {', '.join(kinds)}"
            if kinds
            else "no file can be read here",
            where=source,
            expected=f"files that end in {', '.join(_KINDS)}",
            fix=f"name one kind: '{source}/*{kinds[0]}'" if kinds else "",
        )
    inside = glob.escape(_relative(source, folder))
    if any(file.parent != path for file in files):
        return f"{inside}/**/*{kinds[0]}"
    is_dated = len(files) > 1 and all(_DATE.fullmatch(file.name.removesuffix(kinds[0])) for file in files)
    return f"{inside}/{'{span}' if is_dated else '*'}{kinds[0]}"


def _kind(file: Path) -> str:
    """How its name ends, of the endings that can be read; "" where it is another."""
    return next((kind for kind in _KINDS if file.name.endswith(kind)), "")


def _relative(source: str, folder: Path) -> str:
    path = Path(os.path.normpath(folder / source))
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def name_of(pattern: str) -> str:
    """A name for the pipeline, after the file, or the folder above a pattern: a Python name that nothing else has.

    >>> name_of("data/Churn 2024.csv"), name_of("flights/{span}.parquet"), name_of("random.csv")
    ('churn_2024', 'flights', 'random_pipeline')
    """
    parts = [part for part in Path(pattern).parts if not any(mark in part for mark in "{*?[/")]
    stem = parts[-1].partition(".")[0] if parts else ""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", plain).strip("_").lower()[:40] or "data"
    if not name[0].isalpha():
        name = f"data_{name}"
    return f"{name}_pipeline" if _is_taken(name) else name


def check_name(name: str) -> str:
    """The name itself; InvalidInput unless a pipeline and its file can be called so."""
    if not (name.isidentifier() and name.isascii()) or name.startswith("_") or keyword.iskeyword(name):
        raise InvalidInput(f"{name!r} is not a Python name", where="--name", expected="letters, digits and _")
    if _is_taken(name):
        raise InvalidInput(
            f"there is a module named {name!r} already", where="--name", fix="another name, or the file would hide it"
        )
    return name


def _is_taken(name: str) -> bool:
    """Whether Python or an installed package has a module of that name, which the pipeline's file would hide."""
    if keyword.iskeyword(name) or name in sys.stdlib_module_names or name == "headrace":
        return True
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return PathFinder.find_spec(name, folders) is not None
