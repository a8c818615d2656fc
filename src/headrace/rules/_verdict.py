"""Verdict: what the rules said of a model; the only thing that lets it be pushed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from headrace import canonical, disk
from headrace.errors import InvalidInput, StoreTooNew
from headrace.lookup import Shown
from headrace.rules._judge import Finding

__all__ = ["Verdict"]

_FORMAT = 2  # 2: findings of limits; without any a verdict is written as the first format was
_FILE = "verdict.json"
_MEASURED = "measured.json"


@dataclass(frozen=True, repr=False)
class Verdict(Shown):
    """What `gate` found.

    Parameters
    ----------
    ok : bool
        Whether the model may be pushed: at least one finding, and every one ok.
    findings : tuple of Finding
        In the order of the rules, then of the slices.
    model_digest : str or None
        The model judged; None where predictions alone were.
    evaluation_digest : str
        The evaluation it was judged on.
    rules : tuple of str
        The rules, as `Rule` writes them.
    measured : mapping of str to float
        What the probe of limits measured, each figure with its unit in its name. It is of this attempt: it lies beside
        the verdict in a file of its own, and is no part of the digest.

    Raises InvalidInput when `ok` does not follow from the findings: a verdict cannot be made up.
    """

    kind: ClassVar[str] = "verdict"

    ok: bool
    findings: tuple[Finding, ...]
    model_digest: str | None
    evaluation_digest: str
    rules: tuple[str, ...]
    measured: Mapping[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        holds = bool(self.rules) and bool(self.findings) and all(finding.ok for finding in self.findings)
        if self.ok != holds:
            raise InvalidInput(f"a verdict says ok = {self.ok}, its findings say {holds}")

    def __repr__(self) -> str:
        failed = [finding for finding in self.findings if not finding.ok]
        rules = f"{len(self.rules)} rule{'s' if len(self.rules) != 1 else ''}"
        if not failed:
            return f"<Verdict yes: {rules}, {len(self.findings)} findings, all ok>"
        return f"<Verdict no: {rules}, {len(failed)} of {len(self.findings)} findings not ok: {failed[0].reason}>"

    def to_plain(self) -> dict[str, Any]:
        """As plain data, with the version of the format."""
        return {
            "format": _FORMAT if any(finding.is_limit for finding in self.findings) else 1,
            "ok": self.ok,
            "rules": list(self.rules),
            "model_digest": self.model_digest,
            "evaluation_digest": self.evaluation_digest,
            "findings": [finding.to_plain() for finding in self.findings],
        }

    @property
    def digest(self) -> str:
        """sha256 of the canonical form."""
        return canonical.digest(self.to_plain())

    def save(self, folder: Path) -> None:
        """Write verdict.json, and measured.json where something was, into an existing folder."""
        disk.write_file(Path(folder) / _FILE, canonical.to_canonical(self.to_plain()))
        if self.measured:
            plain = {"format": 1, "measured": dict(self.measured)}
            disk.write_file(Path(folder) / _MEASURED, canonical.to_canonical(plain))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises InvalidInput for a damaged file, StoreTooNew for a later format."""
        file = Path(folder) / _FILE
        try:
            plain = canonical.from_canonical(file.read_bytes())
            if plain["format"] > _FORMAT:
                raise StoreTooNew(f"verdict format {plain['format']}", where=str(file), fix="upgrade headrace")
            measured = _read_measured(Path(folder) / _MEASURED)
            findings = [Finding(**finding) for finding in plain["findings"]]
            return cls(
                plain["ok"],
                tuple(replace(one, measured=measured.get(one.metric)) if one.is_limit else one for one in findings),
                plain["model_digest"],
                plain["evaluation_digest"],
                tuple(plain["rules"]),
                measured,
            )
        except FileNotFoundError:
            raise InvalidInput("there is no verdict here", where=str(file)) from None
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"not a verdict: {error}", where=str(file)) from error


def _read_measured(file: Path) -> dict[str, float]:
    """What was measured; {} where nothing was, or the file, which decides nothing, is gone."""
    if not file.is_file():
        return {}
    plain = canonical.from_canonical(file.read_bytes())
    return {str(name): float(value) for name, value in plain["measured"].items()}
