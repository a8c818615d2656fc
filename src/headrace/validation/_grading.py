"""How grave a finding is: what the schema says of a code, for a feature or for all, and the feature's stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from headrace.errors import UnknownName
from headrace.lookup import names
from headrace.schema import Schema
from headrace.validation._contract import Item, Severity

__all__ = ["check_codes", "grade"]

# What the stage of a feature makes of an error, and of a warning.
_BY_STAGE: dict[str, dict[Severity, Severity]] = {
    "production": {},
    "beta": {"error": "warning"},
    "planned": {"error": "info", "warning": "info"},
    "alpha": {"error": "info", "warning": "info"},
    "deprecated": {"error": "info", "warning": "info"},
    "debug": {"error": "info", "warning": "info"},
}
_TOLD = ("no_rows", "quarantine", "unlabelled_rows", "waiver_unused")  # what is told by `validate` itself
_OPEN = ("drift", "skew", "mixture")  # codes that begin so are those of comparisons, which have many


def check_codes(schema: Schema) -> None:
    """Raise UnknownName for a severity or tolerance of a code that no check has."""
    known = [*names("check"), *_TOLD]
    for where, codes in (
        ("schema: severity", dict(schema.severity)),
        *((f"feature {one.name!r}", [*dict(one.severity), *dict(one.tolerance)]) for one in schema.features),
    ):
        for code in codes:
            if code not in known and not code.startswith(_OPEN):
                raise UnknownName("check", code, known, where=where)


def grade(items: Iterable[Item], schema: Schema) -> list[Item]:
    """The items, each as grave as the schema says: by feature and code, else by code, else by the feature's stage.

    >>> from headrace.schema import Feature
    >>> late = Item("range", "delay", None, "error", 0.1, 0.0, "...")
    >>> schema = Schema((Feature("delay", "number", stage="beta"),))
    >>> grade([late], schema)[0].severity
    'warning'
    >>> grade([late], Schema(schema.features, severity={"range": "info"}))[0].severity
    'info'
    """
    graded = []
    for item in items:
        severity: Severity = item.severity
        feature = schema[item.feature] if item.feature is not None and item.feature in schema else None
        said = {**dict(schema.severity), **(dict(feature.severity) if feature is not None else {})}
        if item.code in said:
            severity = said[item.code]  # type: ignore[assignment]  # the schema has checked the word
        elif feature is not None:
            severity = _BY_STAGE[feature.stage].get(severity, severity)
        if severity != item.severity:
            why = f"stage {feature.stage}" if item.code not in said and feature is not None else "by the schema"
            item = replace(
                item, severity=severity, message=f"{item.message}; {severity} instead of {item.severity}, {why}"
            )
        graded.append(item)
    return graded
