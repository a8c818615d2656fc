"""What can be done about an endpoint: go back, promote, take a version out, let it in again, divide its traffic.

Each act does what its command does, asks for a reason, and is written into the endpoint's log and the audit log.
"""

from __future__ import annotations

from typing import Any

from headrace.errors import InvalidInput
from headrace.routing.dividing import divide, policy_of, take_out
from headrace.store import Endpoint
from headrace.web.asking import Ask, Denied, Done
from headrace.web.grants import may_see
from headrace.web.views._rows import endpoint_of

__all__ = ["admit", "promote", "roll_back", "set_policy", "withdraw"]


def roll_back(ask: Ask) -> Done:
    """`POST /endpoints/NAME/rollback`, with `to` and `because`: what `headrace endpoints rollback` does."""
    live, version, because = _asked(ask)
    ask.store.roll_back(live.name, version, reason=because, who=ask.person.name)
    said = f"Endpoint {live.name} goes back from version {live.version} to version {version}."
    if live.version == version:
        said = f"Endpoint {live.name} serves version {version} already."
    return _done(ask, "rollback", live, said, because, version=version, replaced=live.version)


def promote(ask: Ask) -> Done:
    """`POST /endpoints/NAME/promote`: a version becomes the champion."""
    live, version, because = _asked(ask)
    ask.store.promote(live.name, version, reason=because, who=ask.person.name)
    said = f"Endpoint {live.name} serves version {version}."
    return _done(ask, "promote", live, said, because, version=version, replaced=live.version)


def withdraw(ask: Ask) -> Done:
    """`POST /endpoints/NAME/withdraw`: a version answers nobody any more."""
    live, version, because = _asked(ask)
    take_out(ask.store, live.name, version, reason=because, who=ask.person.name)
    said = f"Version {version} of endpoint {live.name} answers nobody any more."
    return _done(ask, "withdraw", live, said, because, version=version)


def admit(ask: Ask) -> Done:
    """`POST /endpoints/NAME/admit`: a version that was taken out may take part again."""
    live, version, because = _asked(ask)
    ask.store.admit_version(live.name, version, reason=because, who=ask.person.name)
    said = f"Version {version} of endpoint {live.name} may take part again."
    return _done(ask, "admit", live, said, because, version=version)


def set_policy(ask: Ask) -> Done:
    """`POST /endpoints/NAME/policy`, with `policy`, `settings` ("floor=0.02 window_s=600"), `versions`, `unit`,
    `segment`: what `headrace endpoints policy` does.
    """
    live, because = endpoint_of(ask), _because(ask)
    _require(ask, live, live.version)
    record = policy_of(ask.form.get("policy", "").strip(), ask.form.get("settings", "").split())
    after = divide(
        ask.store,
        live.name,
        record,
        versions=[one for one in ask.form.get("versions", "").replace(",", " ").split() if one],
        unit=ask.form.get("unit", "").strip(),
        segment=ask.form.get("segment", "").strip(),
        is_fresh=ask.form.get("fresh") == "yes",
        reason=because,
        who=ask.person.name,
    )
    taking = ", ".join(str(version) for version in after.versions)
    said = f"{record.policy} divides the traffic of endpoint {live.name} between versions {taking}."
    if not after.is_divided:
        said = f"Endpoint {live.name} is served by version {live.version} alone."
    return _done(ask, "policy", live, said, because, policy=record.policy, versions=list(after.versions))


def _asked(ask: Ask) -> tuple[Endpoint, int, str]:
    """The endpoint, the version `to` that is there and may be seen, and why."""
    live, wanted = endpoint_of(ask), ask.form.get("to", "")
    if not wanted.isdecimal() or len(wanted) > 9:
        raise InvalidInput(f"{wanted[:20]!r} is no version", expected="a number")
    because = _because(ask)
    _require(ask, live, int(wanted))
    return live, int(wanted), because


def _because(ask: Ask) -> str:
    because = ask.form.get("because", "").strip()
    if not because:
        raise InvalidInput("a move without a reason", expected="why: it is kept in the endpoint's log")
    return because


def _require(ask: Ask, live: Endpoint, version: int) -> None:
    found = ask.store.endpoint(live.name, version)
    if found is not None and not may_see(ask.person, ask.store, found.model_digest):
        raise Denied(f"{ask.person.name} may not see version {version}", expected="a grant to read its data")


def _done(ask: Ask, what: str, live: Endpoint, said: str, because: str, **facts: Any) -> Done:
    ask.audit(what, endpoint=live.name, because=because, **facts)
    return Done(f"/endpoints/{live.name}", said, {"endpoint": live.name, **facts})
