"""The gate's truth table: what it says of every rule in every situation, and that whatever is odd means no.

A row is a situation (below: `SITUATIONS`), what the champion did on the same rows (`CHAMPIONS`), the rules with "&"
between them, and what comes of it:

    ok      the model may be pushed                                   exit code 0
    no      it may not                                                exit code 1
    first   a rule has no champion to compare with, and that is ok    exit code 0
    usage   no rule: the text is refused before anything is judged    exit code 2

A row that begins with "!" is one in which TFX's Evaluator, as read, lets a model through: a rule about change without a
baseline, "not a number" as a limit, intervals that nobody looks at.
"""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from headrace.cli._main import _code_of
from headrace.errors import HeadraceError, NotAccepted
from headrace.evaluation import Evaluation, Results, SliceResults
from headrace.orchestration.bodies import _gate
from headrace.rules import Value

NAN, INF = math.nan, math.inf


def share(value, rows=1000, error=0.01, *, shared=0.9):
    """A value between 0 and 1 with its interval; `shared` is the correlation with the champion's."""
    covariance = shared * error * error
    return Value.measured(
        value, rows, std_error=error, support=rows, limits=(0.0, 1.0), with_champion=covariance, with_baseline=0.0
    )


def bare(value, rows=1000, reason=""):
    """A value without an interval."""
    return Value(value, rows, reason=reason)


AA, DL, UA, NULL = ("carrier", "AA"), ("carrier", "DL"), ("carrier", "UA"), ("carrier", None)
GOOD = {
    (): {"auc": share(0.90), "brier": share(0.10, error=0.005)},
    (AA,): {"auc": share(0.92, 600), "brier": share(0.09, 600, 0.006)},
    (DL,): {"auc": share(0.88, 370, 0.015), "brier": share(0.11, 370, 0.008)},
    (UA,): {"auc": share(0.70, 30, 0.09), "brier": share(0.20, 30, 0.05)},
    (AA, ("origin", "JFK")): {"auc": share(0.91, 300, 0.015), "brier": share(0.09, 300, 0.009)},
}


def but(changes, base=None):
    """The situation with some cells changed; None takes a metric or a slice away."""
    made = {pairs: dict(values) for pairs, values in (GOOD if base is None else base).items()}
    for pairs, values in changes.items():
        if values is None:
            made.pop(pairs, None)
            continue
        for metric, value in values.items():
            if value is None:
                made[pairs].pop(metric, None)
            else:
                made.setdefault(pairs, {})[metric] = value
    return made


SITUATIONS = {
    "good": GOOD,
    "unsure": but({(): {"auc": share(0.86, 60, 0.04)}}),
    "nan": but({(): {"auc": bare(NAN, reason="one class")}}),
    "nan in DL": but({(DL,): {"auc": bare(NAN, 370, "one class")}}),
    "nan in UA": but({(UA,): {"auc": bare(NAN, 30, "one class")}}),
    "infinite": but({(): {"auc": bare(INF)}}),
    "minus infinite": but({(): {"auc": bare(-INF)}}),
    "no auc overall": but({(): {"auc": None}}),
    "no auc in DL": but({(DL,): {"auc": None}}),
    "no auc": {pairs: {"brier": values["brier"]} for pairs, values in GOOD.items()},
    "no slices": {(): GOOD[()]},
    "no overall": but({(): None}),
    "no UA": but({(UA,): None}),
    "null carrier": but({(NULL,): {"auc": share(0.6, 200, 0.03), "brier": share(0.2, 200, 0.03)}}),
    "zero rows": {(): {"auc": bare(NAN, 0, "no rows"), "brier": bare(NAN, 0, "no rows")}},
    "one row": {(): {"auc": bare(NAN, 1, "one class"), "brier": bare(0.01, 1)}},
    "two rows": {(): {"auc": share(1.0, 2, 0.0), "brier": share(0.01, 2, 0.0)}},
    "perfect": {(): {"auc": share(1.0, 500, 0.0), "brier": share(0.0, 500, 0.0)}},
    "no intervals": {
        pairs: {m: bare(v.value, v.num_rows) for m, v in values.items()} for pairs, values in GOOD.items()
    },
    "one positive": {(): {"auc": bare(0.99, 400)}},
    "one interval missing": but({(DL,): {"auc": bare(0.88, 370)}}),
    "nothing": {},
    "no metrics": {(): {}},
}

