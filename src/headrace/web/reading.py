"""Reading: what a page says, as plain data again: the tables and the text of its markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

__all__ = ["tables_of", "text_of"]

_CELLS = ("td", "th")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self._row: list[str] | None = None
        self._words: list[str] | None = None
        self._in_head = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A part begins."""
        if tag == "table":
            self.tables.append({"caption": "", "columns": [], "rows": []})
        elif tag == "thead":
            self._in_head = True
        elif tag == "tr":
            self._row = []
        elif tag in (*_CELLS, "caption"):
            self._words = []

    def handle_endtag(self, tag: str) -> None:
        """A part ends."""
        if tag == "thead":
            self._in_head = False
        elif tag in _CELLS and self._row is not None:
            self._row.append(" ".join("".join(self._words or ()).split()))
            self._words = None
        elif tag == "caption" and self.tables:
            self.tables[-1]["caption"] = "".join(self._words or ()).strip()
            self._words = None
        elif tag == "tr" and self.tables and self._row is not None:
            if self._in_head:
                self.tables[-1]["columns"] = self._row
            else:
                self.tables[-1]["rows"].append(self._row)
            self._row = None

    def handle_data(self, data: str) -> None:
        """Text."""
        self.texts.append(data)
        if self._words is not None:
            self._words.append(data)


def tables_of(markup: str) -> list[dict[str, Any]]:
    """The tables of a page as text: {"caption", "columns", "rows"} each.

    >>> tables_of("<table><caption>T</caption><thead><tr><th>a</th></tr></thead><tr><td>1 &lt; 2</td></tr></table>")
    [{'caption': 'T', 'columns': ['a'], 'rows': [['1 < 2']]}]
    """
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader.tables


def text_of(content: Any) -> str:
    """Content of a page as text.

    >>> text_of("3 rows")
    '3 rows'
    """
    if isinstance(content, (list, tuple)):
        return " ".join(map(text_of, content))
    if not hasattr(content, "__html__"):
        return "" if content is None else str(content)
    reader = _Reader()
    reader.feed(str(content))
    reader.close()
    return " ".join("".join(reader.texts).split())
