"""The score: only what records say counts, once is half, what is old is nothing, the weakest section decides."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from headrace.cli import main
from headrace.errors import InvalidInput, UnknownName
from headrace.orchestration.rubric import ITEMS, SECTIONS, Happened
from headrace.orchestration.score import Score, Scored, score, word_of
from headrace.settings import load_settings
from headrace.store import Event, Store
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


def git(folder, *words):
    """Run git there, as nobody in particular."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True)


def said(number, **happened):
    """What an item says of a run, or of an event."""
    (item,) = [one for one in ITEMS if one.number == number]
    if "kind" in happened:
        return item.of_event(Event(1, 1, None, None, happened.pop("kind"), happened))
    steps = happened.pop("steps")
    given = {"state": "succeeded", "resolved": {}, **happened}
    plan = [{"name": f"s{place}", "call": call, "arguments": told} for place, (call, told, _) in enumerate(steps)]
    attempts = {f"s{place}": Ended("succeeded", result) for place, (_, _, result) in enumerate(steps)}
    return item.of_run(Happened(steps=plan, attempts=attempts, **given))


class Ended(NamedTuple):
    """How a step ended."""

    state: str
    result: dict


def graph(*columns):
    """The arguments of a step that reads these columns."""
    nodes = [{"op": "column", "parameters": {"name": name}} for name in columns]
    return {"features": {"features": [[name, place] for place, name in enumerate(columns)], "nodes": nodes}}


def test_what_must_not_be_used_is_read_by_no_feature():
    """Whole where none is, in part where one is; nothing where nobody said what it is."""
    ingest = ("ingest", {"sensitive": ["email"]}, {})
    assert said("D4", steps=[ingest, ("transform", graph("age"), {})])[0]
    is_whole, told = said("D4", steps=[ingest, ("transform", graph("age", "email"), {})])
    assert not is_whole and "email" in told
    assert said("D4", steps=[("ingest", {"sensitive": []}, {}), ("transform", graph("age"), {})]) is None


def test_rows_served_are_held_to_what_was_trained_on():
    """By a validation, or by somebody who looks; a look that compared nothing is none."""
    assert said("O2", steps=[("validate", {"serving": None}, {})])[0] is False
    for number in ("O2", "O3"):
        assert said(number, steps=[("validate", {"serving": {"@": ["x", "y"]}}, {})])[0]
    assert said("O3", steps=[("validate", {"serving": None}, {})]) is None
    assert said("O2", kind="monitored", compared=3) == (
        True,
        "3 columns of rows served were compared with what was fitted on",
    )
    assert said("O2", kind="monitored", compared=0) is None
    assert said("O7", kind="monitored", follows=True, rules=["p99_ms <= 50"]) is None
    assert said("O7", kind="monitored", follows=True, rules=["reward_mean >= 0.2"])[0]


def test_a_request_that_came_out_otherwise_is_half():
    """Following it is one thing, its answer another."""
    assert said("I5", kind="request-explained", request="ab", same=True)[0]
    assert said("I5", kind="request-explained", request="ab", same=False)[0] is False


def test_what_runs_by_itself_is_whole():
    """A schedule or new data, not a person."""
    steps = [("push", {"endpoint": "e"}, {"version": 2})]
    assert said("O4", steps=steps, trigger="up")[0] and not said("O4", steps=steps)[0]
    assert said("O4", steps=[], trigger="up") is None


def test_changes_that_are_in_no_commit_are_half():
    """The commit alone does not say what ran."""
    assert said("M1", steps=[], commit={"commit": "ab", "is_clean": True})[0]
    assert said("M1", steps=[], commit={"commit": "ab", "is_clean": False})[0] is False
    assert said("M1", steps=[]) is None


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
    assert before["M1"].points == before["M4"].points == before["D6"].points == 0
    assert before["O4"].told.startswith("a version was trained and pushed because a person ran it; headrace up")
    git(project.folder, "init", "-q")
    assert before["I4"].points == 0.5 and before["M6"].state == "in part" and before["M3"].state == "missing"
    assert before["O6"].points == before["I7"].points == 0
    months.rewrite(
        'rules=["roc_auc >= 0.6"]',
        'rules=["roc_auc >= 0.6", "roc_auc >= baseline by value", "roc_auc >= 0.3 on every city with 20 rows"],'
        " limits=hr.Limits(memory_mb=600)",
    )
    months.rewrite('"n": x.n,', '"n": x.n, "m": ops.bucketize(x.n, num_buckets=3),')
    git(project.folder, "add", project.file.name)
    git(project.folder, "commit", "-q", "-m", "one")
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
        assert [after[number].points for number in ("M1", "M4", "D6")] == [1.0, 1.0, 0.5]
        assert "of commit " in after["M1"].told and "the version served was judged on new rows" in after["M4"].told
        assert after["D6"].told.startswith("m came in and was served by the same run")
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
