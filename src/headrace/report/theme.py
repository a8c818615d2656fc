"""The theme: every colour a page uses, for light and for dark, and the style sheet around them."""

from __future__ import annotations

import functools
from pathlib import Path

__all__ = ["DARK", "LIGHT", "script", "style"]

# Hues differ in lightness too, and no meaning hangs on a hue alone: signs, words or places say the same. Text and what
# it stands on differ by 4.5 to 1 at least, marks and what they stand on by 3 to 1 (WCAG 2.2, AA); a test computes it.
LIGHT = {
    "paper": "#ffffff",
    "raised": "#f5f7f9",
    "ink": "#17212b",
    "quiet": "#54606d",
    "rule": "#dbe1e8",
    "axis": "#8894a2",
    "fill": "#c3ced9",
    "accent": "#0a6a96",
    "second": "#b4540a",
    "third": "#7a3e9d",
    "wash": "#e3f0f6",
    "good": "#17703f",
    "bad": "#b3261e",
    "warn": "#8a5a00",
    "good-wash": "#e6f4ec",
    "bad-wash": "#fdecea",
    "warn-wash": "#fbf1dd",
}
DARK = {
    "paper": "#12181f",
    "raised": "#1a222b",
    "ink": "#e7edf3",
    "quiet": "#a5b1be",
    "rule": "#2f3a46",
    "axis": "#6f7d8c",
    "fill": "#46545f",
    "accent": "#63c1e6",
    "second": "#f0a35e",
    "third": "#c9a2e3",
    "wash": "#18303d",
    "good": "#74d09a",
    "bad": "#ff9189",
    "warn": "#e8b64f",
    "good-wash": "#16301f",
    "bad-wash": "#3a1c1a",
    "warn-wash": "#352a12",
}

_FOLDER = Path(__file__).parent


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


@functools.cache
def style() -> str:
    """The whole style sheet: it touches nothing outside an element of class `headrace`.

    The system's preference decides between light and dark; the page's toggle, or a notebook's own theme, overrules it.
    """
    light, dark = (f".headrace{{color-scheme:{word};{_variables(colours)}}}" for word, colours in _SCHEMES)
    said_dark = (':root[data-theme="dark"]', '[data-jp-theme-light="false"]', ".vscode-dark")
    said_light = (':root[data-theme="light"]', '[data-jp-theme-light="true"]', ".vscode-light")
    rules = [light, f"@media (prefers-color-scheme:dark){{{dark}}}"]
    rules += [f"{said} {dark}" for said in said_dark] + [f"{said} {light}" for said in said_light]
    # Paper is white whatever the screen is.
    rules.append(f"@media print{{{said_dark[0]} {light}{light}}}")
    return "\n".join([*rules, _squeezed("page.css")])


_SCHEMES = (("light", LIGHT), ("dark", DARK))


@functools.cache
def script() -> str:
    """The page's script: sorting, filtering, the toggle, thresholds. A page says all it has to say without it."""
    return "\n".join(_squeezed(name) for name in ("page.js", "explorer.js"))


def _squeezed(name: str) -> str:
    """A file of this folder without indentation, comment lines and empty lines."""
    lines = (line.strip() for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("/*", "//")))