CHAMPIONS = {
    "-": None,
    "same": GOOD,
    "worse": {
        pairs: {m: share(v.value - 0.05, v.num_rows, v.std_error) for m, v in values.items()}
        for pairs, values in GOOD.items()
    },
    "better": {
        pairs: {m: share(v.value + 0.05, v.num_rows, v.std_error) for m, v in values.items()}
        for pairs, values in GOOD.items()
    },
    "nan": but({(): {"auc": bare(NAN, reason="one class")}}),
    "nan in DL": but({(DL,): {"auc": bare(NAN, 370, "one class")}}),
    "infinite": but({(): {"auc": bare(-INF)}}),
    "no auc": {pairs: {"brier": values["brier"]} for pairs, values in GOOD.items()},
    "no slices": {(): GOOD[()]},
    "no DL": but({(DL,): None}),
    "zero": {pairs: {m: bare(0.0, v.num_rows) for m, v in values.items()} for pairs, values in GOOD.items()},
    "nothing": {},
    "of other rows": "it does not take these rows: column distance has gone",
}

TABLE = """
situation            | champion      | rules                                                        | verdict | exit
good                 | -             | auc >= 0.85                                                  | ok      | 0
good                 | -             | auc > 0.85                                                   | ok      | 0
good                 | -             | brier <= 0.12                                                | ok      | 0
good                 | -             | brier < 0.12                                                 | ok      | 0
good                 | -             | auc >= 0.95                                                  | no      | 1
good                 | -             | brier <= 0.05                                                | no      | 1
good                 | -             | auc <= 0.85                                                  | no      | 1
good                 | -             | auc >= 0.85 & brier <= 0.12                                  | ok      | 0
good                 | -             | auc >= 0.85 & brier <= 0.05                                  | no      | 1
good                 | -             | auc >= 0.95 & brier <= 0.12                                  | no      | 1
good                 | -             |                                                              | no      | 1

good                 | -             | auc >= 0.9 by value                                          | ok      | 0
good                 | -             | auc > 0.9 by value                                           | no      | 1
good                 | -             | auc <= 0.9 by value                                          | ok      | 0
good                 | -             | auc < 0.9 by value                                           | no      | 1
! good               | -             | auc >= 0.9                                                   | no      | 1
! good               | -             | auc >= 0.89                                                  | no      | 1
! unsure             | -             | auc >= 0.85                                                  | no      | 1
unsure               | -             | auc >= 0.85 by value                                         | ok      | 0
unsure               | -             | auc >= 0.7                                                   | ok      | 0

nan                  | -             | auc >= 0.85                                                  | no      | 1
nan                  | -             | auc <= 0.85                                                  | no      | 1
nan                  | -             | auc >= 0                                                     | no      | 1
nan                  | -             | auc >= 0 by value                                            | no      | 1
nan                  | -             | auc < 2 by value                                             | no      | 1
nan                  | -             | brier <= 0.12                                                | ok      | 0
nan                  | -             | brier <= 0.12 & auc >= 0                                     | no      | 1
infinite             | -             | auc >= 0.85                                                  | no      | 1
infinite             | -             | auc >= 0.85 by value                                         | no      | 1
minus infinite       | -             | auc <= 0.85 by value                                         | no      | 1
no auc               | -             | auc >= 0.85                                                  | no      | 1
no auc               | -             | brier <= 0.12                                                | ok      | 0
no auc overall       | -             | auc >= 0.85                                                  | no      | 1
no auc overall       | -             | auc >= 0.85 on carrier=AA                                    | ok      | 0
good                 | -             | aucc >= 0.85                                                 | no      | 1
good                 | -             | aucc <= 0.85 & auc >= 0.85                                   | no      | 1
nothing              | -             | auc >= 0.85                                                  | no      | 1
nothing              | -             |                                                              | no      | 1
no metrics           | -             | auc >= 0.85                                                  | no      | 1
no overall           | -             | auc >= 0.85                                                  | no      | 1
no overall           | -             | auc >= 0.85 on carrier=AA                                    | ok      | 0
zero rows            | -             | auc >= 0.85                                                  | no      | 1
zero rows            | -             | brier <= 1                                                   | no      | 1
zero rows            | -             | brier <= 1 by value                                          | no      | 1
zero rows            | -             | brier <= 1 with 10 rows                                      | no      | 1
one row              | -             | brier <= 0.5                                                 | no      | 1
one row              | -             | brier <= 0.5 by value                                        | ok      | 0
two rows             | -             | auc >= 0.85                                                  | no      | 1
two rows             | -             | auc >= 0.85 by value                                         | ok      | 0
perfect              | -             | auc >= 0.85                                                  | ok      | 0
perfect              | -             | auc >= 0.9999                                                | no      | 1
perfect              | -             | auc >= 1                                                     | no      | 1
perfect              | -             | auc >= 1 by value                                            | ok      | 0
perfect              | -             | auc > 1 by value                                             | no      | 1

good                 | -             | auc >= 0.65 on carrier=AA                                    | ok      | 0
good                 | -             | auc >= 0.95 on carrier=AA                                    | no      | 1
! good               | -             | auc >= 0.65 on carrier=XX                                    | no      | 1
good                 | -             | auc >= 0.65 on carrier=XX with 100 rows                      | no      | 1
good                 | -             | auc >= 0.65 on carrier=null                                  | no      | 1
null carrier         | -             | auc >= 0.5 on carrier=null                                   | ok      | 0
null carrier         | -             | auc >= 0.5 on carrier="null"                                 | no      | 1
good                 | -             | auc >= 0.8 on carrier=AA,origin=JFK                          | ok      | 0
good                 | -             | auc >= 0.8 on origin=JFK,carrier=AA                          | ok      | 0
good                 | -             | auc >= 0.8 on carrier=AA,origin=LGA                          | no      | 1
good                 | -             | auc >= 0.8 on origin=JFK                                     | no      | 1
good                 | -             | auc >= 0.55 on carrier=UA with 30 rows                       | no      | 1
good                 | -             | auc >= 0.4 on carrier=UA with 30 rows                        | ok      | 0
good                 | -             | auc >= 0.65 on carrier=UA with 31 rows                       | no      | 1

good                 | -             | auc >= 0.8 on every carrier                                  | no      | 1
good                 | -             | auc >= 0.8 on every carrier with 100 rows                    | ok      | 0
good                 | -             | auc >= 0.9 on every carrier with 100 rows                    | no      | 1
good                 | -             | auc >= 0.85 on every carrier with 600 rows                   | ok      | 0
good                 | -             | auc >= 0.85 on every carrier with 601 rows                   | no      | 1
! good               | -             | auc >= 0.1 on every carrier with 100000 rows                 | no      | 1
good                 | -             | auc >= 0.1 on every carrier with 100000 rows & auc >= 0.85   | no      | 1
no slices            | -             | auc >= 0.1 on every carrier                                  | no      | 1
no slices            | -             | auc >= 0.1 on every carrier & auc >= 0.85                    | no      | 1
good                 | -             | auc >= 0.1 on every dest                                     | no      | 1
good                 | -             | auc >= 0.8 on every carrier,origin                           | ok      | 0
good                 | -             | auc >= 0.8 on every origin,carrier                           | ok      | 0
nan in DL            | -             | auc >= 0.1 on every carrier                                  | no      | 1
nan in DL            | -             | auc <= 1 on every carrier by value                           | no      | 1
nan in DL            | -             | auc >= 0.8 on every carrier with 400 rows                    | ok      | 0
nan in UA            | -             | auc >= 0.8 on every carrier with 100 rows                    | ok      | 0
nan in UA            | -             | auc >= 0.1 on every carrier with 30 rows                     | no      | 1
no auc in DL         | -             | auc >= 0.1 on every carrier                                  | no      | 1
no auc in DL         | -             | auc >= 0.1 on carrier=DL                                     | no      | 1
null carrier         | -             | auc >= 0.8 on every carrier with 100 rows                    | no      | 1
one interval missing | -             | auc >= 0.1 on every carrier                                  | no      | 1
one interval missing | -             | auc >= 0.1 on every carrier by value                         | ok      | 0

good                 | -             | auc >= 0.5 on worst carrier with 100 rows                    | ok      | 0
good                 | -             | auc >= 0.9 on worst carrier                                  | no      | 1
good                 | -             | auc >= 0.7 on worst carrier by value                         | ok      | 0
good                 | -             | auc >= 0.71 on worst carrier by value                        | no      | 1
good                 | -             | brier <= 0.2 on worst carrier by value                       | ok      | 0
good                 | -             | brier <= 0.19 on worst carrier by value                      | no      | 1
nan in DL            | -             | auc >= 0.1 on worst carrier by value                         | no      | 1
nan in UA            | -             | auc >= 0.8 on worst carrier with 100 rows                    | ok      | 0
no slices            | -             | auc >= 0.1 on worst carrier                                  | no      | 1
good                 | -             | auc >= 0.1 on worst carrier with 100000 rows                 | no      | 1
no auc in DL         | -             | auc >= 0.1 on worst carrier                                  | no      | 1

one positive         | -             | auc >= 0.5                                                   | no      | 1
one positive         | -             | auc >= 0.5 by value                                          | ok      | 0
one positive         | same          | auc >= champion - 0.5                                        | no      | 1
no intervals         | -             | auc >= 0.9                                                   | ok      | 0
no intervals         | -             | auc > 0.9                                                    | no      | 1
no intervals         | -             | auc >= 0.7 on every carrier                                  | ok      | 0

! good               | -             | auc >= champion                                              | no      | 1
! good               | -             | auc >= champion - 0.02                                       | no      | 1
! good               | -             | auc >= champion on every carrier                             | no      | 1
! good               | -             | auc >= champion on every carrier & brier <= champion         | no      | 1
good                 | -             | auc >= champion & auc >= 0.85                                | first   | 0
good                 | -             | auc >= champion on every carrier & auc >= 0.85               | first   | 0
good                 | -             | auc >= champion & auc >= 0.95                                | no      | 1
good                 | -             | auc >= champion & auc >= baseline + 0.2                      | first   | 0
nan                  | -             | auc >= champion & brier <= 0.12                              | no      | 1
good                 | -             | auc >= champion on every dest & auc >= 0.85                  | no      | 1
good                 | -             | auc >= champion on carrier=XX & auc >= 0.85                  | no      | 1
good                 | -             | aucc >= champion & auc >= 0.85                               | no      | 1
good                 | -             | auc >= champion on every carrier with 9999 rows & auc >= 0.8 | no      | 1
good                 | of other rows | auc >= champion                                              | no      | 1
good                 | of other rows | auc >= champion & auc >= 0.85                                | first   | 0

good                 | same          | auc >= champion - 0.02                                       | ok      | 0
good                 | same          | auc >= champion                                              | no      | 1
good                 | same          | auc >= champion by value                                     | ok      | 0
good                 | same          | auc > champion by value                                      | no      | 1
good                 | same          | auc >= champion * 0.9                                        | ok      | 0
good                 | same          | auc >= champion + 0.01                                       | no      | 1
good                 | worse         | auc >= champion                                              | ok      | 0
good                 | worse         | auc >= champion + 0.02                                       | ok      | 0
good                 | worse         | brier <= champion                                            | no      | 1
good                 | better        | auc >= champion                                              | no      | 1
good                 | better        | auc >= champion - 0.02                                       | no      | 1
good                 | better        | auc >= champion - 0.1                                        | ok      | 0
good                 | better        | auc >= champion - 0.06 on every carrier with 300 rows        | no      | 1
good                 | better        | auc >= champion - 0.1 on every carrier with 300 rows         | ok      | 0
good                 | better        | brier <= champion                                            | ok      | 0
good                 | worse         | auc >= champion on every carrier with 300 rows               | ok      | 0
good                 | worse         | auc >= champion on worst carrier with 300 rows               | ok      | 0
good                 | better        | auc >= champion on worst carrier with 300 rows               | no      | 1
good                 | nan           | auc >= champion - 0.02                                       | no      | 1
good                 | nan           | auc >= champion - 0.02 by value                              | no      | 1
good                 | nan           | auc <= champion by value                                     | no      | 1
good                 | infinite      | auc >= champion                                              | no      | 1
good                 | infinite      | auc >= champion by value                                     | no      | 1
good                 | no auc        | auc >= champion - 0.02                                       | no      | 1
good                 | nothing       | auc >= champion - 0.02                                       | no      | 1
good                 | nothing       | auc >= champion - 0.02 & auc >= 0.85                         | no      | 1
good                 | no slices     | auc >= champion - 0.5 on every carrier                       | no      | 1
good                 | no slices     | auc >= champion - 0.5 on worst carrier                       | no      | 1
good                 | no DL         | auc >= champion - 0.5 on every carrier                       | no      | 1
good                 | no DL         | auc >= champion - 0.05 on every carrier with 600 rows        | ok      | 0
good                 | nan in DL     | auc >= champion - 0.5 on every carrier                       | no      | 1
good                 | nan in DL     | auc >= champion - 0.5 on worst carrier with 100 rows         | no      | 1
nan                  | same          | auc >= champion - 0.02                                       | no      | 1
nan                  | nan           | auc >= champion - 0.02                                       | no      | 1
nan                  | nan           | auc >= champion by value                                     | no      | 1
nan in DL            | nan in DL     | auc >= champion - 0.5 on every carrier                       | no      | 1
no UA                | same          | auc >= champion - 0.05 on every carrier                      | ok      | 0
no UA                | same          | auc >= champion - 0.05 on carrier=UA                         | no      | 1
good                 | zero          | auc >= champion * 1.1                                        | ok      | 0
good                 | zero          | brier <= champion * 1.1                                      | no      | 1
good                 | same          | auc >= champion - 0.05 & brier <= champion + 0.05            | ok      | 0
good                 | same          | auc >= champion - 0.05 & brier <= champion - 0.05            | no      | 1

good                 | -             | auc >= baseline                                              | ok      | 0
good                 | -             | auc >= baseline + 0.39                                       | no      | 1
good                 | -             | auc >= baseline on every carrier with 100 rows               | ok      | 0
nan                  | -             | auc >= baseline                                              | no      | 1
good                 | -             | auc >= baseline on carrier=AA,origin=JFK                     | ok      | 0

! good               | -             | auc >= nan                                                   | usage   | 2
good                 | -             | auc >= inf                                                   | usage   | 2
good                 | -             | auc >= 1e999                                                 | usage   | 2
good                 | -             | auc >= champion - nan                                        | usage   | 2
good                 | -             | auc >=                                                       | usage   | 2
good                 | -             | auc                                                          | usage   | 2
good                 | -             | auc == 0.9                                                   | usage   | 2
good                 | -             | auc >= 0.8 on                                                | usage   | 2
good                 | -             | auc >= 0.8 on every                                          | usage   | 2
good                 | -             | auc >= 0.8 on some carrier                                   | usage   | 2
good                 | -             | auc >= 0.8 on every carrier with -1 rows                     | usage   | 2
good                 | -             | auc >= 0.8 on every carrier with many rows                   | usage   | 2
good                 | -             | auc >= 0.8 or brier <= 1                                     | usage   | 2
good                 | -             | auc >= 0.8 by luck                                           | usage   | 2
good                 | -             | 0.8 <= auc                                                   | usage   | 2
good                 | -             | auc >= 0.8 & auc >= nan                                      | usage   | 2
"""


