"""The store's protocol, and the records it hands out.

A store is content-addressed bytes under `artifacts/<digest>/` and records in one transactional data base: SQLite in
the home, or PostgreSQL (`Store.open(records="postgresql://...")`, see `records`), which several homes may share.
Whoever writes another keeps what is said here; StoreCases, SharingCases, ApprovalCases and CollectingCases of
`headrace.testing` check it.

**Life of a step.** Everything in quotation marks is a named point (`store.points`).

    run_id  = store.create_run(pipeline, plan, resolved=...)       # the run and its lease, at once        "run-created"
    attempt = store.begin_attempt(run_id, step, key, inputs=...)   # RUNNING and its lease, at once      "attempt-begun"
    ... the step writes each output into attempt.folder / <output> / ...                                "outputs-staged"
    store.commit(attempt, {"model": Staged("model", digest, attempt.folder / "model")}, result, key)
        1. every file: sha256 and size taken, fsync; folders too                                          "files-synced"
        2. artifact.json (format, kind, digest, files) written beside them, fsync                     "manifest-written"
        3. each folder renamed to artifacts/<digest>/, fsync of artifacts/     "published-first-artifact" .. "published"
        4. "before-commit"; ONE transaction, compare-and-set on the lease's token: attempt SUCCEEDED, artifact rows,
           output rows, cache row, accepted rows, events, lease gone; "after-commit"
    store.finish_run(run_id, state)                                                                       "run-finished"

**Why in this order.** A kill before 4 leaves bytes without a row: they are named by content, nobody reads them, `gc`
removes them, and a rerun that makes the same digest checks them against their artifact.json and takes or replaces
them. A kill after 4 leaves nothing to do. A row therefore always points at bytes that are on the disk. What is
exactly once is the commit, not the execution.

**With a bucket** (`Store.open(artifacts="gs://...")`, see `_bucket`) the files and artifact.json are written there too,
if they are absent, between 2 and 3: what a row names is in the bucket, and `artifacts/` a cache of it. Where another
home was first with the digest, its files stand, and are fetched instead of ours. `gc` removes from the home alone.

**Homes that share records** share the place of their artifacts too, a folder or a bucket (`_place`): what a row names,
each of them can read. In a shared folder all that records name lies there, work in progress among it.

**A digest committed twice keeps the first files**: digests are logical, so two writers may have made different bytes
of equal meaning, and readers may be reading the first.

**Leases.** A lease names its owner, host (with the process namespace), boot id, process and that process's start
time, and when it expires. On the same host `is_alive` asks the kernel, so a killed process is known dead at once;
from another host the age decides. Taking over (`take_run`, or `begin_attempt` after a dead attempt of the same step)
removes the old token: a process that wakes up later gets LeaseLost and can commit nothing. Concurrency is counted
from live leases, never from a stored counter.

**Sharing.** A run may be created "queued", with no lease; whichever process takes it (`take_run`) coordinates it:
it alone records what is cached or blocked, and finishes it. While it lives, others may help: `join_attempt` begins an
attempt only if the step is exactly as the helper saw it (a compare-and-set on the number of its attempts), so each
step is worked on once; the coordinator asks in the same way. `release_run` puts a run back into the queue.

**Approval.** `ask` records that a step waits for a person, and the digest of what is asked. When nothing else can be
done the run ends as "waiting" (`rest_run`); `answer` appends the person's word and puts it back into the queue, in one
transaction. Where the question has a time-out, `expire` is nobody's no, for that run alone. **Notices** are recorded
with a run's end, taken under a lease to be told, and ended: told at least once.

**Endpoints.** Versions count up from 1 and, like the log of moves and the events, are only ever appended. `push` is a
compare-and-set; pushing what is served already moves nothing. A rollback is one more entry, pointing at an older
version. So is what a policy does: "policy" (how traffic is divided from now on; an event has the record), "enter" (a
push beside the champion), "withdraw" (a version answers nobody any more), "admit" (it may again) and "promote".

**Snapshot.** What a plan resolves (previous data set, last accepted schema, champion, live version) is read in one
transaction, recorded with the run by `create_run(resolved=...)`, and reused by resume and reproduce.

**Garbage.** `collect` takes away what no kept run, endpoint, pin or accepted data set leads to: it is set aside by a
rename, and its bytes go days later. `bring_back` undoes it, and so does `reuse` of a step that gave it. `_collecting`
says why nothing is lost beside runs that go on, or by a kill.

**Threads and processes.** A Store may be used from any thread; each has its own connection. After a fork the child
opens its own. An attempt is handed to another process as `attempt.to_plain()` and taken up by `store.attach(plain)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

__all__ = [
    "ATTEMPT_STATES",
    "RUN_STATES",
    "Accepted",
    "Artifact",
    "AttemptRow",
    "CacheRow",
    "Catalogued",
    "Endpoint",
    "Event",
    "Given",
    "KeyRow",
    "Lease",
    "Made",
    "Move",
    "PipelineRow",
    "Problem",
    "RunRow",
    "Savable",
    "Snapshot",
    "Staged",
    "Waived",
]

# queued: for a worker to take. rejected: every step ended, a validation or a gate said no. waiting: for a person's
# approval.
RUN_STATES: tuple[str, ...] = ("queued", "running", "succeeded", "rejected", "failed", "cancelled", "waiting")
# lost: its process died, or another took over. cached: outputs taken from `source_id`. blocked: an input was withheld.
# skipped: a condition before it did not hold. waiting: a person was asked and has not answered.
_BEGUN = ("running", "succeeded", "failed", "lost")
ATTEMPT_STATES: tuple[str, ...] = (*_BEGUN, "cached", "blocked", "skipped", "waiting")


class Savable(Protocol):
    """What every noun that can be an artifact offers (Dataset, Statistics, Model ...)."""

    @property
    def kind(self) -> str:
        """The class's `kind`: "dataset", "model" ..."""

    @property
    def digest(self) -> str:
        """The logical digest, sha256 in hexadecimal."""

    def save(self, folder: Path) -> None:
        """Write the files into an existing, empty folder, through `headrace.disk`."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read them back."""


