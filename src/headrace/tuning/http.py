"""Studies over HTTP, for workers in any language: ask what to try, report what came of it, ask whether to stop.

| route | body | answer |
|---|---|---|
| POST /studies | name, space; seed, goal, searcher, stopping, first, trials, lease_s | the study, made or there |
| GET /studies | | the names |
| GET /studies/NAME | | the study, its trials, the best of them |
| POST /studies/NAME/suggest | | number, params, token, lease_s; number null where all trials are given out |
| POST /studies/NAME/report | number, token; losses, value or failed | noted; the lease is renewed, or over |
| POST /studies/NAME/should_stop | number, token | stop: true where the trial has fallen behind |

A trial whose worker says nothing for `lease_s` seconds is offered again, with another token; who comes back with the
old one is answered 409, and nothing is counted twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from headrace import lookup
from headrace.errors import InvalidRequest, LeaseLost, MissingExtra, UnknownName
from headrace.serving import Answer, Protocol, Request
from headrace.serving.core import Serving
from headrace.store import Store, StudyRow, TakenTrial, TrialRow
from headrace.training.space import space_from_plain
from headrace.tuning.stopping import stopping_of
from headrace.tuning.studies import Study, searcher_of

__all__ = ["StudyProtocol"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_GOALS = ("minimize", "maximize")
_MADE = ("name", "space", "seed", "goal", "searcher", "stopping", "first", "trials", "lease_s")
_REPORTED = ("number", "token", "losses", "value", "failed", "stopped")


class StudyProtocol(Protocol):
    """The translator between HTTP and the store's studies; it keeps nothing itself.

    Parameters
    ----------
    store : Store
        Where studies lie.
    """

    prefixes = ("/studies",)
    routes = (
        "GET /studies",
        "GET /studies/NAME",
        "POST /studies",
        "POST /studies/NAME/report",
        "POST /studies/NAME/should_stop",
        "POST /studies/NAME/suggest",
    )

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, serving: Serving, request: Request) -> Answer | None:
        """See Protocol."""
        parts = [unquote(part) for part in request.path.split("/")[2:]]
        try:
            found = self._route(request, parts)
        except LeaseLost as error:
            return Answer(409, orjson.dumps({"error": str(error)}))
        except MissingExtra as error:
            raise InvalidRequest(str(error)) from error
        return None if found is None else Answer(200, orjson.dumps(found))

    def _route(self, request: Request, parts: list[str]) -> Any:
        if request.path == "/studies":
            if request.method == "POST":
                return self._make(_body(request, _MADE))
            return {"studies": [row.name for row in self._store.studies() if "goal" in row.spec["about"]]}
        if not parts or not parts[0]:
            return None
        row = self._study(parts[0])
        if len(parts) == 1 and request.method == "GET":
            return self._tell(row)
        if len(parts) == 2 and request.method == "POST":
            if parts[1] == "suggest":
                _body(request, ())
                return self._suggest(row)
            if parts[1] == "report":
                return self._report(row, _body(request, _REPORTED))
            if parts[1] == "should_stop":
                return self._should_stop(row, _body(request, ("number", "token")))
        return None

    def _study(self, name: str) -> StudyRow:
        row = self._store.study(name[:200])
        if "goal" not in row.spec["about"]:  # a search of `hr.tune`: its workers are its own
            raise UnknownName("study", name[:200], [])
        return row

    def _make(self, body: Mapping[str, Any]) -> Any:
        name = body.get("name")
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise InvalidRequest(f"name = {name!r}", expected="1 to 63 letters, digits, '.', '-' or '_'")
        goal = body.get("goal", "minimize")
        if goal not in _GOALS:
            raise UnknownName("goal", str(goal), _GOALS)
        searcher = body.get("searcher")
        if searcher is not None and not isinstance(searcher, str):
            raise InvalidRequest(f"searcher = {searcher!r}", expected=f"one of {', '.join(lookup.names('searcher'))}")
        stopping = body.get("stopping")
        if stopping is not None and not isinstance(stopping, str):
            raise InvalidRequest(f"stopping = {stopping!r}", expected="'median', 'asha' or null")
        trials, lease_s = body.get("trials"), body.get("lease_s", 60.0)
        if trials is not None and (isinstance(trials, bool) or not isinstance(trials, int) or trials < 1):
            raise InvalidRequest(f"trials = {trials!r}", expected="a whole number from 1, or null for any number")
        if isinstance(lease_s, bool) or not isinstance(lease_s, (int, float)) or not 0.1 <= lease_s <= 86_400:
            raise InvalidRequest(f"lease_s = {lease_s!r}", expected="seconds, 0.1 to 86400")
        first = body.get("first")
        if first is not None and not isinstance(first, dict):
            raise InvalidRequest(f"first = {first!r}", expected="a value for each parameter")
        space = space_from_plain(body.get("space"))
        if first is not None and set(first) != set(space):
            raise InvalidRequest(f"first names {', '.join(first)}", expected=f"all of {', '.join(space)}")
        study = Study(
            space,
            searcher_of(searcher),
            seed=body.get("seed", 0),
            higher_is_better=goal == "maximize",
            first=first,
            stopping=stopping_of(stopping),
            about={"goal": goal, "trials": trials, "lease_s": float(lease_s)},
        )
        return self._tell(self._store.open_study(name, study.to_plain()))

    def _tell(self, row: StudyRow) -> Any:
        study, trials = Study.from_plain(row.spec), self._store.trials(row.name)
        best = study.best(trials)
        return {
            "name": row.name,
            "space": {name: row.spec["space"][name] for name in row.spec["order"]},
            "seed": study.seed,
            "searcher": type(study.searcher).__name__,
            **study.about,
            "best": None if best is None else _plain(best),
            "trials": [_plain(trial) for trial in trials],
        }

    def _suggest(self, row: StudyRow) -> Any:
        study = Study.from_plain(row.spec)
        about = study.about
        trial = self._store.take_trial(
            row.name, lambda rows: study.next(rows, about["trials"]), outside_s=about["lease_s"]
        )
        if trial is None:
            return {"number": None, "params": None, "token": None}
        params = {name: trial.params[name] for name in study.space}
        return {"number": trial.number, "params": params, "token": trial.token, "lease_s": about["lease_s"]}

    def _trial(self, row: StudyRow, body: Mapping[str, Any]) -> TakenTrial:
        number, token = body.get("number"), body.get("token")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 1 << 31:
            raise InvalidRequest(f"number = {number!r}", expected="the trial's number, from suggest")
        if not isinstance(token, str):
            raise InvalidRequest("the token is missing", expected="the trial's token, from suggest")
        return self._store.attach_trial(row.name, number, token)

    def _report(self, row: StudyRow, body: Mapping[str, Any]) -> Any:
        losses, is_stopped = _losses(body.get("losses", {})), body.get("stopped", False)
        value, failed = body.get("value"), body.get("failed")
        if not isinstance(is_stopped, bool):
            raise InvalidRequest(f"stopped = {is_stopped!r}", expected="true or false")
        if failed is not None and (not isinstance(failed, str) or value is not None):
            raise InvalidRequest("a report that has failed", expected='"failed": "why", and no value')
        trial = self._trial(row, body)
        if failed is not None:
            self._store.end_trial(trial, "failed", losses=losses, reason=failed)
        elif value is not None:
            state, reason = ("stopped", "its worker stopped it") if is_stopped else ("succeeded", "")
            self._store.end_trial(trial, state, value=value, losses=losses, reason=reason)
        else:
            self._store.report_trial(trial, losses, outside_s=row.spec["about"]["lease_s"])
        return {"number": trial.number, "is_ended": failed is not None or value is not None}

    def _should_stop(self, row: StudyRow, body: Mapping[str, Any]) -> Any:
        trial = self._trial(row, body)
        study, seen = Study.from_plain(row.spec), set(trial.seen)
        rows = self._store.trials(row.name)
        others = [other.losses for other in rows if other.number in seen and other.losses and other.state != "failed"]
        losses = rows[trial.number].losses
        stop = bool(study.stopping is not None and losses and study.stopping.is_behind(losses, others))
        return {"number": trial.number, "stop": stop}


def _body(request: Request, known: tuple[str, ...]) -> dict[str, Any]:
    if not request.body and not known:
        return {}
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidRequest(f"the body is a {type(body).__name__}", expected="a JSON object")
    for name in body:
        if name not in known:
            raise InvalidRequest(f"{name[:100]!r} is not known here", expected=", ".join(known) or "no body")
    return body


def _losses(given: Any) -> dict[int, float]:
    is_right = isinstance(given, dict) and len(given) <= 100_000
    if is_right and all(step.isdecimal() and type(loss) in (int, float) for step, loss in given.items()):
        return {int(step): float(loss) for step, loss in given.items()}
    raise InvalidRequest("losses", expected='step and loss: {"0": 0.7, "1": 0.6}')


def _plain(trial: TrialRow) -> dict[str, Any]:
    return {
        "number": trial.number,
        "params": trial.params,
        "state": trial.state,
        "value": trial.value,
        "losses": {str(step): loss for step, loss in trial.losses.items()},
        "seen": list(trial.seen),
        "reason": trial.reason,
        "num_attempts": trial.num_attempts,
    }
