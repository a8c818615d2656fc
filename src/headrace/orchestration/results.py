"""How steps and runs ended, as records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["RunResult", "StepResult", "state_of"]


@dataclass
class StepResult:
    """How a step of a run ended.

    Parameters
    ----------
    name : str
        The step's name.
    state : str
        "succeeded", "cached", "failed", "blocked", "skipped", "waiting", "looked up" or "not run".
    outputs : dict of str to str or None
        Output name -> digest; None = a looked-up input that does not exist; one that was withheld is not there.
    result : dict
        The step's plain result; `ok` is False in it when a validation or a gate said no.
    reason : str
        Why it failed or was blocked.
    seconds : float
        From start to commit.
    """

    name: str
    state: str
    outputs: dict[str, str | None] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0

    @property
    def says_no(self) -> bool:
        """Whether it ended and withholds something."""
        return self.result.get("ok") is False

    @property
    def rows_read(self) -> int:
        """Rows it read in this run; a row read by two passes counts twice."""
        return int(self.result.get("rows_read", 0))

    @property
    def rows_reused(self) -> int:
        """Rows that it did not read because what was known of them was kept, counted in the same way."""
        return int(self.result.get("rows_reused", 0))


def state_of(steps: Iterable[StepResult]) -> str:
    """How a run ended whose steps have ended so: "failed", "waiting", "rejected" or "succeeded".

    A run with a step that waits is open, whatever else said no; one with a step that failed has to be seen to first. A
    step that was skipped was not wanted.

    >>> state_of([StepResult("a", "succeeded"), StepResult("b", "blocked")])
    'rejected'
    >>> state_of([StepResult("a", "waiting"), StepResult("b", "not run"), StepResult("c", "skipped")])
    'waiting'
    """
    found = list(steps)
    if any(item.state == "failed" for item in found):
        return "failed"
    if any(item.state == "waiting" for item in found):
        return "waiting"
    if any(item.state == "not run" for item in found):
        return "failed"
    if any(item.says_no or item.state == "blocked" for item in found):
        return "rejected"
    return "succeeded"


@dataclass
class RunResult:
    """How a run ended.

    Parameters
    ----------
    run_id : str
        Its id in the store.
    pipeline : str
        The pipeline's name.
    state : str
        "succeeded", "rejected" (a validation, a gate or a person said no), "failed", "waiting" (for a person's
        approval) or "cancelled".
    steps : dict of str to StepResult
        By name, in the order of the pipeline.
    home : Path
        The store.
    seconds : float
        Wall time.
    stopped_by : int
        The signal that stopped it (2 = Ctrl-C, 15 = SIGTERM), or 0.
    endpoints : dict of str to list of int
        Of each endpoint that the pipeline pushes to: the versions it has served, oldest first.
    """

    run_id: str
    pipeline: str
    state: str
    steps: dict[str, StepResult]
    home: Path
    seconds: float = 0.0
    stopped_by: int = 0
    endpoints: dict[str, list[int]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every step did what it should and nothing was withheld."""
        return self.state == "succeeded"

    @property
    def num_cached(self) -> int:
        """Steps whose outputs were in the store."""
        return sum(item.state == "cached" for item in self.steps.values())

    @property
    def num_steps(self) -> int:
        """Steps that are work; what was only looked up is none."""
        return sum(item.state != "looked up" for item in self.steps.values())

    @property
    def rows_read(self) -> int:
        """Rows read by all steps of this run."""
        return sum(item.rows_read for item in self.steps.values())

    @property
    def rows_reused(self) -> int:
        """Rows that kept states stood for, in all steps."""
        return sum(item.rows_reused for item in self.steps.values())

    def value(self, step: str, output: str | None = None) -> Any:
        """A step's output, loaded from the store; its main one when `output` is not named.

        Raises KeyError when there is none.
        """
        from headrace.orchestration.values import load_value
        from headrace.store import Store

        outputs = self.steps[step].outputs
        digest = outputs[output if output is not None else next(iter(outputs))]
        if digest is None:
            return None
        with Store.open(self.home, read_only=True) as store:
            return load_value(store, digest)

    def to_plain(self) -> dict[str, Any]:
        """As plain data: what `headrace run -o json` prints."""
        return {
            "format": 1,
            "run": self.run_id,
            "pipeline": self.pipeline,
            "state": self.state,
            "num_steps": self.num_steps,
            "num_cached": self.num_cached,
            "seconds": round(self.seconds, 3),
            "rows_read": self.rows_read,
            "rows_reused": self.rows_reused,
            "steps": [
                {
                    "step": item.name,
                    "state": item.state,
                    "reason": item.reason,
                    "seconds": round(item.seconds, 3),
                    "rows_read": item.rows_read,
                    "rows_reused": item.rows_reused,
                }
                for item in self.steps.values()
            ],
            "outputs": {item.name: item.outputs for item in self.steps.values()},
            "results": {item.name: item.result for item in self.steps.values()},
            "endpoints": self.endpoints,
        }
