"""Spans in paths: `data/{span}.parquet` finds files and says which stretch of data each belongs to."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from headrace.errors import InvalidInput, UnknownName
from headrace.places import Bucket, find_objects, is_url

__all__ = ["SPAN", "find_spans", "natural", "select_spans"]

SPAN = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_FORMS = "'all', 'last 6', 'A..B' (both included), one name, or a list of names"
_LAST = re.compile(r"last ([1-9]\d*)")


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorts 2013-2 before 2013-10, as people do."""
    pieces = re.findall(r"\d+|\D+", name)
    return [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces], name


def _matcher(root: str, pattern: str) -> re.Pattern[str]:
    """A regular expression for the files that a glob pattern finds under `root`, with the span as a group."""
    found, is_first = re.escape(root), True
    for piece in re.findall(r"\{span\}|\*\*/|\*\*|\*|\?|\[[^]/]+\]|.", pattern, re.DOTALL):
        if piece == "{span}":
            found += f"(?P<span>{SPAN})" if is_first else "(?P=span)"
            is_first = False
        elif len(piece) > 1 and piece[0] == "[":
            inside = piece[1:-1].replace("\\", r"\\").replace("[", r"\[")
            found += f"[^{inside[1:]}]" if inside[0] == "!" else f"[{inside}]"
        else:
            found += _WILDCARDS.get(piece) or re.escape(piece)
    return re.compile(found, re.DOTALL)


def find_spans(pattern: str | Path, *, base: Path | None = None) -> list[tuple[str, list[str]]]:
    """Every span a pattern finds, in natural order, each with its files, absolute paths or URLs, in their order.

    Parameters
    ----------
    pattern : str or Path
        A path or URL with `{span}` and the wildcards of glob; without `{span}` all files are the one span "all".
    base : Path, optional
        Where a relative path starts; the working folder by default.

    Raises InvalidInput, with what was looked for, when no file is found or a name is no name for a span.
    """
    text = str(pattern)
    unknown = [name for name in re.findall(r"\{([^}]*)\}", text) if name != "span"]
    if unknown:
        raise InvalidInput(f"{{{unknown[0]}}} in pattern {text!r}", expected="{span} and the wildcards of glob")
    if is_url(text):
        path = Bucket(text).path
        return _by_span([(path(url), url) for url, _ in find_objects(text)], "", path(text))
    root = Path.cwd() if base is None else base
    whole = text if Path(text).is_absolute() else f"{glob.escape(str(root))}/{text}"
    if "{span}" not in text and Path(text if Path(text).is_absolute() else root / text).is_file():
        return [("all", [str((root / text).absolute())])]
    paths = sorted(path for path in glob.glob(whole.replace("{span}", "*"), recursive=True) if Path(path).is_file())  # noqa: PTH207  # takes absolute patterns
    if not paths:
        from headrace.dataset.reading import nearby

        raise InvalidInput(
            "no file found", where=str(root / text), expected="at least one file", fix=nearby(root / text)
        )
    return _by_span([(path, path) for path in paths], "" if Path(text).is_absolute() else f"{root}/", text)


def _by_span(found: Sequence[tuple[str, str]], root: str, pattern: str) -> list[tuple[str, list[str]]]:
    """Locators, each with the path that the pattern is held against, by the spans that this finds."""
    if "{span}" not in pattern:
        return [("all", [locator for _, locator in found])]
    matcher = _matcher(root, pattern)
    spans: dict[str, list[str]] = {}
    for path, locator in found:
        match = matcher.fullmatch(path)
        if match is None:
            raise InvalidInput(
                "this file's name holds no span", where=locator, expected="letters, digits and _ . + - for {span}"
            )
        spans.setdefault(match["span"], []).append(locator)
    return sorted(spans.items(), key=lambda item: natural(item[0]))


def select_spans(names: Sequence[str], spans: str | Sequence[str]) -> list[str]:
    """The names a selector means, in the order of `names`.

    Parameters
    ----------
    names : sequence of str
        All there are, in order.
    spans : str or sequence of str
        "all"; "last 6" (fewer where there are fewer); "2013-01..2013-06", both ends included; one name; or a list of
        names. A named span that is not there is an UnknownName: never silently less than was asked for.

    >>> select_spans(["2013-01", "2013-02", "2013-03"], "last 2")
    ['2013-02', '2013-03']
    """
    if spans == "all" and "all" not in names:
        return list(names)
    if isinstance(spans, str):
        if match := _LAST.fullmatch(spans):
            return list(names)[-int(match[1]) :]
        first, dots, last = spans.partition("..")
        if dots and spans not in names:
            ends = [list(names).index(_known(end, names)) for end in (first.strip(), last.strip())]
            if ends[0] > ends[1]:
                raise InvalidInput(f"spans {spans!r} end before they begin")
            return list(names)[ends[0] : ends[1] + 1]
        if spans not in names:
            raise UnknownName("span", spans, names, expected=_FORMS)
        spans = [spans]
    wanted = {_known(str(name), names) for name in spans}
    if not wanted:
        raise InvalidInput("no span was asked for", expected=_FORMS)
    return [name for name in names if name in wanted]


def _known(name: str, names: Sequence[str]) -> str:
    if name not in names:
        raise UnknownName("span", name, names)
    return name
