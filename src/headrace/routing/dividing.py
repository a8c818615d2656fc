"""Dividing: an endpoint's traffic handed to a policy, versions taken out of it; what a command and a page both do."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from headrace import lookup
from headrace.errors import InvalidInput, UnknownName
from headrace.routing.endpoint_policy import EndpointPolicy, Standing, standing_of
from headrace.store import Store

__all__ = ["divide", "policy_of", "take_out"]

# What has a word of its own wherever a policy is asked for.
_NOT_SET = ("policy", "parameters", "versions", "unit_column", "segment_column", "segments", "learned_since_us")
# Where these stay, what was learned is still what it was.
_SHAPE = ("reward_low", "reward_high", "window_s", "missing", "segment_column", "segments")


def policy_of(policy: str, sets: Iterable[str]) -> EndpointPolicy:
    """The record of a policy with settings as text, "NAME=VALUE": the policy's own parameters, or the record's.

    Raises UnknownName for a policy or a setting that is not there, InvalidInput for what is no setting.

    >>> policy_of("thompson", ["floor=0.02", "window_s=600"]).window_s
    600
    """
    own = [item.name for item in dataclasses.fields(lookup.find("policy", policy))]
    settable = [item.name for item in dataclasses.fields(EndpointPolicy) if item.name not in _NOT_SET]
    parameters: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for text in sets:
        name, mark, value = text.partition("=")
        if not mark:
            raise InvalidInput(f"setting {text}", expected="NAME=VALUE")
        if name not in (*own, *settable):
            raise UnknownName("setting of a policy", name, [*own, *settable])
        try:
            plain = json.loads(value)
        except ValueError:
            plain = value
        (parameters if name in own else values)[name] = plain
    return EndpointPolicy(policy, parameters, **values)


def divide(
    store: Store,
    name: str,
    record: EndpointPolicy,
    *,
    versions: Sequence[str] = (),
    unit: str = "",
    segment: str = "",
    is_fresh: bool = False,
    reason: str = "",
    who: str = "",
) -> Standing:
    """Divide an endpoint's traffic by a policy from now on; returns how it then stands.

    Parameters
    ----------
    store, name : Store, str
        The endpoint.
    record : EndpointPolicy
        The policy, without versions and columns: `policy_of` makes it.
    versions : sequence of str
        The numbers of those that take part; those that do now by default.
    unit : str
        The column whose value stays with one version.
    segment : str
        "COLUMN=A,B": values that have a table of their own.
    is_fresh : bool
        Whether what was learned so far is forgotten; it is too where rewards are counted in another way.
    reason, who : str
        Kept in the endpoint's log.

    Raises UnknownName for an unknown endpoint or column, InvalidInput for versions that are none.
    """
    before = standing_of(store, name)
    known = {one.version for one in store.versions(name)}
    if not all(one.strip().isdecimal() and int(one) in known for one in versions):
        raise InvalidInput(f"versions {', '.join(versions)}", expected=f"some of {sorted(known)}, comma between")
    column, _, values = segment.partition("=")
    record = dataclasses.replace(
        record,
        versions=tuple(sorted({int(one) for one in versions})) if versions else before.versions,
        unit_column=unit,
        segment_column=column,
        segments=tuple(value for value in values.split(",") if value),
    )
    is_same = all(getattr(record, field) == getattr(before.policy, field) for field in _SHAPE)
    if before.is_divided and is_same and not is_fresh:
        learned = before.policy.learned_since_us or before.since_us
        record = dataclasses.replace(record, learned_since_us=learned)
    _check_columns(store, before, record)
    store.set_policy(name, record.to_plain(), reason=reason, who=who)
    return standing_of(store, name)


def take_out(store: Store, name: str, version: int, *, reason: str = "", who: str = "") -> None:
    """Take a version out of an endpoint's traffic; InvalidInput for the one that it serves."""
    if version == standing_of(store, name).champion:
        raise InvalidInput(
            f"version {version} is what endpoint {name!r} serves",
            fix=f"`headrace endpoints promote {name} --to VERSION` another first, or `rollback`",
        )
    store.withdraw_version(name, version, reason=reason, who=who)


def _check_columns(store: Store, standing: Standing, record: EndpointPolicy) -> None:
    """A column that the champion does not read cannot tell requests apart."""
    if not (record.unit_column or record.segment_column):
        return
    from headrace.model import Model

    live = store.endpoint(standing.name)
    assert live is not None
    names = [column.name for column in store.load_artifact(live.model_digest, Model).columns]
    for name in (record.unit_column, record.segment_column):
        if name and name not in names:
            raise UnknownName("column", name, names, where=f"version {standing.champion} of endpoint {standing.name!r}")
