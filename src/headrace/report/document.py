"""Document: a Report as one file that needs nothing else, or as what a notebook shows below a cell."""

from __future__ import annotations

import base64
import hashlib
import re

from headrace.report.contents import Report, Section
from headrace.report.markup import Html, tag
from headrace.report.theme import script, style

__all__ = ["card", "content", "document"]

_FEWEST_LINKS = 3


def document(report: Report) -> str:
    """The whole page, as HTML that a browser opens from a file.

    Style and script are inside and named by their hash; nothing else may be loaded, run or sent: the page's own policy
    forbids it. Without the script it says the same.
    """
    policy = (
        f"default-src 'none'; style-src '{_hash(style())}'; script-src '{_hash(script())}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = f"{report.headline} ({f'{report.kind} {report.name[:12]}'.strip()})"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        Html(f"<style>{style()}</style>"),
    )
    body = tag(
        "body",
        tag("a", "Skip to the content", class_="skip", href="#content"),
        tag(
            "div",
            tag("div", tag("span", tag("b", "headrace"), f" {report.kind}"), class_="bar"),
            tag("main", content(report), id="content"),
            tag("footer", _footer(report)),
            class_="sheet",
        ),
        Html(f"<script>{script()}</script>"),
        class_="headrace",
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}\n{body}</html>\n'


def content(report: Report) -> Html:
    """What the page says, without the page around it: for a site that has its own."""
    parts = [_top(report, "h1"), _links(report), *(_section(part) for part in report.sections)]
    return Html("".join(map(str, parts)))


def card(report: Report) -> str:
    """The short form: headline, facts, and the sections marked brief; without ids, so that many fit on one page."""
    parts = [
        tag("div", tag("p", part.title, class_="head"), _note(part), part.body)
        for part in report.sections
        if part.is_brief
    ]
    inner = tag("div", _top(report, "p"), parts, class_="headrace card")
    return f"<style>{style()}</style>{inner}"


def _top(report: Report, heading: str) -> Html:
    kicker = [report.kind.capitalize(), tag("code", report.name[:12]) if report.name else ""]
    word = tag("span", report.word, class_=f"tone {report.tone}") if report.word else ""
    return tag(
        "div",
        tag("p", kicker[0], " ", kicker[1], " ", word, class_="kicker"),
        tag(heading, report.headline, class_=None if heading == "h1" else "head"),
        tag("div", report.lead, class_="lead") if report.lead else "",
        _facts(report),
    )


def _facts(report: Report) -> Html | str:
    if not report.facts:
        return ""
    return tag(
        "dl", [tag("div", tag("dt", key), tag("dd", value)) for key, value in report.facts.items()], class_="facts"
    )


def _links(report: Report) -> Html | str:
    if len(report.sections) < _FEWEST_LINKS:
        return ""
    items = [tag("li", tag("a", part.title, href=f"#{_anchor(part)}")) for part in report.sections]
    return tag("nav", tag("ul", items), aria_label="Sections of this page")


def _section(part: Section) -> Html:
    return tag("section", tag("h2", part.title, id=_anchor(part)), _note(part), part.body)


def _note(part: Section) -> Html | str:
    return tag("p", part.note, class_="note") if part.note else ""


def _footer(report: Report) -> list[Html | str]:
    if not report.name:
        return ["Made by headrace. Everything on this page is in this file."]
    return ["Made by headrace from ", tag("code", report.name), ". Everything on this page is in this file."]


def _anchor(part: Section) -> str:
    return "s-" + (re.sub(r"[^a-z0-9]+", "-", part.title.lower()).strip("-") or "section")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
