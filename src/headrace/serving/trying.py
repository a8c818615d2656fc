"""The page to try an endpoint: a form of its columns, made on the server; a script asks, and shows what was said."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from headrace.model import InputColumn
from headrace.report.markup import Content, Html, tag
from headrace.report.theme import style
from headrace.serving.core import Served, Serving
from headrace.serving.openapi import example_row, known_values

__all__ = ["list_page", "policy", "try_page"]

_WORDS = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "yes or no",
    "text": "a text",
    "timestamp": "a moment, such as 2026-01-31T05:00:00Z",
    "list": "a list, such as [1, 2]",
    "binary": 'a picture, as {"b64": "..."}',
}


@functools.cache
def _style() -> str:
    return style() + Path(__file__).with_name("try.css").read_text(encoding="utf-8")


@functools.cache
def _script() -> str:
    return Path(__file__).with_name("try.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def policy() -> str:
    """The pages' Content-Security-Policy: their own style and script, this server, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_hash(_style())}'; script-src '{_hash(_script())}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _page(title: str, *content: Content, script: bool) -> str:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        Html(f"<style>{_style()}</style>"),
    )
    body = tag(
        "body",
        tag("a", "Skip to the content", class_="skip", href="#content"),
        tag(
            "div",
            tag(
                "div",
                tag("span", tag("b", "headrace"), " try it"),
                tag("a", "openapi.json", href="/openapi.json"),
                class_="bar",
            ),
            tag("main", *content, id="content"),
            class_="sheet",
        ),
        Html(f"<script>{_script()}</script>") if script else None,
        class_="headrace",
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}\n{body}</html>\n'


def list_page(serving: Serving) -> str:
    """The endpoints there are, each with a link to its page."""
    items = [
        tag("li", tag("a", name, href=f"/try/{quote(name, safe='')}"), f": {served.model.signature.meaning}")
        for name, served in sorted(serving.endpoints.items())
    ]
    said: Content = tag("ul", *items, class_="list") if items else tag("p", "Nothing was pushed yet.", class_="lead")
    return _page("Try an endpoint (headrace)", tag("h1", "Try an endpoint"), said, script=False)


def try_page(served: Served, endpoints: Sequence[str]) -> str:
    """The page of one endpoint, its fields filled with a row that the data had."""
    signature, row = served.model.signature, example_row(served, is_nested=False)
    fields = [_field(served, number, column, row[column.name]) for number, column in enumerate(signature.columns)]
    others = [
        tag("li", tag("a", name, href=f"/try/{quote(name, safe='')}"))
        for name in sorted(endpoints)
        if name != served.endpoint
    ]
    form = tag(
        "form",
        tag("div", *fields, class_="fields"),
        tag("button", "Predict", type="submit", class_="go"),
        id="row",
        data_endpoint=served.endpoint,
        data_meaning=f"is {signature.meaning}",
        autocomplete="off",
        novalidate=True,
    )
    return _page(
        f"Try {served.endpoint} (headrace)",
        tag("p", f"version {served.version}", class_="kicker"),
        tag("h1", f"Try {served.endpoint}"),
        tag("p", f"It answers {signature.meaning}.", class_="lead"),
        tag("nav", tag("ul", *others), aria_label="Other endpoints") if others else None,
        tag("noscript", tag("p", "This page asks the server by a script, which is off here.", class_="note")),
        form,
        tag("section", id="result", aria_live="polite", aria_label="Answer"),
        script=True,
    )


def _field(served: Served, number: int, column: InputColumn, value: Any) -> Html:
    name, hint = f"field-{number}", f"hint-{number}"
    told = _WORDS[column.kind]
    if column.min is not None or column.max is not None:
        low, high = (
            "" if column.min is None else f" from {column.min}",
            "" if column.max is None else f" up to {column.max}",
        )
        told += f"{low}{high}"
    told += "; empty is null" if column.is_nullable and column.kind != "boolean" else ""
    if column.name in served.model.signature.sensitive:
        told += "; sensitive, never logged"
    shared: dict[str, Any] = {
        "id": name,
        "name": column.name,
        "data_kind": "list" if column.kind == "binary" else column.kind,  # read as JSON
        "aria_describedby": hint,
        "required": not column.is_nullable,
    }
    extra: Content = None
    if column.kind == "boolean":
        options = [("true", "yes"), ("false", "no"), *([("", "null")] if column.is_nullable else [])]
        chosen = "" if value is None else str(value).lower()
        entry = tag(
            "select",
            *(tag("option", word, value=told_value, selected=told_value == chosen) for told_value, word in options),
            **shared,
        )
    else:
        known = known_values(served, column) if column.kind == "text" else []
        entry = tag(
            "input",
            type="text",
            value="" if value is None else str(value),
            inputmode={"number": "decimal", "integer": "numeric"}.get(column.kind),
            spellcheck="false",
            list=f"known-{number}" if known else None,
            **shared,
        )
        if known:
            extra = tag("datalist", *(tag("option", value=str(one)) for one in known), id=f"known-{number}")
    return tag("div", tag("label", column.name, for_=name), entry, tag("small", told, id=hint), extra, class_="field")
