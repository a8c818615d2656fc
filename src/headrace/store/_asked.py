"""Asked: what a person was asked, as it is kept with the attempt that waits; and what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from headrace.store._records import decode

__all__ = ["ApprovalRow", "Asked"]


@dataclass(frozen=True)
class Asked:
    """A question to a person.

    Parameters
    ----------
    subject : str
        The digest that an answer is bound to.
    question : str
        In words; "" = whether it may go on.
    about : dict of str to str
        What is asked about: name -> digest.
    timeout_s : float or None
        After how many seconds without an answer it is a no; None = never.
    """

    subject: str
    question: str
    about: dict[str, str]
    timeout_s: float | None = None

    @classmethod
    def of(cls, result: Mapping[str, Any] | str | None) -> Self | None:
        """The question in the result of an attempt, decoded or as the store keeps it; None where it asks nothing."""
        plain = decode(result) if isinstance(result, str) else result
        asked = (plain or {}).get("approval")
        if asked is None:
            return None
        return cls(asked["subject"], asked["question"], dict(asked["about"]), asked.get("timeout_s"))

    def to_plain(self) -> dict[str, Any]:
        """As it is kept: without a time-out, as before there were any."""
        plain = {"subject": self.subject, "question": self.question, "about": dict(self.about)}
        return plain if self.timeout_s is None else {**plain, "timeout_s": self.timeout_s}

    def until_us(self, asked_us: int) -> int | None:
        """When it becomes a no, UTC epoch microseconds, if it was asked then; None = never."""
        return None if self.timeout_s is None else asked_us + round(self.timeout_s * 1e6)


@dataclass(frozen=True)
class ApprovalRow:
    """What a person answered to a step that asked; rows are only ever appended, the newest of a subject counts.

    Parameters
    ----------
    approval_id : int
        Counts up.
    pipeline, step : str
        Which step of which pipeline asked.
    subject : str
        The digest of what was asked about, and of the question: of another digest nobody was asked.
    inputs : dict of str to str
        What that was: name -> digest.
    is_approved : bool
        The answer.
    by, because : str
        Who answered, and why; "" for nobody, where the time was over.
    run_id : str
        The run in which it was asked.
    time_us : int
        When, UTC epoch microseconds.
    """

    approval_id: int
    pipeline: str
    step: str
    subject: str
    inputs: dict[str, str]
    is_approved: bool
    by: str
    because: str
    run_id: str
    time_us: int

    @property
    def is_expired(self) -> bool:
        """Whether nobody answered in time; it holds for this run alone, another asks anew."""
        return not self.by

    @property
    def said(self) -> str:
        """In words: "approved by Ann: it is fair", or "expired: nobody answered within 2 h"."""
        word = "expired" if self.is_expired else f"{'approved' if self.is_approved else 'rejected'} by {self.by}"
        return word + (f": {self.because}" if self.because else "")
