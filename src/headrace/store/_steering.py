"""Steering: how an endpoint's traffic is divided, and which versions may take part; every change is one more move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.errors import UnknownName
from headrace.store._contract import Endpoint
from headrace.store._database import Connection
from headrace.store._endpoints import Endpoints
from headrace.store._snapshot import current, policy_of, version_of

__all__ = ["Steering"]


class Steering(Endpoints):
    """The part of a Store that says which versions of an endpoint answer."""

    def versions(self, name: str) -> list[Endpoint]:
        """All versions of an endpoint, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name, version, model_digest, verdict_digest, run_id, created_us FROM endpoint_versions"
                " WHERE name = ? ORDER BY version",
                (name,),
            ).fetchall()
        return [Endpoint(*row) for row in rows]

    def policy(self, name: str) -> dict[str, Any] | None:
        """The record of the policy that divides an endpoint's traffic, with `endpoint` and `since_us`; None without."""
        with self._database.read() as connection:
            return policy_of(connection, name)

    def set_policy(self, name: str, record: Mapping[str, Any], *, reason: str = "", who: str = "") -> None:
        """Divide an endpoint's traffic so from now on.

        Parameters
        ----------
        name : str
            The endpoint; it serves something already.
        record : mapping
            Plain data with at least "policy"; `headrace.routing.EndpointPolicy` says what else.
        reason, who : str
            Why, and who does it where that is not this process's user.
        """
        with self._database.write() as connection:
            live = self._live(connection, name)
            self._move(connection, name, live.version, None, "policy", reason=reason, run_id=None, who=who)
            self._append(connection, "endpoint-policy", {**record, "endpoint": name})

    def promote(self, name: str, version: int, *, reason: str = "", who: str = "") -> None:
        """Make a version the champion; nothing where it is."""
        with self._database.write() as connection:
            live = self._live(connection, name)
            self._require_version(connection, name, version)
            if live.version != version:
                self._move(connection, name, version, live.version, "promote", reason=reason, run_id=None, who=who)

    def withdraw_version(
        self,
        name: str,
        version: int,
        *,
        champion: int | None = None,
        reason: str = "",
        who: str = "",
        alert: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a version out: it answers nobody, until it is admitted or served again.

        `champion` is what is served from then on; by default what is served now. `alert` is the body of an event
        "alert" written with the move: nobody sees one without the other.
        """
        with self._database.write() as connection:
            live = self._live(connection, name)
            self._require_version(connection, name, version)
            stays = live.version if champion is None else champion
            self._move(connection, name, stays, version, "withdraw", reason=reason, run_id=None, who=who)
            if alert is not None:
                self._append(connection, "alert", alert)

    def admit_version(self, name: str, version: int, *, reason: str = "", who: str = "") -> None:
        """Let a version that was taken out take part again."""
        with self._database.write() as connection:
            live = self._live(connection, name)
            self._require_version(connection, name, version)
            self._move(connection, name, live.version, version, "admit", reason=reason, run_id=None, who=who)

    def _live(self, connection: Connection, name: str) -> Endpoint:
        live = current(connection, name)
        if live is None:
            raise UnknownName("endpoint", name, self._names(connection))
        return live

    @staticmethod
    def _require_version(connection: Connection, name: str, version: int) -> None:
        if version_of(connection, name, version) is None:
            rows = connection.execute("SELECT version FROM endpoint_versions WHERE name = ?", (name,))
            raise UnknownName(f"version of endpoint {name!r}", str(version), [str(row[0]) for row in rows])
