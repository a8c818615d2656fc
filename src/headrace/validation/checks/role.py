"""Columns that have another role in the data set than the schema says."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.validation._contract import Check, Context, Item

__all__ = ["Role"]


class Role(Check):
    """A feature that the schema gives a `role` must have it in the data set, and it alone: an error.

    A label that is not in this environment is not asked for. `value` is the role, or the column, that was found,
    `threshold` what the schema says. Cost: no row is read.
    """

    code = "role"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column whose role is another."""
        roles = context.dataset.roles
        said = {name: feature.role for feature in context.schema.features if feature.role for name in [feature.name]}
        has_key = "key" in said.values()
        for name, role in said.items():
            holders = roles.key if role == "key" else (getattr(roles, role),)
            if name not in holders:
                found = ", ".join(one for one in holders if one is not None) or "no column"
                message = (
                    f"column {name!r} should be the data set's {role}, which is {found}: hr.ingest(..., {role}=...)"
                )
                yield Item(self.code, name, None, "error", found, role, message)
        if has_key:
            for name in roles.key:
                if name in context.schema and said.get(name) != "key":
                    message = f"column {name!r} is part of the data set's key, and the schema does not say so"
                    yield Item(self.code, name, None, "error", "key", said.get(name), message)
