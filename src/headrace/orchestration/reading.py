"""How a step's body reads rows: through an engine that keeps states in the store, and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.engine import LocalEngine
    from headrace.store import Store

__all__ = ["MEASURED", "Reading", "without_measurements"]

MEASURED = ("rows_read", "rows_reused", "fitting")
"""What a step's result says about how it ran, and not about what it found: of the attempt, never of the step."""


class Reading:
    """What one step reads with; nothing is imported before the engine is asked for.

    Parameters
    ----------
    store : Store
        Its `states` folder is used.
    kept : mapping
        `limit_mb`, the setting `states_mb`, and `code`, which headrace computes; None = keep no states.
    """

    def __init__(self, store: Store, kept: Mapping[str, Any] | None) -> None:
        self._store, self._kept = store, kept
        self._engine: LocalEngine | None = None
        self._states: Any = None
        self._counted: dict[str, int] = {}

    @property
    def engine(self) -> LocalEngine:
        """The engine of this step."""
        if self._engine is None:
            from headrace.engine import LocalEngine, StateCache
            from headrace.store.states import States

            cache = None
            if self._kept is not None:
                self._states = States(self._store.home.states, limit_mb=self._kept["limit_mb"])
                cache = StateCache(self._states, code=self._kept["code"])
            self._engine = LocalEngine(states=cache)
        return self._engine

    def count(self, *, read: int = 0, reused: int = 0) -> None:
        """Count rows that were read, or not read again, without the engine's help."""
        self._counted["rows_read"] = self._counted.get("rows_read", 0) + read
        self._counted["rows_reused"] = self._counted.get("rows_reused", 0) + reused

    def measured(self) -> dict[str, int]:
        """`rows_read` and `rows_reused`; {} for a step that neither asked for the engine nor counted."""
        engine = self._engine
        if engine is None:
            return self._counted
        counted = {"rows_read": engine.rows_read, "rows_reused": engine.rows_reused}
        return {name: value + self._counted.get(name, 0) for name, value in counted.items()}

    def close(self) -> None:
        """Bring the folder of states under its limit, where something was written."""
        if self._states is not None:
            self._states.trim()


def without_measurements(result: Mapping[str, Any]) -> dict[str, Any]:
    """A step's result as another run may take it over: what that attempt measured stays with it.

    >>> without_measurements({"ok": True, "rows_read": 12, "rows_reused": 0})
    {'ok': True}
    """
    return {name: value for name, value in result.items() if name not in MEASURED}
