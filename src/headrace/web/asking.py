"""Asking and answering: what a view is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.access import Person
from headrace.errors import HeadraceError
from headrace.store import RunRow, Store
from headrace.web.site import Site

__all__ = ["Ask", "Denied", "Done", "Page", "Text", "Upload"]


class Denied(HeadraceError):
    """Somebody asked for what is not theirs."""


@dataclass(frozen=True)
class Upload:
    """A file that came with a form."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Ask:
    """One request, after everything that could refuse it has looked at it.

    Parameters
    ----------
    site : Site
        Whose pages.
    person : Person
        Who asks.
    session : str
        Their browser's; "" for a program.
    path, query, form : mapping of str to str
        The parts of the address that the route names, what stands behind its question mark, and a form's fields.
    choices : mapping of str to list of str
        All values of each field: of the form where one was posted, else of the query.
    upload : Upload or None
        The form's file.
    wants_data : bool
        Whether the JSON twin is asked for.
    """

    site: Site
    person: Person
    session: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, list[str]] = field(default_factory=dict)
    upload: Upload | None = None
    wants_data: bool = False

    @property
    def store(self) -> Store:
        """The project's."""
        return self.site.store

    def number(self, name: str, default: int, *, most: int) -> int:
        """A whole number of the query, from 0 to `most`."""
        text = self.query.get(name, "")
        return min(int(text), most) if text.isdecimal() and len(text) < 16 else default

    def run(self, run_id: str = "") -> RunRow:
        """The run of this id, or the one that the address names, if this person may see what it was about."""
        from headrace.web.grants import datasets_of

        run = self.store.run(run_id or self.path["run"])
        self.require_read(run.pipeline, datasets_of(run), f"run {run.run_id}")
        return run

    def require_read(self, pipeline: str, datasets: list[str], what: str) -> None:
        """Raise Denied unless this person may see these data sets of a pipeline."""
        if not self.person.may_read(pipeline, datasets):
            named = ", ".join(f"{pipeline}/{one}" for one in datasets) or f"{pipeline}/*"
            raise Denied(f"{self.person.name} may not see {what}", expected=f"a token that reads {named}")

    def audit(self, what: str, **facts: Any) -> None:
        """Write down that they did it."""
        self.site.audit(self.person, what, **facts)


@dataclass(frozen=True)
class Page:
    """A page: its template, its data (the JSON twin is just that), and what only the page needs.

    Parameters
    ----------
    template : str
        The file's stem in `templates/`.
    title : str
        Of the window.
    data : dict
        Plain data.
    shown : dict
        Drawings and the like.
    live_s : float
        After how many seconds it may have changed; 0 = it does not change by itself.
    status : int
        Of HTTP.
    """

    template: str
    title: str
    data: dict[str, Any]
    shown: dict[str, Any] = field(default_factory=dict)
    live_s: float = 0.0
    status: int = 200


@dataclass(frozen=True)
class Done:
    """Something was done: where to go on, what to say there, and the same as data."""

    to: str
    said: str
    data: dict[str, Any] = field(default_factory=dict)
    session: str | None = None  # a new one for this browser; "" ends it


@dataclass(frozen=True)
class Text:
    """Plain text, as a log is."""

    text: str
    data: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
