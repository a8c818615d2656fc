"""Ancestry: what is behind a model that answered: its run, the steps before it, their data, evaluation and code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.store import RunRow, Store

__all__ = ["Ancestor", "Ancestry", "ancestry_of"]


@dataclass(frozen=True)
class Ancestor:
    """One step that the model came from, or the model's own.

    Parameters
    ----------
    step, call : str
        Its name, and the verb or function it calls.
    line : str
        Where in the user's file.
    outputs : dict of str to (kind, digest)
        What it made in that run.
    code : str
        What its code was: a digest of the user's function, or headrace itself.
    """

    step: str
    call: str
    line: str
    outputs: Mapping[str, tuple[str, str]]
    code: str


@dataclass(frozen=True)
class Ancestry:
    """What is behind one version of an endpoint.

    Parameters
    ----------
    run_id, pipeline : str
        The run that made the model.
    parameters : dict
        The pipeline's.
    steps : tuple of Ancestor
        In the pipeline's order, the model's last.
    files : tuple of (span, path, sha256)
        The files that its rows came from, as they were read.
    sources : dict of str to str
        The files of the user's code -> sha256, the pipeline's own among them where it was counted.
    evaluation, verdict : str
        The digests of what judged it before it was pushed; "" where it was pushed without.
    """

    run_id: str
    pipeline: str
    parameters: Mapping[str, Any]
    steps: tuple[Ancestor, ...]
    files: tuple[tuple[str, str, str], ...]
    sources: Mapping[str, str]
    evaluation: str
    verdict: str

    def digest_of(self, kind: str) -> str:
        """The digest of the last thing of a kind that the steps made; "" where there is none."""
        found = [digest for step in self.steps for made, digest in step.outputs.values() if made == kind]
        return found[-1] if found else ""

    def to_plain(self) -> dict[str, Any]:
        """As plain data: what `headrace requests explain -o json` prints as `behind`."""
        return {
            "run": self.run_id,
            "pipeline": self.pipeline,
            "parameters": dict(self.parameters),
            "steps": [
                {
                    "step": one.step,
                    "call": one.call,
                    "line": one.line,
                    "outputs": {name: {"kind": kind, "digest": digest} for name, (kind, digest) in one.outputs.items()},
                    "code": one.code,
                }
                for one in self.steps
            ],
            "files": [{"span": span, "path": path, "sha256": digest} for span, path, digest in self.files],
            "sources": dict(self.sources),
            "evaluation": self.evaluation or None,
            "verdict": self.verdict or None,
        }


def ancestry_of(store: Store, model_digest: str, *, endpoint: str, version: int) -> Ancestry | None:
    """What is behind a model; None where no run of this store made it. Cost: a few look-ups in the store."""
    made = next(iter(store.catalog("model", prefix=model_digest, limit=1)), None)
    if made is None or made.run_id is None or made.step is None:
        return None
    run = store.run(made.run_id)
    planned = {step["name"]: step for step in run.plan["steps"]}
    wanted, waiting = {made.step}, [made.step]
    while waiting:
        step = planned.get(waiting.pop())
        new = set(_steps_in(step["arguments"])) - wanted if step is not None else set()
        wanted |= new
        waiting += new
    outputs = {row.step: row.outputs for row in store.attempts(run.run_id) if row.outputs}
    steps = tuple(
        Ancestor(
            name,
            step["call"],
            step["line"],
            {key: (one.kind, one.digest) for key, one in outputs.get(name, {}).items()},
            _code_of(run, step["call"]),
        )
        for name, step in planned.items()
        if name in wanted
    )
    calls = {step.call for step in steps}
    sources: dict[str, str] = {}
    for call, kept in run.plan.get("functions", {}).items():
        if call in calls:
            sources.update(kept["sources"])
    evaluation, verdict = _judged(store, endpoint, version, model_digest)
    return Ancestry(
        run.run_id,
        run.pipeline,
        dict(run.plan.get("parameters", {})),
        steps,
        tuple(_files_of(run, wanted)),
        sources,
        evaluation,
        verdict,
    )


def _judged(store: Store, endpoint: str, version: int, model_digest: str) -> tuple[str, str]:
    """(evaluation, verdict) that the version was pushed on; "" each where there is none of this model."""
    pushed = store.endpoint(endpoint, version)
    if pushed is None or pushed.model_digest != model_digest:
        return "", ""
    from headrace.rules import Verdict

    found = store.load_artifact(pushed.verdict_digest, Verdict)
    return found.evaluation_digest or "", pushed.verdict_digest


def _code_of(run: RunRow, call: str) -> str:
    told = run.plan.get("code", {}).get(call, {})
    if "headrace" in told:
        return f"headrace {told['headrace']}"
    return ", ".join(f"{name} {value}" for name, value in sorted(told.items()) if isinstance(value, str))


def _files_of(run: RunRow, steps: set[str]) -> Iterator[tuple[str, str, str]]:
    """The files that spans were read from, as they were when the run was planned."""
    for name, found in run.resolved.items():
        span = found.get("span") if isinstance(found, dict) and name in steps else None
        if not isinstance(span, dict):
            continue
        for file in span.get("files", ()):
            if isinstance(file, list) and len(file) == 3:
                yield str(span["name"]), str(file[0]), str(file[2])


def _steps_in(value: Any) -> Iterator[str]:
    """The steps that recorded arguments refer to."""
    if isinstance(value, dict):
        if set(value) == {"@"}:
            yield value["@"][0]
        else:
            for item in value.values():
                yield from _steps_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _steps_in(item)
