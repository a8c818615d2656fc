"""The page of a trainer: its parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

from headrace.orchestration.values import TrainerFile
from headrace.report import Column, Context, Page, Report, Row, Section, name, table, tag
from headrace.report.figures import figure

__all__ = ["Trainer"]


class Trainer(Page):
    """What a model is to be fitted with."""

    def report(self, noun: Any, context: Context) -> Report:
        """The page of a trainer or of the artifact that holds it."""
        trainer = noun.value if isinstance(noun, TrainerFile) else noun
        rows: list[Row] = []
        for field in dataclasses.fields(trainer):
            value = getattr(trainer, field.name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            told = figure(value) if is_number else "none" if value is None else str(value)
            rows.append([tag("code", field.name), name(told), "yes" if value != field.default else ""])
        columns = [Column("Parameter"), Column("Value"), Column("Set")]
        shown = table("Parameters; those that differ from their defaults are set", columns, rows)
        return Report(
            "trainer",
            TrainerFile(trainer).digest,
            f"{type(trainer).__name__}, with {sum(row[2] == 'yes' for row in rows)} of {len(rows)} parameters set",
            sections=(Section("Parameters", shown, is_brief=True),),
        )
