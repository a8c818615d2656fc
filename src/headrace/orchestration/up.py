"""`headrace up`: watches pipelines, and puts a run into the queue when the world of one has changed.

A pipeline's world is its plan's identity: its graph and code, the spans that its `ingest` names and the files they
are, its schema file. It has changed when that identity is not the one of the pipeline's last run with the same
parameters, however that run ended: a run that said no, failed or was cancelled is not repeated before something
changes. Nothing is remembered here: what was seen is what the runs recorded, and the last tick of a schedule is an
event, written with the run it started. So a kill at any moment loses nothing and starts nothing twice.

Where homes share records, several watch. What one queues has the name of what it answers to, the world and the run that
was the newest: asked for again by another, it is the same run. Two that see different worlds would answer each other
for ever; one whose own world has not changed since it last ran leaves another's run alone, and says so.

A pipeline without a schedule is looked at all the time (the sensor `new_span`, and all the rest of its world); one
with a schedule at its ticks, and ticks missed while nobody watched count as one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import disk, progress
from headrace.canonical import digest
from headrace.errors import StoreBusy, StoreError
from headrace.orchestration.crew import Crew
from headrace.orchestration.due import TICK, is_run_of, last_tick, newest_run, schedule_facts, why_due
from headrace.orchestration.latest import given_now
from headrace.orchestration.looking import look_apart
from headrace.orchestration.packages import headrace_version
from headrace.orchestration.repository import commit_events
from headrace.orchestration.schedule import Schedule
from headrace.orchestration.sensing import find_pipeline_files, signature

if TYPE_CHECKING:
    from headrace.settings import Settings
    from headrace.store import RunRow, Store

__all__ = ["UPLOADED", "Up", "alone"]

_FIND_S = 5.0  # how often new files with pipelines are looked for
_MOST_FAILURES = 3
UPLOADED = "pipeline-uploaded"  # a file came by the browser; its owner says whether it is watched

Tell = Callable[[dict[str, Any]], None]


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Be the one `headrace up` of a store; StoreBusy, naming the other, while there is one."""
    disk.make_folder(home, mode=0o700)
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    note = f"process {os.getpid()} on {os.uname().nodename}, since {started}"
    try:
        with disk.hold(home / "up.lock", note):
            yield
    except StoreBusy as error:
        if error.where != str(home / "up.lock"):
            raise
        raise StoreBusy(
            f"`headrace up` runs already: {error.what.removeprefix('held by ')}",
            where=str(home),
            fix="stop that one first; `headrace worker` adds hands",
        ) from None


@dataclass
class _Pipeline:
    """A pipeline as it was last looked at, and how far we are with it."""

    name: str
    file: Path
    found: dict[str, Any]
    said: tuple[Any, ...] = ()
    due_after_us: int | None = None  # of one with a schedule: the tick after this is the next
    asked: int = 0  # the newest event when other pipelines were last asked for what it takes
    searched: tuple[str, str | None] = ("", None)  # newest run with any parameters -> newest with ours
    ran: str | None = None  # the world of ours that was last seen as that of the newest run


@dataclass
class _File:
    """A watched file: what it held, and the state of all it depends on when it was looked at."""

    path: Path
    seen: tuple[Any, ...] | None = None
    pending: tuple[Any, ...] | None = None
    watch: list[str] = field(default_factory=list)
    looking: _Look | None = None
    error: str | None = None
    after: int = 0  # the store's newest event when it was looked at
    failures: int = 0  # looks whose process died, since one did not


class _Look(threading.Thread):
    """One look at a file, which may take as long as its new data takes to hash."""

    def __init__(self, file: Path, home: Path) -> None:
        super().__init__(name=f"look-{file.name}", daemon=True)
        self._file, self._home = file, home
        self.found: dict[str, Any] = {}
        self.error: Exception | None = None

    def run(self) -> None:
        """Look; an error is kept."""
        try:
            self.found = look_apart(self._file, self._home)
        except Exception as error:  # told by who collects it
            self.error = error