@dataclass(frozen=True)
class Staged:
    """An output on its way into the store.

    Parameters
    ----------
    kind : str
        The noun's `kind`: "dataset", "model" ...
    digest : str
        Its logical digest.
    folder : Path or None
        Where its files lie, in the attempt's folder; None when the artifact is in the store already.
    """

    kind: str
    digest: str
    folder: Path | None = None


@dataclass(frozen=True)
class Artifact:
    """An artifact that is in the store."""

    kind: str
    digest: str


@dataclass(frozen=True)
class Catalogued:
    """An artifact as the store lists it; what made it first is None for one that no step made.

    Parameters
    ----------
    digest, kind : str
        Which.
    size_bytes, created_us : int
        Of its files, and when it was committed (UTC epoch microseconds).
    pipeline, run_id, step, output : str or None
        What made it.
    """

    digest: str
    kind: str
    size_bytes: int
    created_us: int
    pipeline: str | None
    run_id: str | None
    step: str | None
    output: str | None


@dataclass(frozen=True)
class Made:
    """One attempt that gave an artifact: its state is "succeeded" or "cached", the time is UTC epoch microseconds."""

    pipeline: str
    run_id: str
    step: str
    output: str
    state: str
    started_us: int


@dataclass(frozen=True)
class Given:
    """An output that a step of a run gave: made, or taken from the cache."""

    pipeline: str
    run_id: str
    step: str
    output: str
    digest: str


@dataclass(frozen=True)
class PipelineRow:
    """A pipeline that was run: how often, and when last (UTC epoch microseconds)."""

    pipeline: str
    num_runs: int
    newest_us: int


@dataclass(frozen=True)
class Lease:
    """Who works on a run or an attempt, and until when.

    Parameters
    ----------
    subject : str
        The run's or attempt's id.
    token : str
        The fencing token: only who presents the current one may commit.
    owner : str
        One id for each process that opened the store.
    host : str
        Host name and process namespace: process ids mean something only within one.
    boot_id : str
        The kernel's id of this boot.
    pid, pid_start : int
        The process, and when it started, in clock ticks since boot: a process id alone is used again.
    expires_us : int
        UTC epoch microseconds.
    """

    subject: str
    token: str
    owner: str
    host: str
    boot_id: str
    pid: int
    pid_start: int
    expires_us: int


@dataclass(frozen=True)
class RunRow:
    """One run of a pipeline; `resolved` is what the plan looked up, times are UTC epoch microseconds."""

    run_id: str
    pipeline: str
    plan_id: str
    plan: dict[str, Any]
    resolved: dict[str, Any]
    state: str
    created_us: int
    ended_us: int | None
    is_cancel_requested: bool


