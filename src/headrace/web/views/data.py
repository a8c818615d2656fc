"""Data: the artifacts of each kind, newest first, and the page of each."""

from __future__ import annotations

from typing import Any

from headrace import lookup
from headrace.errors import UnknownName
from headrace.orchestration.values import load_value
from headrace.report import content, page_of
from headrace.store import check_digest
from headrace.web.asking import Ask, Denied, Page
from headrace.web.grants import may_see
from headrace.web.reading import tables_of, text_of
from headrace.web.views._rows import MOST, offset_of, paged
from headrace.web.views.run import context_of

__all__ = ["listing", "show"]

_FIRST = ("dataset", "statistics", "schema", "validation", "transform_graph", "model", "evaluation", "verdict")


def listing(ask: Ask) -> Page:
    """`/data?kind=validation&offset=50`."""
    counts = ask.store.artifact_kinds()
    kinds = [kind for kind in _FIRST if kind in counts] + [kind for kind in counts if kind not in _FIRST]
    kind = ask.query.get("kind") or (kinds[0] if kinds else "dataset")
    if kinds and kind not in counts:
        raise UnknownName("kind of artifact", kind, kinds)
    offset = offset_of(ask)
    found, links = paged(ask, ask.store.catalog(kind, limit=MOST + 1, offset=offset), offset=offset)
    pages = set(lookup.names("page"))
    rows = [
        {
            "digest": item.digest,
            "kind": item.kind,
            "size_bytes": item.size_bytes,
            "created_us": item.created_us,
            "pipeline": item.pipeline,
            "run": item.run_id,
            "step": item.step,
            "output": item.output,
            "has_page": item.kind in pages,
        }
        for item in found
    ]
    return Page(
        "data", "Data", {"kind": kind, "kinds": {one: counts[one] for one in kinds}, "artifacts": rows, "pages": links}
    )


def show(ask: Ask) -> Page:
    """`/artifacts/DIGEST`."""
    digest = check_digest(ask.path["digest"])
    found = ask.store.artifact(digest)
    if found is None:
        raise UnknownName("artifact", digest[:12], [])
    if not may_see(ask.person, ask.store, digest):
        raise Denied(f"{ask.person.name} may not see {found.kind} {digest[:12]}", expected="a grant to read its data")
    noun = load_value(ask.store, digest)
    context = context_of(ask)
    report = page_of(found.kind).report(noun, type(context)(context.link, context.load, digest=digest))
    made = ask.store.made(digest)
    data: dict[str, Any] = {
        "kind": found.kind,
        "digest": digest,
        "headline": report.headline,
        "word": report.word,
        "facts": {key: text_of(value) for key, value in report.facts.items()},
        "made": [
            {
                "pipeline": one.pipeline,
                "run": one.run_id,
                "step": one.step,
                "output": one.output,
                "state": one.state,
                "started_us": one.started_us,
            }
            for one in made
        ],
    }
    body = content(report)
    if ask.wants_data:  # what the page shows, and no more: values of sensitive columns are in neither
        data["tables"] = tables_of(str(body))
    return Page("artifact", report.headline, data, {"body": body})
