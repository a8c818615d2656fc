"""The error tree: one base, each error also a builtin, each message says what, where, what was expected, what to do.

    HeadraceError
    |-- InvalidInput (ValueError)           data, a file or an argument is not what it must be
    |   |-- InvalidRequest                  a serving request; answered with HTTP status 400
    |   |-- InvalidSchema                   two spans, or a table and its schema, differ in shape
    |   `-- TrainingRows                    evaluation was handed rows the model was fitted on
    |-- UnknownName (LookupError)           no such metric, op, column, pipeline...; carries the nearest
    |-- MissingExtra (ImportError)          an adapter's third party is not installed; carries the install line
    |-- Misuse (TypeError)                  the API was called in a way it cannot mean (a handle used as a bool)
    |-- NotAccepted (RuntimeError)          what a validation or a gate withheld was asked for
    |-- StepFailed (RuntimeError)           a step's own code raised or its process died
    |-- NotAllowed (PermissionError)        a server wants a token, or another one
    |-- RequestFailed (ConnectionError)     a server could not be reached, or failed; carries the HTTP status
    |-- ChampionMoved (RuntimeError)        push: the endpoint serves another version than when the run was planned
    |-- DeadlineExceeded (TimeoutError)     a request's time is over; answered with HTTP status 504
    |-- TooManyRequests (RuntimeError)      a quota is used up (429), or more is waiting than may (503)
    |-- HostDiffers (RuntimeError)          golden rows do not come out the same on this machine
    `-- StoreError (OSError)                the store or the disk under it; exit code 4
        |-- StoreTooNew                     written by a newer headrace
        |-- StoreBusy                       another process holds the lock beyond the time-out
        `-- LeaseLost                       this attempt is no longer ours: nothing may be committed

Whoever catches HeadraceError catches them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, Self

__all__ = [
    "ChampionMoved",
    "DeadlineExceeded",
    "HeadraceError",
    "HostDiffers",
    "InvalidInput",
    "InvalidRequest",
    "InvalidSchema",
    "LeaseLost",
    "MissingExtra",
    "Misuse",
    "NotAccepted",
    "NotAllowed",
    "RequestFailed",
    "StepFailed",
    "StoreBusy",
    "StoreError",
    "StoreTooNew",
    "TooManyRequests",
    "TrainingRows",
    "UnknownName",
]


class HeadraceError(Exception):
    """The base of every error headrace raises on purpose.

    Parameters
    ----------
    what : str
        What was wrong, with the offending value.
    where : str, optional
        Source, file, row, feature, step: as near as is known.
    expected : str, optional
        What would have been right.
    fix : str, optional
        What to do next, preferably a line to type.

    The raw parts stay as attributes of the same names; `str(error)` joins them to one message.

    >>> str(InvalidInput("'distnace' is not a column", where="features.py, line 3", fix="did you mean 'distance'?"))
    "'distnace' is not a column (features.py, line 3); did you mean 'distance'?"
    """

    def __init__(self, what: str, *, where: str = "", expected: str = "", fix: str = "") -> None:
        self.what, self.where, self.expected, self.fix = what, where, expected, fix
        super().__init__(self._text())

    def _text(self) -> str:
        text = self.what
        if self.where:
            text += f" ({self.where})"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.fix:
            text += f"; {self.fix}"
        return text

    def locate(self, place: str, *, adds: bool = False) -> Self:
        """Say where, if that is not said yet, or, with `adds`, before what is said of it; returns the error itself.

        >>> str(InvalidInput("the day is over").locate("flights.py, line 3"))
        'the day is over (flights.py, line 3)'
        """
        if place and place not in self.where and (adds or not self.where):
            self.where = f"{place}, {self.where}" if self.where else place
            self.args = (self._text(), *self.args[1:])
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from parts, so an error crosses process boundaries of the standard library whole."""
        return (_rebuild, (type(self), self.__dict__.copy(), self.args))


def _rebuild(cls: type[HeadraceError], state: dict[str, Any], args: tuple[Any, ...]) -> HeadraceError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidInput(HeadraceError, ValueError):
    """Data, a file or an argument is not what it must be."""


