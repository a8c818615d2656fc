"""Markup: HTML and SVG made of parts, in which whatever is not markup already is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Content", "Html", "fit", "name", "tag"]

_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta"})
_WHOLE = 24  # characters of a name that are never broken over lines
_LONGEST = 120  # characters of a name that are shown; the rest is in its title

# What a page must not hold as it is: control characters, lone surrogates and non-characters, which are no HTML, and
# the marks that turn the direction of text around, with which a value could show itself as another.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


@dataclass(frozen=True)
class Html:
    """Text that is markup: nothing escapes it again. Made by `tag`.

    >>> str(tag("p", "a < b", class_="note"))
    '<p class="note">a &lt; b</p>'
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __html__(self) -> str:
        """What a template engine asks for before it escapes anything."""
        return self.text


Content: TypeAlias = "Html | str | int | float | Iterable[Content] | None"


def fit(text: str) -> str:
    """Text as a page may hold it, not escaped: control characters and marks of direction are written out.

    >>> fit("a\u202eb")
    'a\\\\u202eb'
    """
    return _UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(text: str) -> str:
    return html.escape(fit(text), quote=True)


def _inner(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Html):
        return content.text
    if isinstance(content, float):
        return _coordinate(content)
    if isinstance(content, (str, int)):
        return _escape(str(content))
    return "".join(map(_inner, content))


def _coordinate(value: float) -> str:
    """A length on a drawing: a tenth of a pixel is as fine as anybody sees, and the same text everywhere."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def tag(element: str, *content: Content, **attributes: str | int | float | bool | None) -> Html:
    """One element around its content.

    Parameters
    ----------
    element : str
        "p", "svg" ...
    content : markup, text, number, None or several of these
        Text is escaped; control characters and marks of direction are written out ("\\\\u202e").
    attributes : text, number, bool or None
        `class_` is class, `stroke_width` is stroke-width. None and False leave it out, True gives it no value.

    >>> str(tag("text", "left", x=1.26, text_anchor="end", hidden=None))
    '<text x="1.3" text-anchor="end">left</text>'
    """
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.removesuffix("_").replace("_", "-")
        if value is True:
            written.append(f" {key}")
        else:
            written.append(f' {key}="{_coordinate(value) if isinstance(value, float) else _escape(str(value))}"')
    start = f"<{element}{''.join(written)}>"
    return Html(start if element in _VOID else f"{start}{_inner(content)}</{element}>")


def name(text: str, *, longest: int = _LONGEST) -> Html:
    """A user's own word (a column, a slice, a value) set apart: whatever its script, what is around it stays in order.

    >>> str(name("dep_delay"))
    '<bdi class="whole">dep_delay</bdi>'
    """
    if not text:
        return tag("bdi", "(empty)", class_="quiet")
    if len(text) <= longest:
        return tag("bdi", text, class_="whole" if len(text) <= _WHOLE else None)
    return tag("bdi", text[: longest - 1] + "…", title=text[:1000])
