"""Limits in a pipeline: the champion comes from the store, figures are told with the run, a no blocks the push."""

from pathlib import Path

from headrace.cli import main
from headrace.orchestration.headlines import headlines, summary_of
from tests.orchestration.small import month

RULES = 'rules=["roc_auc >= 0.6"]'


def test_a_model_is_measured_beside_the_champion_of_the_store(project, prepared, monkeypatch, capsys):
    """A new month: measured in turns with what is served; then a limit that is too low blocks the push."""
    monkeypatch.chdir(project.folder)
    months = prepared(project)
    months.rewrite(RULES, f"{RULES}, limits=hr.Limits(memory_mb=600)")
    months.deliver("04", month(4))
    result = months.run()
    assert result.ok and result.endpoints == {"late": [1, 2]}
    said = result.steps["gate"].result
    limits = {limit["metric"]: limit for limit in said["limits"]}
    assert len(limits) == 11 and all(limit["ok"] and limit["is_judged"] for limit in limits.values())
    assert limits["latency_ratio"]["measured"] > 0 and limits["memory_mb"]["measured"] < 600
    assert "yes: safe to serve: memory_mb " in headlines("gate", said)[0]
    assert summary_of(said) == "1 of 1 rule, 11 of 11 limits kept"
    assert len(said["rules"]) == 1

    months.rewrite("memory_mb=600", "memory_mb=20")
    refused = months.run()
    assert not refused.ok
    said = refused.steps["gate"].result
    assert "leave" not in refused.steps["gate"].outputs and refused.steps["push"].state == "blocked"
    assert said["items"][0].startswith("memory_mb <= 20: it takes more memory than is allowed (")
    assert headlines("gate", said)[0].startswith("no: memory_mb <= 20: ")
    assert main(["show", "gate"]) == 0
    text = Path(capsys.readouterr().out.strip()).read_text()
    assert "Safe to serve" in text and "it takes more memory than is allowed" in text


def test_a_probe_that_was_late_is_tried_again(project, prepared, monkeypatch):
    """It is a no, and no step's result but this one's: the machine may have been at fault."""
    monkeypatch.chdir(project.folder)
    months = prepared(project)
    months.rewrite(RULES, f"{RULES}, limits=hr.Limits(memory_mb=600, timeout_s=0.1)")
    months.deliver("04", month(4))
    first = months.run()
    said = first.steps["gate"].result
    assert not first.ok and "it was stopped after 0.1 s" in said["items"][0]
    again = months.run()
    assert again.steps["gate"].state != "cached" and again.steps["evaluate"].state == "cached"
