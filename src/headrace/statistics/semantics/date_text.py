"""Dates and times of day written as text."""

from __future__ import annotations

import re

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["DateText"]

_MOST = 0.95
_YEAR, _MONTH, _DAY = r"(1[89]|20|21)\d\d", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_TIME = r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-6]\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
_MONTHS = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_FORMS = {
    "YYYY-MM-DD": re.compile(f"{_YEAR}-{_MONTH}-{_DAY}{_TIME}"),
    "YYYY/MM/DD": re.compile(f"{_YEAR}/{_MONTH}/{_DAY}{_TIME}"),
    "YYYYMMDD": re.compile(f"{_YEAR}{_MONTH}{_DAY}"),
    "DD.MM.YYYY": re.compile(rf"{_DAY}\.{_MONTH}\.{_YEAR}{_TIME}"),
    "MM/DD/YYYY": re.compile(f"{_MONTH}/{_DAY}/{_YEAR}{_TIME}"),
    "DD/MM/YYYY": re.compile(f"{_DAY}/{_MONTH}/{_YEAR}{_TIME}"),
    "DD-Mon-YYYY": re.compile(rf"\d\d?[- ]{_MONTHS}[- ,]+{_YEAR}", re.IGNORECASE),
}


class DateText(SemanticType):
    """Texts of which all read as dates of one form. 03/04/2020 is taken for the form that more values have."""

    rank = 12

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the form of values."""
        shares = {form: seen.share(pattern.fullmatch) for form, pattern in _FORMS.items()}
        form = max(shares, key=lambda item: shares[item])
        share = shares[form]
        return Evidence(share, f"{share:.0%} of values read as {form}") if share >= _MOST else None
