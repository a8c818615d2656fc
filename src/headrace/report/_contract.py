"""What a page is: one object, told and drawn; made by the member of that object's kind.

A page is a function of the object alone: equal objects, equal bytes; no time of drawing, no machine. Pages are found by
the kind of what they show: `orchestration/pages/statistics.py` holds `Statistics`, and the page of a new kind is one
new file there, or an entry point in the group `headrace.page`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from headrace import lookup
from headrace.report.contents import Context, Report
from headrace.report.document import card

__all__ = ["Page", "page_of"]


class Page(ABC):
    """The contract: one method. The class is called like the kind it shows, without underscores."""

    @abstractmethod
    def report(self, noun: Any, context: Context) -> Report:
        """What the page of one object says. Values of sensitive columns are in it nowhere."""

    def card(self, noun: Any) -> str:
        """The short form, which a notebook shows: what `_repr_html_` of the object returns."""
        return card(self.report(noun, Context(is_brief=True)))


def page_of(kind: str) -> Page:
    """The page of a kind of object; UnknownName where there is none."""
    found: Page = lookup.find("page", kind)()
    return found
