"""Endpoints: append-only versions, an append-only log of moves, and a push that compares before it sets."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping, Sequence

from headrace.errors import ChampionMoved, InvalidInput, StoreError, UnknownName
from headrace.store import points
from headrace.store._contract import Accepted, Endpoint, Move, Snapshot
from headrace.store._database import Connection
from headrace.store._home import check_digest
from headrace.store._lease import now_us
from headrace.store._notices import Notices
from headrace.store._snapshot import (
    champion,
    current,
    earlier_delivery,
    last_accepted,
    policy_of,
    previous,
    version_of,
    waived,
)

__all__ = ["Endpoints", "check_endpoint_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def check_endpoint_name(name: str) -> str:
    """The name itself; InvalidInput unless it can stand in an address and in a file name as it is."""
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"{name!r} is not an endpoint's name",
            expected="1 to 63 letters, digits, '-' or '_', a letter or digit first",
        )
    return name


class Endpoints(Notices):
    """The part of a Store that says what is served."""

    def endpoint(self, name: str, version: int | None = None) -> Endpoint | None:
        """What an endpoint serves now, or one of its versions; None when there is none."""
        with self._database.read() as connection:
            return current(connection, name) if version is None else version_of(connection, name, version)

    def endpoints(self) -> list[Endpoint]:
        """What every endpoint serves now, by name."""
        with self._database.read() as connection:
            names = connection.execute("SELECT DISTINCT name FROM endpoint_moves ORDER BY name").fetchall()
            found = [current(connection, name) for (name,) in names]
        return [endpoint for endpoint in found if endpoint is not None]

    def moves(self, name: str) -> list[Move]:
        """The endpoint's log, oldest first: who put which version there, when and why."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name, version, replaced, action, who, reason, run_id, time_us FROM endpoint_moves"
                " WHERE name = ? ORDER BY move_id",
                (name,),
            ).fetchall()
        return [Move(*row) for row in rows]

    def push(
        self,
        name: str,
        model_digest: str,
        verdict_digest: str,
        *,
        expected_version: int | None,
        run_id: str | None = None,
    ) -> int:
        """Put a model behind an endpoint, if the endpoint still serves `expected_version`.

        Parameters
        ----------
        name : str
            The endpoint: letters, digits, `-` and `_`; it is made when there is none.
        model_digest, verdict_digest : str
            Artifacts of this store.
        expected_version : int or None
            The version that was live when the model was judged; None: the endpoint did not exist.
        run_id : str, optional
            The run that pushes.

        Returns the version that has this model. A model that is or was a version of the endpoint moves nothing: a
        run that is repeated never undoes a rollback, nor a later push; `roll_back` does that on purpose. Where the
        endpoint divides its traffic (`set_policy`) a new version enters it, and what is served stays the champion.
        Raises ChampionMoved, with nothing changed, when another version is live.
        """
        check_endpoint_name(name)
        check_digest(verdict_digest)
        points.reach("before-push")
        with self._database.write() as connection:
            known = connection.execute(
                "SELECT max(version) FROM endpoint_versions WHERE name = ? AND model_digest = ?", (name, model_digest)
            ).fetchone()
            if known[0] is not None:
                return int(known[0])
            live = current(connection, name)
            live_version = None if live is None else live.version
            if live_version != expected_version:
                raise ChampionMoved(
                    f"champion moved: endpoint {name!r} serves {_say(live_version)}",
                    expected=f"{_say(expected_version)}, which was live when this model was judged",
                    fix="evaluate again: `headrace run` judges against what is live now",
                )
            for kind, digest in (("model", model_digest), ("verdict", verdict_digest)):
                self._require(connection, kind, digest)
            (version,) = connection.execute(
                "SELECT coalesce(max(version), 0) + 1 FROM endpoint_versions WHERE name = ?", (name,)
            ).fetchone()
            connection.execute(
                "INSERT INTO endpoint_versions VALUES (?, ?, ?, ?, ?, ?)",
                (name, version, model_digest, verdict_digest, run_id, now_us()),
            )
            record = policy_of(connection, name)
            if live_version is None or record is None or record["policy"] == "single":
                self._move(connection, name, version, live_version, "push", reason="", run_id=run_id)
            else:
                self._move(connection, name, live_version, None, "enter", reason=f"version {version}", run_id=run_id)
        points.reach("after-push")
        return int(version)

    def roll_back(self, name: str, version: int, *, reason: str = "", who: str = "") -> None:
        """Serve an older version again: one more entry in the log; versions are never reused or removed.

        `who` does it, where that is not this process's user.
        """
        with self._database.write() as connection:
            live = current(connection, name)
            if live is None:
                raise UnknownName("endpoint", name, self._names(connection))
            if version_of(connection, name, version) is None:
                versions = connection.execute("SELECT version FROM endpoint_versions WHERE name = ?", (name,))
                raise UnknownName(f"version of endpoint {name!r}", str(version), [str(row[0]) for row in versions])
            if live.version != version:
                self._move(connection, name, version, live.version, "rollback", reason=reason, run_id=None, who=who)

    def streams(self) -> list[tuple[str, str]]:
        """(pipeline, stream) of every stream that something was accepted in, sorted."""
        with self._database.read() as connection:
            return connection.execute("SELECT DISTINCT pipeline, stream FROM accepted ORDER BY 1, 2").fetchall()

    def snapshot(
        self,
        pipeline: str,
        *,
        plan_id: str = "",
        endpoints: Sequence[str] = (),
        streams: Mapping[str, Sequence[str]] | None = None,
        identities: Mapping[str, str] | None = None,
    ) -> Snapshot:
        """All that a plan of this pipeline resolves from the store, as of one moment.

        Parameters
        ----------
        pipeline : str
            The pipeline's name.
        plan_id : str
            The plan's identity without `previous` and `champion`: a version that it pushed itself is not its champion.
        endpoints : sequence of str
            The endpoints it names.
        streams : mapping of stream to the span names resolved for it
            The ingest steps it names.
        identities : mapping of stream to str, optional
            What identifies the content resolved for it: where nothing ends before it, an earlier delivery of the same
            spans is its previous data set.
        """
        streams, identities = streams or {}, identities or {}

        def before(name: str) -> Accepted | None:
            found = previous(connection, pipeline, name, streams[name])
            if found is None and name in identities:
                found = earlier_delivery(connection, pipeline, name, streams[name], identities[name])
            return found

        with self._database.read() as connection:
            return Snapshot(
                live={name: current(connection, name) for name in endpoints},
                champions={name: champion(connection, name, plan_id) for name in endpoints},
                previous={name: before(name) for name in streams},
                accepted={name: last_accepted(connection, pipeline, name) for name in streams},
                waived={name: waived(connection, pipeline, name) for name in streams},
            )

    def _move(
        self,
        connection: Connection,
        name: str,
        version: int,
        replaced: int | None,
        action: str,
        *,
        reason: str,
        run_id: str | None,
        who: str = "",
    ) -> None:
        connection.execute(
            "INSERT INTO endpoint_moves (name, version, replaced, action, who, reason, run_id, time_us)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (name, version, replaced, action, who or _who(), reason, run_id, now_us()),
        )
        body = {"endpoint": name, "version": version, "replaced": replaced, "action": action}
        self._append(connection, "endpoint-moved", body, run_id=run_id)

    @staticmethod
    def _require(connection: Connection, kind: str, digest: str) -> None:
        check_digest(digest)
        row = connection.execute("SELECT kind FROM artifacts WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise StoreError(f"no {kind} {digest[:12]} in the store", fix="save it first: `store.save_artifact`")
        if row[0] != kind:
            raise InvalidInput(f"artifact {digest[:12]} is a {row[0]}", expected=f"a {kind}")

    @staticmethod
    def _names(connection: Connection) -> list[str]:
        return [name for (name,) in connection.execute("SELECT DISTINCT name FROM endpoint_moves")]


def _say(version: int | None) -> str:
    return "nothing yet" if version is None else f"version {version}"


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no entry in passwd
        return "unknown"