def rows_of_table():
    """(situation, champion, rules, verdict, exit code) by row."""
    found = []
    for line in TABLE.strip().splitlines()[1:]:
        if line.strip():
            situation, champion, rules, verdict, code = (cell.strip() for cell in line.removeprefix("!").split("|"))
            found.append(
                (situation, champion, [rule.strip() for rule in rules.split("&") if rule.strip()], verdict, int(code))
            )
    return found


ROWS = rows_of_table()


def results(values):
    """Results of cells by slice."""
    return Results(tuple(SliceResults(dict(pairs), metrics) for pairs, metrics in values.items()))


def evaluation(situation, champion):
    """An evaluation in which this was measured."""
    values, beside = SITUATIONS[situation], CHAMPIONS[champion]
    constant = {pairs: {"auc": share(0.5, error=0.0), "brier": share(0.25, error=0.0)} for pairs in values}
    return Evaluation(
        results(values).cells,
        metrics=(),
        num_rows=1000,
        num_dropped=0,
        predictions=pa.table({"label": pa.array([], pa.float64())}),
        champion=None if beside is None or isinstance(beside, str) else results(beside),
        champion_reason=beside if isinstance(beside, str) else "",
        baseline=results(constant),
        has_intervals=situation != "no intervals",
    )


def say(situation, champion, rules):
    """(what the gate says, exit code)."""
    try:
        done = _gate({"model": None, "evaluation": evaluation(situation, champion), "rules": rules}, None)
    except HeadraceError as error:
        return "usage", _code_of(error)
    verdict = done.outputs["verdict"]
    if "leave" not in done.outputs:  # what pushes has nothing to push with, and the run says so
        assert not verdict.ok and done.result["items"]
        return "no", _code_of(NotAccepted("the gate says no"))
    assert verdict.ok
    is_first = any("first version" in one.reason or "not compared" in one.reason for one in verdict.findings)
    return "first" if is_first else "ok", 0


@pytest.mark.parametrize(("situation", "champion", "rules", "verdict", "code"), ROWS)
def test_row(situation, champion, rules, verdict, code):
    """The row's verdict and exit code."""
    assert say(situation, champion, rules) == (verdict, code)


def test_the_table_is_whole():
    """At least 120 rows, none twice; every situation and champion is in one; what is odd is never ok."""
    assert len(ROWS) >= 120
    assert len({(situation, champion, *rules) for situation, champion, rules, _, _ in ROWS}) == len(ROWS)
    assert {row[0] for row in ROWS} == set(SITUATIONS)
    assert {row[1] for row in ROWS} == set(CHAMPIONS)
    assert {row[3:] for row in ROWS} == {("ok", 0), ("no", 1), ("first", 0), ("usage", 2)}


def test_an_unknown_rule_beside_makes_no_yes():
    """Whatever is ok alone is not ok beside a rule on what was not measured."""
    for situation, champion, rules, verdict, _ in ROWS:
        if verdict in ("ok", "first"):
            assert say(situation, champion, [*rules, "unmeasured >= 0"])[0] == "no"
