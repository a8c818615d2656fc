"""Report: what a page says, before it is HTML: a headline, a few facts, sections, the most important first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from headrace.report.markup import Content, Html, tag

__all__ = ["Context", "Report", "Section", "Tone"]

Tone = Literal["plain", "good", "bad", "warn"]


def _no_link(digest: str) -> str | None:
    return None


def _no_object(digest: str) -> Any:
    return None


@dataclass(frozen=True)
class Context:
    """What a page may use beside the object it shows.

    Parameters
    ----------
    link : function
        From an artifact's digest to where its own page is; None where there is none.
    load : function
        From an artifact's digest to the object; None where it is not at hand. Only for artifacts that the object names,
        so that the page still follows from the object.
    is_brief : bool
        Whether only what a notebook shows below a cell is wanted: sections that are not brief may be left out.
    digest : str
        The object's, where it is known: working it out may cost more than the page.
    part : function
        From the name of a part of the object (a run's step) to where its own page is; None where there is none.
    """

    link: Callable[[str], str | None] = _no_link
    load: Callable[[str], Any] = _no_object
    is_brief: bool = False
    digest: str = ""
    part: Callable[[str], str | None] = _no_link

    def name_of(self, noun: Any) -> str:
        """An object's digest; "" in a notebook, where asking for it may mean reading all rows."""
        found: str = "" if self.is_brief else self.digest or noun.digest
        return found

    def artifact(self, digest: str | None, text: str = "") -> Html:
        """An artifact's name: the beginning of its digest, linked where it has a page of its own."""
        if not digest:
            return tag("span", "none", class_="quiet")
        shown = text or digest[:12]
        target = self.link(digest)
        return tag("a", shown, href=target) if target else tag("code", shown, title=digest)


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Parameters
    ----------
    title : str
        A few words; unique in the page.
    body : markup or several of these
        What it shows.
    note : str
        How to read it, in a sentence or two.
    is_brief : bool
        Whether a notebook shows it too.
    """

    title: str
    body: Content
    note: str = ""
    is_brief: bool = False


@dataclass(frozen=True)
class Report:
    """One page: what it says, in the order in which a person asks.

    Parameters
    ----------
    kind : str
        What is shown: "statistics".
    name : str
        Which one: a digest, the id of a run; "" where it has no name yet.
    headline : str
        The result in one sentence.
    tone : "plain", "good", "bad" or "warn"
        Whether the headline is good news.
    word : str
        The tone in one word ("accepted", "refused"), shown beside the kind; "" for none.
    lead : content
        A second sentence: what to do about it, or what it is about.
    facts : mapping of str to content
        A few figures by their names.
    sections : tuple of Section
        The most important first.
    """

    kind: str
    name: str
    headline: str
    tone: Tone = "plain"
    word: str = ""
    lead: Content = None
    facts: Mapping[str, Content] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
