"""Waivers in runs: a person lets a finding of one data set pass; for any other data set it is void.

A waiver is given with a run (`headrace run --waive NAME --by WHO --because WHY`) and looked up by later ones, so that
a run repeated says the same. It is plain data: {"name", "by", "because", "dataset"}, where `dataset` is the digest of
the data set it was used on, None for one that is given now and holds for the data set this run will make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidInput
from headrace.orchestration.handles import Reference

if TYPE_CHECKING:
    from headrace.orchestration.tracing import Graph, Node
    from headrace.store import Waived

__all__ = ["binding", "can_waive", "check_waivers", "dataset_digest", "resolve_waivers", "waived_of"]

# What no step that follows can read, whoever lets it pass.
_SHAPES = ("missing_column", "type")


def can_waive(name: str) -> bool:
    """Whether a run goes on when a finding of this name is let pass: not where spans differ in shape.

    >>> can_waive("range:delay"), can_waive("missing_column:delay")
    (True, False)
    """
    return name.partition(":")[0].strip() not in _SHAPES


def check_waivers(names: Iterable[str], by: str | None, because: str | None) -> list[dict[str, Any]]:
    """The waivers a person gives, as plain data.

    Raises InvalidInput for one without a person or a reason, for those without a finding, and for a finding about the
    shape of the data.

    >>> check_waivers(["range:delay"], "Ann", "the strike of 4 July")
    [{'name': 'range:delay', 'by': 'Ann', 'because': 'the strike of 4 July'}]
    """
    given = list(names)
    if not given and (by is not None or because is not None):
        raise InvalidInput("--by and --because say nothing without --waive", expected="--waive NAME")
    for name in given:
        for option, value in (("by", by), ("because", because)):
            if not (value or "").strip():
                raise InvalidInput(
                    f"--waive {name} without --{option}",
                    expected="who lets the finding pass, and why",
                    fix=f"--waive {name} --by NAME --because REASON",
                )
        if not all(part.strip() for part in name.split(":", 2)):
            raise InvalidInput(
                f"--waive {name!r} names no finding",
                expected="a name as the findings have it: code, code:feature or code:feature:slice",
            )
        if not can_waive(name):
            raise InvalidInput(
                f"--waive {name}: columns that are missing, or of another type, cannot be let pass: the steps that"
                " follow could not read them",
                fix="give the column its old name with rename= in hr.ingest, put the file right or take it away, or"
                " change the schema: headrace schemas accept RUN --allow " + name.strip(),
            )
    return [{"name": name.strip(), "by": by, "because": because} for name in given]


def resolve_waivers(
    graph: Graph, given: Sequence[Mapping[str, Any]], known: Mapping[str, Sequence[Waived]], streams: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """Step -> the waivers it might use: those of its stream so far, and those given now.

    Raises InvalidInput when some are given and nothing in the pipeline could use them.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for node in graph.nodes:
        if node.call == "validate":
            stream = streams.get(node.name)
            past = [
                {"name": item.name, "by": item.by, "because": item.because, "dataset": item.dataset_digest}
                for item in known.get(stream or "", ())
            ]
            found[node.name] = [*past, *({**item, "dataset": None} for item in given)]
    if given and not found:
        raise InvalidInput(f"pipeline {graph.pipeline!r} has no validation to waive a finding of", where="--waive")
    return found


def binding(resolved: Mapping[str, Any], dataset: str | None) -> list[dict[str, str]]:
    """The waivers that hold for this data set, by name; of two for one finding the last that was given."""
    found = {
        item["name"]: {name: item[name] for name in ("name", "by", "because")}
        for item in resolved.get("waivers", ())
        if item["dataset"] in (None, dataset)
    }
    return [found[name] for name in sorted(found)]


def dataset_digest(node: Node, digests: Mapping[Reference, str | None]) -> str | None:
    """The digest of the data set that a step takes."""
    dataset = node.arguments.get("dataset")
    return digests.get(dataset) if isinstance(dataset, Reference) else None


def waived_of(result: Mapping[str, Any], resolved: Mapping[str, Any]) -> list[Waived]:
    """What a validation's result says was let pass, for the store's record."""
    from headrace.store import Waived

    stream = resolved.get("stream")
    if stream is None:
        return []
    return [
        Waived(stream, item["dataset_digest"], item["name"], item["by"], item["because"])
        for item in result.get("waived", ())
    ]
