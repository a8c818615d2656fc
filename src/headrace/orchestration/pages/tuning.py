"""The page of a tuning: every trial in the order it was tried, and the values that did best."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

from headrace.report import (
    Cell,
    Column,
    Content,
    Context,
    Curve,
    Html,
    Page,
    Report,
    Row,
    Section,
    curves,
    legend,
    table,
    tag,
)
from headrace.report import name as named
from headrace.report.figures import NOTHING, aligned, count, figure, plural
from headrace.tuning import Trial
from headrace.tuning import Tuning as Noun

__all__ = ["Tuning"]

_MOST_TRIALS = 400


class Tuning(Page):
    """What was tried, what came of it, and what is handed on."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        best, first = noun.best_value, noun.trials[0].value
        states = [trial.state for trial in noun.trials]
        facts: dict[str, Content] = {
            "Best": [figure(best), " ", tag("small", f"trial {noun.best_number}")],
            "As it was given": NOTHING if first is None else figure(first),
            "Trials": count(len(states)),
        }
        facts |= {word: count(states.count(state)) for word, state in _WORDS.items() if state in states}
        facts["Rows"] = [count(noun.num_rows), tag("small", f", judged by {count(noun.num_judged)}")]
        sections = [Section("Trials", _picture(noun), _said(noun), is_brief=True)]
        if not context.is_brief:
            sections += [
                Section("Best values", _best(noun)),
                Section("Every trial", _trials(noun), "The best first."),
            ]
        return Report(
            "tuning",
            context.name_of(noun),
            f"{noun.metric} {figure(best)} in {plural(len(states), 'trial')} of {type(noun.trainer).__name__}",
            lead=_lead(noun, first),
            facts=facts,
            sections=tuple(sections),
        )


_WORDS = {"Stopped early": "stopped", "Failed": "failed"}


def _lead(noun: Noun, first: float | None) -> Content:
    if first is None:
        return "The trainer as it was given failed."
    if noun.best_number == 0:
        return "Nothing that was tried did better than the trainer as it was given."
    gain = abs(noun.best_value - first)
    word = "more" if noun.higher_is_better else "less"
    return f"{figure(gain, 3)} {word} than the trainer as it was given."


def _said(noun: Noun) -> str:
    way = "larger" if noun.higher_is_better else "smaller"
    return f"{noun.metric} of each trial, {way} is better; it is measured on the rows that chose it, so it flatters."


def _picture(noun: Noun) -> Content:
    points = [(float(trial.number), trial.value) for trial in noun.trials if trial.value is not None]
    done = [(float(trial.number), trial.value) for trial in noun.trials if trial.state == "succeeded"]
    kept = [(at, value) for at, value in done if value is not None]
    choose = max if noun.higher_is_better else min
    best = list(zip((at for at, _ in kept), accumulate((value for _, value in kept), choose), strict=True))
    values = [value for _, value in points]
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or abs(low) * 0.02 or 0.5
    last = float(max(1, len(noun.trials) - 1))
    steps = [step for (at, before), (to, after) in pairwise(best) for step in ((to, before), (to, after))]
    drawn = [
        Curve("best so far", "second", [best[0], *steps, (last, best[-1][1])]),
        Curve("trial", "accent", points, is_dots=True),
    ]
    picture = curves(
        f"{noun.metric} by trial",
        drawn,
        across=(0.0, last),
        up=(low - pad, high + pad),
        labels=("trial", noun.metric),
        width=720,
        height=240,
        description=f"best {figure(noun.best_value)} at trial {noun.best_number} of {len(noun.trials)}",
    )
    return [legend([("dot accent-fill", "a trial"), ("second", "best so far")]), tag("figure", picture)]


def _best(noun: Noun) -> Html:
    rows: list[Row] = [
        [
            tag("code", name),
            _value(noun.best_params[name]),
            _value(noun.trainer.parameters()[name]),
            named(repr(domain)),
        ]
        for name, domain in noun.space.items()
    ]
    columns = [Column("Parameter"), Column("Best", "num"), Column("As given", "num"), Column("Searched")]
    return table("What was varied, and what did best", columns, rows)


def _trials(noun: Noun) -> Html:
    sign = -1.0 if noun.higher_is_better else 1.0

    def rank(trial: Trial) -> tuple[bool, float, int]:
        return trial.state != "succeeded", math.inf if trial.value is None else sign * trial.value, trial.number

    ordered = sorted(noun.trials, key=rank)
    texts = aligned([trial.value for trial in ordered])
    columns = [Column("Trial", "num"), Column(noun.metric, "num"), *(Column(name, "num") for name in noun.space)]
    columns.append(Column("Ended"))
    rows: list[Row] = [
        [
            Cell(count(trial.number), trial.number),
            Cell(text, trial.value),
            *(_value(trial.params[name]) for name in noun.space),
            trial.state if not trial.reason else [trial.state, ": ", named(trial.reason, longest=300)],
        ]
        for trial, text in zip(ordered, texts, strict=True)
    ]
    muted = [trial.state != "succeeded" for trial in ordered]
    return table(plural(len(rows), "trial"), columns, rows, muted=muted, most_rows=_MOST_TRIALS)


def _value(value: object) -> Cell | Html:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Cell(figure(value), value)
    return named("none" if value is None else str(value))