class Up:
    """Watches pipelines and queues runs; with a crew it carries them out too.

    Parameters
    ----------
    store, settings : Store, Settings
        The project's.
    project : Path
        Its folder.
    files : sequence of Path
        What to watch; every file of the project with a pipeline when there are none.
    crew : Crew or None
        Who carries runs out; None leaves them to workers.
    tell : callable
        Told each change, as plain data with an "event".
    once : bool
        Whether each pipeline is looked at once, as it is now, and brought up to date.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        project: Path,
        files: Sequence[Path],
        *,
        crew: Crew | None,
        tell: Tell,
        once: bool,
    ) -> None:
        self.store, self.settings, self.project, self.crew = store, settings, project, crew
        self.tell, self.once = tell, once
        self.is_stopping = False
        self.files: dict[Path, _File] = {file: _File(file) for file in files}
        self.pipelines: dict[str, _Pipeline] = {}
        self._is_given = bool(files)
        self._queued: set[str] = set()
        self._found = self._sensed = -_FIND_S

    def turn(self) -> None:
        """Look once: at runs, and every `poll_s` at files and schedules. To be called every tenth of a second."""
        if self.crew is not None:
            self.crew.turn()
            self.crew.ended.clear()  # the store says the same
        if self.is_stopping or (not self.once and time.monotonic() - self._sensed < self.settings.poll_s):
            return
        self._sensed = time.monotonic()
        self._find()
        for file in list(self.files.values()):
            self._sense(file)
        for pipeline in list(self.pipelines.values()):
            file = self.files[pipeline.file]
            if file.looking is None and file.seen is not None:
                if self._has_news(pipeline, file):
                    file.seen = None
                else:
                    self._decide(pipeline, file)

    @property
    def streams(self) -> dict[str, tuple[Path, str, str]]:
        """The streams that the watched pipelines read: id -> (file and name of the first pipeline, what it is called).

        A pipeline that cannot be planned yet, because nothing of its stream has been taken in, has them too.
        """
        found: dict[str, tuple[Path, str, str]] = {}
        for name in sorted(self.pipelines):
            item = self.pipelines[name]
            for stream_id, label in item.found.get("streams", {}).items():
                found.setdefault(stream_id, (item.file, name, label))
        return found

    @property
    def is_done(self) -> bool:
        """With `once`: whether all is as it should be; what others are to carry out need not have ended."""
        if self._found < 0 or any(file.looking is not None or file.seen is None for file in self.files.values()):
            return False
        waits = [not p.said or (self.crew is not None and p.said[0] == "waits") for p in self.pipelines.values()]
        return not any(waits) and (self.crew is None or self.crew.is_idle)

    def _find(self) -> None:
        if time.monotonic() - self._found < _FIND_S:
            return
        self._found = time.monotonic()
        if self._is_given:
            return
        found = [path for path in find_pipeline_files(self.project) if self._is_watched(path)]
        for path in found:
            if path not in self.files:
                self.files[path] = _File(path)
        for path in [path for path in self.files if path not in found and not self._stays(path)]:
            del self.files[path]
            for name in [name for name, item in self.pipelines.items() if item.file == path]:
                del self.pipelines[name]
                self.tell({"event": "gone", "pipeline": name, "file": self._named(path)})

    def _is_watched(self, path: Path) -> bool:
        event = self.store.newest_event(UPLOADED, file=self._named(path))
        return event is None or bool(event.body["is_watched"])

    def _stays(self, path: Path) -> bool:
        """Whether a file that holds no pipeline just now is still watched: it may be half written."""
        return path.exists() and self._is_watched(path)

    def _sense(self, file: _File) -> None:
        """Look at a file when something it depends on has changed, and then stayed as it is for one poll."""
        if file.looking is not None:
            if file.looking.is_alive():
                return
            look, file.looking = file.looking, None
            self._learn(file, look)
        now = signature(file.watch or [escape(str(file.path))])
        if file.seen is None or (not self.once and now != file.seen and now == file.pending):
            file.seen = now
            file.looking = _Look(file.path, self.store.home.path)
            file.looking.start()
        file.pending = now

    def _learn(self, file: _File, look: _Look) -> None:
        if look.error is not None:
            file.failures += 1
            if file.failures > _MOST_FAILURES:
                raise look.error
            progress.say(f"{look.error}: asking again")
            file.seen = None
            return
        file.failures = 0
        if look.found["headrace"] != headrace_version():
            raise StoreError(
                "headrace itself has changed since `headrace up` was started", fix="start it again: nothing was lost"
            )
        file.watch, file.after = look.found["watch"], look.found["after"]
        file.seen = tuple(tuple(entry) for entry in look.found["seen"])
        error = look.found["error"]
        if error != file.error and error is not None:
            self.tell({"event": "error", "file": self._named(file.path), "error": error})
        if file.error is not None and error is None:
            self.tell({"event": "mended", "file": self._named(file.path)})
        file.error = error
        names = set()
        for found in look.found["pipelines"]:
            name = found["name"]
            other = self.pipelines.get(name)
            if other is not None and other.file != file.path:
                ran, skipped = self._named(other.file), self._named(file.path)
                message = f"{skipped} is passed over: {ran} has a pipeline of that name too, and is the one that runs"
                message += f"; rename one of them, or name the file: headrace up {skipped}"
                self.tell({"event": "error", "file": skipped, "pipeline": name, "error": message})
                continue
            names.add(name)
            if other is None:
                self.pipelines[name] = _Pipeline(name, file.path, found)
                self.tell({"event": "watching", "pipeline": name, "file": self._named(file.path)})
            else:
                other.found = found
        if error is None:
            for name in [name for name, item in self.pipelines.items() if item.file == file.path]:
                if name not in names:
                    del self.pipelines[name]
                    self.tell({"event": "gone", "pipeline": name, "file": self._named(file.path)})

    def _decide(self, pipeline: _Pipeline, file: _File) -> None:
        """Queue a run, wait for one, or rest."""
        found = pipeline.found
        if "awaits" in found:
            self._say(pipeline, "awaits", what=found["awaits"])
            return
        if "error" in found:
            self._say(pipeline, "error", error=found["error"])
            return
        newest = self._newest(pipeline)
        why = why_due(self.store, found, newest)
        if newest is not None:
            if newest.plan_id == found["identity"]:
                pipeline.ran = found["identity"]
            if newest.state in ("queued", "running"):
                if not self._is_stuck(newest):
                    self._say(pipeline, "waits", run=newest.run_id)
                    return
                if newest.run_id in self._queued:  # as would the next
                    assert self.crew is not None
                    self._say(pipeline, "error", error=self.crew.unable[newest.run_id])
                    return
                why = [f"run {newest.run_id} cannot go on here", *why]
            elif pipeline.said == ("waits", ("run", newest.run_id)):
                pipeline.said = ("rests", ("run", newest.run_id), ("state", newest.state))
                self.tell({"event": "ended", "pipeline": pipeline.name, "run": newest.run_id, "state": newest.state})
        tick = self._tick(pipeline)
        if tick == {}:
            return
        if (why or (newest is not None and newest.state == "failed")) and self._is_stale(pipeline, file):
            file.seen = None  # looked at again first: what it resolved in the store is no longer so
        elif why and newest is not None and self._is_anothers(pipeline, newest):
            differs = f"run {newest.run_id} is of another `headrace up`, which sees another world: {'; '.join(why)}"
            self._say(pipeline, "error", error=f"{differs}; let both see the same files, or stop one of them")
        elif why:
            self._queue(pipeline, newest, why, tick)
        else:
            assert newest is not None
            if tick:
                self.store.append_event(TICK, {**tick, "run": newest.run_id})
                pipeline.due_after_us = tick["tick_us"]
            self._say(pipeline, "rests", run=newest.run_id, state=newest.state)

    def _has_news(self, pipeline: _Pipeline, file: _File) -> bool:
        """Whether another pipeline has given what this one takes from it since it was looked at: no file shows that."""
        wanted = pipeline.found.get("latest", ())
        newest = self.store.newest_event_id() if wanted else file.after
        if newest in (file.after, pipeline.asked):
            return False
        pipeline.asked = newest
        return any(given_now(self.store, other, output) != digest for other, output, digest in wanted)

    def _is_anothers(self, pipeline: _Pipeline, newest: RunRow) -> bool:
        """Whether another `headrace up` has queued the newest run, and nothing has changed here since ours ran."""
        if newest.run_id in self._queued or pipeline.ran != pipeline.found["identity"]:
            return False
        created = self.store.newest_event("run-created", run_id=newest.run_id)
        return created is not None and created.body.get("trigger", {}).get("by") == "up"

    def _is_stuck(self, run: RunRow) -> bool:
        """Whether a run waits for somebody to carry it out, and we know that we cannot."""
        is_unable = self.crew is not None and run.run_id in self.crew.unable
        return is_unable and not self.store.is_alive(self.store.lease(run.run_id))

    def _is_stale(self, pipeline: _Pipeline, file: _File) -> bool:
        """Whether, since it was looked at, its runs have done something or an endpoint has moved."""
        ours: dict[str, bool] = {}
        for event in self.store.events(after=file.after):
            if event.kind == "endpoint-moved":
                return True
            if event.run_id is not None and event.run_id not in ours:
                ours[event.run_id] = self.store.run(event.run_id).pipeline == pipeline.name
        return any(ours.values())

    def _queue(self, pipeline: _Pipeline, newest: RunRow | None, why: list[str], tick: dict[str, Any] | None) -> None:
        found = pipeline.found
        run_id = self.store.create_run(
            pipeline.name,
            found["plan"],
            resolved=found["resolved"],
            plan_id=found["identity"],
            is_queued=True,
            trigger={"by": "up", "why": why, **({"tick_us": tick["tick_us"]} if tick else {})},
            events=[*([(TICK, tick)] if tick else []), *commit_events(pipeline.file)],
            once=digest([found["identity"], newest.run_id if newest else "", tick["tick_us"] if tick else 0]),
        )
        self._queued.add(run_id)
        if tick:
            pipeline.due_after_us = tick["tick_us"]
        if newest is not None and newest.state in ("queued", "running"):
            self.store.request_cancel(newest.run_id)  # after the new one is there: a kill in between leaves both
        pipeline.said = ("waits", ("run", run_id))
        self.tell({"event": "queued", "pipeline": pipeline.name, "run": run_id, "why": why})

    def _newest(self, pipeline: _Pipeline) -> RunRow | None:
        """The pipeline's newest run with the parameters that it would run with now."""
        newest = self.store.runs(pipeline=pipeline.name, limit=1)
        if not newest or is_run_of(newest[0], pipeline.found["parameters"]):
            return newest[0] if newest else None
        if pipeline.searched[0] != newest[0].run_id:  # others have run it with other parameters: search once
            found = newest_run(self.store, pipeline.name, pipeline.found["parameters"])
            pipeline.searched = (newest[0].run_id, None if found is None else found.run_id)
        return None if pipeline.searched[1] is None else self.store.run(pipeline.searched[1])

    def _tick(self, pipeline: _Pipeline) -> dict[str, Any] | None:
        """None without a schedule; else the tick that is due, as its event says it, or {} when none is."""
        written = pipeline.found["schedule"]
        if written is None:
            return None
        schedule, now_us = Schedule(*written), time.time_ns() // 1000
        same = schedule_facts(pipeline.name, schedule)
        last = last_tick(self.store, pipeline.name, schedule) if pipeline.due_after_us is None else None
        if last is not None:
            pipeline.due_after_us = last.body["tick_us"]
        if pipeline.due_after_us is None:
            # Seen for the first time: the ticks before are not missed.
            pipeline.due_after_us = now_us
            self.store.append_event(TICK, {**same, "tick_us": now_us, "first": True})
        next_us = schedule.next_us(pipeline.due_after_us)
        if next_us > now_us:
            self._say(pipeline, "scheduled", next_us=next_us)
            return {}
        return {**same, "tick_us": schedule.last_us(now_us)}

    def _say(self, pipeline: _Pipeline, event: str, **facts: Any) -> None:
        """Tell a change of what we know about a pipeline, once."""
        said = (event, *facts.items())
        if pipeline.said == said:
            return
        pipeline.said = said
        self.tell({"event": event, "pipeline": pipeline.name, **facts})

    def _named(self, file: Path) -> str:
        return file.relative_to(self.project).as_posix() if file.is_relative_to(self.project) else str(file)
