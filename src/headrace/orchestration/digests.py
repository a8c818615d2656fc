"""What "identical" means: the set of {step, resolved inputs, output digests} of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.store import RunRow, Store

__all__ = ["FINISHED", "run_digests", "store_digests"]

# A run that said no has finished too.
FINISHED = ("succeeded", "rejected")


def store_digests(store: Store) -> dict[str, Any]:
    """Of each pipeline its newest finished run, as plain data: the same in any clone, and in a run of cached steps."""
    found: dict[str, Any] = {}
    for run in store.runs(limit=1_000_000):
        if run.state in FINISHED and run.pipeline not in found:
            found[run.pipeline] = run_digests(store, run)
    return {"format": 1, "pipelines": found}


def run_digests(store: Store, run: RunRow) -> list[dict[str, Any]]:
    """One run's steps by name: what was looked up for each, as digests, and the digests of its outputs.

    Times, versions of endpoints, attempts and places are not in it.
    """
    outputs: dict[str, dict[str, str]] = {}
    for row in store.attempts(run.run_id):
        if row.state in ("succeeded", "cached"):
            outputs[row.step] = {name: item.digest for name, item in row.outputs.items()}
        else:
            outputs.setdefault(row.step, {})
    steps = []
    for step in run.plan["steps"]:
        name, resolved = step["name"], run.resolved.get(step["name"], {})
        entry: dict[str, Any] = {"step": name, "resolved": None, "outputs": outputs.get(name, {})}
        if step["call"] == "ingest":
            entry["resolved"] = resolved["identity"]
        elif step["call"] in ("previous", "champion", "latest"):
            entry["resolved"] = resolved["digest"]
        elif step["call"] == "load_schema":
            # Found in the file, accepted before or inferred: what counts is which schema it was.
            if resolved["from"] == "otherwise":
                other, output = step["arguments"]["otherwise"]["@"]
                entry["resolved"] = outputs.get(other, {}).get(output)
            else:
                entry["resolved"] = resolved.get("digest") or outputs.get(name, {}).get("schema")
            entry["outputs"] = {}
        steps.append(entry)
    return sorted(steps, key=lambda entry: entry["step"])
