"""Queueing: a pipeline planned in a contained process, and put into the queue in a person's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.errors import InvalidInput
from headrace.orchestration.looking import look_contained
from headrace.web.asking import Ask

__all__ = ["queue"]


def queue(
    ask: Ask,
    file: Path,
    pipeline: str,
    parameters: Mapping[str, str],
    *,
    why: str,
    waivers: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The new run's id. Raises InvalidInput, with what the file, the parameters or the data lack."""
    site = ask.site
    found = look_contained(
        file, site.settings.home, site.limits, pipeline=pipeline, parameters=parameters, waivers=waivers
    )
    planned: dict[str, Any] = {"error": f"{file.name} holds no pipeline {pipeline!r}"}
    planned = found["pipelines"][0] if found["pipelines"] else planned
    error = found["error"] or planned.get("error")
    if error:
        raise InvalidInput(str(error))
    return site.store.create_run(
        planned["name"],
        planned["plan"],
        resolved=planned["resolved"],
        plan_id=planned["identity"],
        is_queued=True,
        trigger={"by": ask.person.name, "why": [why]},
    )
