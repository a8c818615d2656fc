"""A champion is that of the endpoint pushed to: a misspelt one is refused before anything runs, another one is told."""

import pytest

from headrace.errors import InvalidInput
from headrace.orchestration.ending import ending
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.small import Months, month, reasons

CHAMPION = 'champion=hr.champion("late")'


def test_a_misspelt_champion_is_refused(project, monkeypatch):
    """Plan and run stop at the champion's line and propose the endpoint that the pipeline pushes to."""
    monkeypatch.chdir(project.folder)
    months = Months(project)
    months.deliver("01", month(1))
    months.rewrite(CHAMPION, CHAMPION.replace("late", "lat"))
    for work in (months.plan, months.run):
        with pytest.raises(
            InvalidInput, match=r"endpoint 'lat' serves nothing, .*pushes to 'late'.*line \d+"
        ) as caught:
            work()
        assert "did you mean 'late'?" in str(caught.value)


def test_a_champion_of_another_endpoint_is_told(project, prepared, monkeypatch):
    """One that serves is compared with; plan and the run's end say that it is not what is replaced."""
    monkeypatch.chdir(project.folder)
    months = prepared(project)
    months.rewrite('endpoint="late"', 'endpoint="shadow"')
    said = "the champion is that of endpoint 'late', and the push goes to 'shadow': what it replaces is not compared"
    plan = months.plan()
    assert plan.data == (said,) and reasons(plan)["champion"] == ["version 1"]
    result = months.run()
    with Store.open(load_settings(project.folder).home, read_only=True) as store:
        assert f"warning: {said}" in ending(store, store.run(result.run_id))


def test_the_usual_pipeline_is_told_nothing(project, prepared, monkeypatch):
    """Champion and push of one endpoint: neither plan nor end warn."""
    monkeypatch.chdir(project.folder)
    months = prepared(project)
    assert months.plan().data == ()
    result = months.run()
    with Store.open(load_settings(project.folder).home, read_only=True) as store:
        assert not [line for line in ending(store, store.run(result.run_id)) if line.startswith("warning")]
