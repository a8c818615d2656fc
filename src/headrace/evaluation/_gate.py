"""gate: whether a model may be trusted, by rules; whatever is odd means no."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.errors import InvalidInput
from headrace.evaluation._evaluation import Evaluation
from headrace.evaluation._limits import Limits
from headrace.model import Model
from headrace.rules import Rule, Verdict, judge_all, parse_rule

__all__ = ["gate"]


def gate(
    model: Model | None,
    evaluation: Evaluation,
    *,
    rules: Sequence[str | Rule],
    limits: Limits | None = None,
    champion: Model | None = None,
) -> Verdict:
    """Judge an evaluation by rules; only a verdict that is ok lets the model be pushed.

    Parameters
    ----------
    model : Model or None
        The model that was evaluated; None to judge predictions alone, whose verdict pushes nothing.
    evaluation : Evaluation
        Of this model.
    rules : sequence of str or Rule
        Such as "roc_auc >= champion - 0.02 on every carrier with 1000 rows"; see `headrace.rules.parse_rule`.
    limits : Limits, optional
        What the model may cost whoever serves it. With them, and only with them, it is loaded by the server's own code
        in a process apart, asked, and measured; see `Limits`.
    champion : Model, optional
        What the evaluation compared with, for limits that are relative to it; needed only for an evaluation that was
        read from a file.

    Returns
    -------
    Verdict
        `ok` only when there are rules and every finding is ok. Rules are judged on the bound of the value's 95 %
        interval, or of its difference from the champion's, unless they end in "by value". A metric that is NaN or
        unknown, a slice that is absent, no slice with enough rows, no rules: not ok. A rule on the champion without one
        is "first version" and ok only beside a rule that needs none.

    Raises InvalidInput for a rule that cannot be read, pointing at the character, for an evaluation of another model or
    another champion, and for limits without a model. Cost: microseconds a slice; with limits a second or two.

    >>> import pyarrow as pa
    >>> from headrace.evaluation import evaluate_predictions
    >>> table = pa.table({"y": [1, 0, 1, 0], "p": [0.9, 0.2, 0.7, 0.4]})
    >>> found = evaluate_predictions(table, label="y", prediction="p", metrics=["roc_auc"])
    >>> gate(None, found, rules=["roc_auc >= 0.85"]).ok  # four rows cannot say it for sure
    False
    >>> gate(None, found, rules=["roc_auc >= 0.85 by value"]).ok, gate(None, found, rules=[]).ok
    (True, False)
    """
    if limits is not None and not isinstance(limits, Limits):
        raise InvalidInput(f"limits = {limits!r}", where="gate", expected="hr.Limits(memory_mb=512), say")
    given = [rules] if isinstance(rules, (str, Rule)) else rules
    parsed = [rule if isinstance(rule, Rule) else parse_rule(rule) for rule in given]
    if model is not None and evaluation.model_digest != model.digest:
        raise InvalidInput(
            "the evaluation is of another model" if evaluation.model_digest else "the evaluation is of no model",
            where="gate",
            expected=f"one of model {model.digest[:12]}",
            fix="evaluate this model, or pass None to judge the predictions alone",
        )
    findings = judge_all(parsed, evaluation.measurements)
    measured: dict[str, float] = {}
    if limits is not None:
        if model is None:
            raise InvalidInput(
                "limits are on a model, and predictions alone are judged", where="gate", fix="leave limits= out"
            )
        from headrace.evaluation._probe import probe

        champion = _the_champion(evaluation, champion)
        found, measured = probe(model, evaluation, limits, champion)
        findings = (*findings, *found)
    return Verdict(
        ok=all(finding.ok for finding in findings),
        findings=findings,
        model_digest=None if model is None else model.digest,
        evaluation_digest=evaluation.digest,
        rules=tuple(str(rule) for rule in parsed),
        measured=measured,
    )


def _the_champion(evaluation: Evaluation, given: Model | None) -> Model | None:
    if given is None:
        return evaluation.champion_model
    if given.digest != evaluation.champion_digest:
        other = evaluation.champion_digest
        raise InvalidInput(
            f"champion is model {given.digest[:12]}, which the evaluation is not compared with",
            where="gate",
            expected=f"model {other[:12]}" if other else "no champion: the evaluation has none",
        )
    return given