@dataclass(frozen=True)
class AttemptRow:
    """One attempt at one step of a run; `number` counts the attempts of that step from 1."""

    attempt_id: str
    run_id: str
    step: str
    key: str
    number: int
    state: str
    inputs: dict[str, Any]
    outputs: dict[str, Artifact]
    result: dict[str, Any] | None
    reason: str | None
    source_id: str | None
    started_us: int
    ended_us: int | None


@dataclass(frozen=True)
class CacheRow:
    """What a step key gave: the committed outputs, and the step's plain result.

    `aside` names what of it, and of what it mentions, `gc` has set aside: `reuse` brings it back.
    """

    key: str
    attempt_id: str
    run_id: str
    step: str
    outputs: dict[str, Artifact]
    result: dict[str, Any]
    aside: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyRow:
    """What a step key is made of, as plain data: two of these say why a step ran again.

    Parameters
    ----------
    key : str
        The step key.
    parts : dict
        What was digested.
    notes : dict
        What was known beside them and is not in the key: source lines, the names of inputs.
    """

    key: str
    parts: dict[str, Any]
    notes: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """Something that happened; ids grow, nothing is ever changed or removed."""

    event_id: int
    time_us: int
    run_id: str | None
    attempt_id: str | None
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """A version of an endpoint: what it serves (or served), on whose verdict, and since when it exists."""

    name: str
    version: int
    model_digest: str
    verdict_digest: str
    run_id: str | None
    created_us: int


@dataclass(frozen=True)
class Move:
    """One entry of an endpoint's log.

    `version` is what is served from then on, the champion. `action` is "push", "rollback", "promote", "policy",
    "enter", "withdraw", "admit", "keep", "label" or "unlabel"; `replaced` the version served before where it is
    another, for "withdraw" and "admit" the version that leaves or comes back, for "label" the one that has it from then
    on; else None. Which version came in by "enter" stands in `reason`, as
    "version 3"; `concerns` reads it.
    """

    name: str
    version: int
    replaced: int | None
    action: str
    who: str
    reason: str
    run_id: str | None
    time_us: int

    @property
    def concerns(self) -> int:
        """The version that moved: came in, left, came back, or is served from then on."""
        if self.action == "enter":
            return int(self.reason.removeprefix("version "))
        is_other = self.action in ("withdraw", "admit", "label")
        return self.replaced if is_other and self.replaced is not None else self.version


@dataclass(frozen=True)
class Accepted:
    """A data set that a pipeline's validation accepted, and the schema it was accepted under.

    Parameters
    ----------
    stream : str
        Which of the pipeline's data sets: the name of its ingest step.
    dataset_digest, schema_digest : str
        Artifacts of the store.
    spans : tuple of str
        The names of its spans.
    """

    stream: str
    dataset_digest: str
    schema_digest: str
    spans: tuple[str, ...]


@dataclass(frozen=True)
class Waived:
    """A finding that a person let pass, for one data set: another digest, and it is void.

    Parameters
    ----------
    stream : str
        Which of the pipeline's data sets: the name of its ingest step.
    dataset_digest : str
        The data set that was judged.
    name : str
        What is let pass, as the person named it.
    by, because : str
        Who answers for it, and why.
    """

    stream: str
    dataset_digest: str
    name: str
    by: str
    because: str


@dataclass(frozen=True)
class Snapshot:
    """What a plan resolves, read in one transaction.

    Parameters
    ----------
    live : mapping of endpoint name to Endpoint or None
        What is served now; its version is what `push` compares with.
    champions : mapping of endpoint name to Endpoint or None
        What to beat: the live version, or, where this very plan made it, the one it replaced.
    previous : mapping of stream to Accepted or None
        The newest accepted data set that ends before this one; where there is none, and it was asked for, an earlier
        delivery: the last of the same spans with other content that was accepted before this content was.
    accepted : mapping of stream to Accepted or None
        The last one accepted at all: its schema is what `load_schema` falls back on.
    waived : mapping of stream to tuple of Waived
        What persons let pass in it, oldest first, whatever the data set.
    newest : mapping of step to tuple of Given
        What other pipelines gave last, by the step that asks.
    """

    live: Mapping[str, Endpoint | None] = field(default_factory=dict)
    champions: Mapping[str, Endpoint | None] = field(default_factory=dict)
    previous: Mapping[str, Accepted | None] = field(default_factory=dict)
    accepted: Mapping[str, Accepted | None] = field(default_factory=dict)
    waived: Mapping[str, tuple[Waived, ...]] = field(default_factory=dict)
    newest: Mapping[str, tuple[Given, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Something `verify` found: the artifact, the file in it (or "") and what is wrong."""

    digest: str
    file: str
    what: str