class InvalidRequest(InvalidInput):
    """A serving request cannot be answered as it stands: the caller's fault, HTTP status 400."""


class InvalidSchema(InvalidInput):
    """Two spans, or a table and its schema, differ in shape."""


class TrainingRows(InvalidInput):
    """Evaluation was handed rows that the model was fitted on."""


class UnknownName(HeadraceError, LookupError):
    """No such metric, op, column, pipeline, endpoint...

    Parameters
    ----------
    kind : str
        The kind of thing, as a person says it: "metric", "column".
    name : str
        What was asked for.
    known : iterable of str
        What there is; the nearest is proposed, and the list given when it is short.

    >>> str(UnknownName("metric", "brie", ["brier", "log_loss"]))
    "no metric named 'brie'; did you mean 'brier'? (there are: brier, log_loss)"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "", expected: str = "") -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        near = difflib.get_close_matches(name, self.known, n=1, cutoff=0.6)
        fix = f"did you mean {near[0]!r}?" if near else ""
        if 0 < len(self.known) <= 40:
            there = f"there are: {', '.join(self.known)}"
            fix = f"{fix} ({there})" if fix else there
        super().__init__(f"no {kind} named {name!r}", where=where, expected=expected, fix=fix)


class MissingExtra(HeadraceError, ImportError):
    """An adapter's third party is not installed.

    >>> str(MissingExtra("beam engine", "Apache Beam", "beam"))
    "beam engine needs Apache Beam: pip install 'headrace[beam]'"
    """

    def __init__(self, user: str, package: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{user} needs {package}: pip install 'headrace[{extra}]'")


class Misuse(HeadraceError, TypeError):
    """The API was called in a way that cannot mean anything: a handle used as a bool, a lambda as a step."""


class NotAccepted(HeadraceError, RuntimeError):
    """What a validation or a gate withheld was asked for; `items` holds its reasons."""

    def __init__(self, what: str, *, items: Sequence[Any] = (), where: str = "", fix: str = "") -> None:
        self.items = tuple(items)
        super().__init__(what, where=where, fix=fix)


class StepFailed(HeadraceError, RuntimeError):
    """A step's own code raised, or its process died."""


class NotAllowed(HeadraceError, PermissionError):
    """A server wants a token, or one that allows more: HTTP status 401 or 403."""


class RequestFailed(HeadraceError, ConnectionError):
    """A server could not be reached, did not answer whole, or failed.

    `status` is HTTP's, 500 and above; 0 where there was no answer.

    >>> RequestFailed("the server does not answer", status=0).status
    0
    """

    def __init__(self, what: str, *, status: int, where: str = "", fix: str = "") -> None:
        self.status = status
        super().__init__(what, where=where, fix=fix)


class ChampionMoved(HeadraceError, RuntimeError):
    """The endpoint serves another version than when the run was planned: evaluate again."""


class DeadlineExceeded(HeadraceError, TimeoutError):
    """A request was not answered in the time it had: its run was stopped, or not begun; HTTP status 504."""


class TooManyRequests(HeadraceError, RuntimeError):
    """More is asked than a quota allows (429) or than may wait (503); `retry_after_s` says when to come back.

    >>> TooManyRequests("quota of late is used up", retry_after_s=0.25, status=429).retry_after_s
    0.25
    """

    def __init__(self, what: str, *, retry_after_s: float, status: int, fix: str = "") -> None:
        self.retry_after_s, self.status = retry_after_s, status
        super().__init__(what, fix=fix)


class HostDiffers(HeadraceError, RuntimeError):
    """Golden rows do not come out the same, byte for byte, on this machine."""


class StoreError(HeadraceError, OSError):
    """The store, or the disk under it, cannot do what was asked; exit code 4."""


class StoreTooNew(StoreError):
    """The store was written by a newer headrace; nothing was changed."""


class StoreBusy(StoreError):
    """Another process held the store's lock beyond the time-out."""


class LeaseLost(StoreError):
    """This attempt is no longer ours (it was taken over): nothing of it may be committed."""
