"""The page of a plain value that a step returned."""

from __future__ import annotations

import json
from typing import Any

from headrace.canonical import to_canonical
from headrace.orchestration.values import Value as Noun
from headrace.report import Context, Page, Report, Section, tag
from headrace.report.figures import plural

__all__ = ["Value"]

_LONGEST = 100_000


class Value(Page):
    """The value, as indented JSON."""

    def report(self, noun: Any, context: Context) -> Report:
        """The page of a value or of the artifact that holds it."""
        value = noun.value if isinstance(noun, Noun) else noun
        text = json.dumps(json.loads(to_canonical(value)), indent=2, ensure_ascii=False)
        headline = text[:80]
        if isinstance(value, (dict, list)):
            word = "record" if isinstance(value, dict) else "list"
            headline = f"A {word} of {plural(len(value), 'entry', 'entries')}"
        cut = "" if len(text) <= _LONGEST else f"Only the first {_LONGEST:,} characters are shown."
        body = tag("pre", text[:_LONGEST])
        return Report("value", Noun(value).digest, headline, sections=(Section("Value", body, cut, is_brief=True),))
