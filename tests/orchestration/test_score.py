"""The score: only what records say counts, once is half, what is old is nothing, the weakest section decides."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from headrace.cli import main
from headrace.errors import InvalidInput, UnknownName
from headrace.orchestration.rubric import ITEMS, SECTIONS
from headrace.orchestration.score import Score, Scored, score, word_of
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.small import month


def of(store, **given):
    """number -> Scored."""
    return {one.item: one for one in score(store, **given).items}


def test_the_rubric_is_whole():
    """Four sections of seven, each item with what it is and how it is done."""
    assert len(ITEMS) == 28 and len({item.number for item in ITEMS}) == 28
    assert [sum(item.section == name for item in ITEMS) for name in SECTIONS] == [7, 7, 7, 7]
    assert all(item.what and item.how for item in ITEMS)


def test_the_weakest_section_decides():
    """Seven in three sections and one in the fourth is one."""
    rows = [Scored(item.number, item.section, item.what, "done", 1.0, "", "") for item in ITEMS]
    assert Score("flow", tuple(rows)).final == 7
    left = tuple(row if row.section != "model" or row.item == "M1" else missing(row) for row in rows)
    assert Score("flow", left).final == 1
    assert [word_of(final).split(":")[0] for final in (0, 1, 1.5, 3, 5, 5.5)] == [
        *("research", "untested", "a first pass", "reasonably tested", "strong", "exceptional")
    ]


def missing(row):
    """The same item, not done."""
    return Scored(row.item, row.section, row.what, "missing", 0.0, "", "")


def test_what_runs_recorded_counts(project, prepared, monkeypatch, capsys):
    """Once is half, twice is one; a rule on slices, limits and a rollback are found; what is old is stale."""
    monkeypatch.chdir(project.folder)
    months = prepared(project)
    home = load_settings(project.folder).home
    with Store.open(home, read_only=True) as store:
        before = of(store)
    assert before["I4"].points == 0.5 and before["M6"].state == "in part" and before["M3"].state == "missing"
    assert before["O6"].points == before["I7"].points == 0
    months.rewrite(
        'rules=["roc_auc >= 0.6"]',
        'rules=["roc_auc >= 0.6", "roc_auc >= baseline by value", "roc_auc >= 0.3 on every city with 20 rows"],'
        " limits=hr.Limits(memory_mb=600)",
    )
    for number in (4, 5):
        months.deliver(f"0{number}", month(number))
        assert months.run().ok
    assert main(["endpoints", "rollback", "late", "--to", "1"]) == 0
    with Store.open(home, read_only=True) as store:
        after = of(store)
        assert {number: after[number].points for number in ("I3", "I4", "M5", "M6", "O5", "O6", "I7", "D5")} == {
            **dict.fromkeys(("I3", "I4", "M5", "M6", "O5", "O6"), 1.0),
            "I7": 0.5,
            "D5": 0.0,
        }
        later = of(store, now=datetime.now(UTC) + timedelta(days=31))
        assert later["I4"].state == "stale" and later["I4"].points == 0 and "30 days ago" in later["I4"].told
        with pytest.raises(UnknownName, match="did you mean 'flow'"):
            score(store, "flwo")
    capsys.readouterr()
    assert main(["score", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["score"] == min(told["sections"].values()) and len(told["items"]) == 28
    assert main(["score", "flow"]) == 0
    assert capsys.readouterr().out.startswith(f"pipeline flow: {told['score']:g} of 7, ")


def test_where_nothing_ran(tmp_path):
    """There is nothing to score."""
    with Store.open(tmp_path / "home") as store, pytest.raises(InvalidInput, match="no pipeline ran"):
        score(store)
