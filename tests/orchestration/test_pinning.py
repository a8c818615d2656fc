"""ops.pin(from_version=): what a pushed version learned holds for later months, whatever they look like."""

import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import headrace as hr
from headrace import ops
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.transformation import TransformGraph, trace
from headrace.transformation.earlier import graph_of_version
from tests.orchestration.small import Months, changed, month

PINNED = {
    "ops.z_score(x.delay)": 'ops.pin(ops.z_score(x.delay), from_version=1, endpoint="late")',
    "ops.vocabulary(x.city, top_k=5)": "ops.pin(ops.vocabulary(x.city, top_k=5), from_version=1)",
}


@pytest.fixture
def months(project):
    """A project with a first month, run and pushed as version 1."""
    months = Months(project)
    months.deliver("2013-01", month(1))
    months.rewrite("hr.validate(raw, schema, previous=hr.previous(raw)).accepted", "raw")  # what moves is not at fault
    months.rewrite('rules=["roc_auc >= 0.6"]', 'rules=["roc_auc >= 0.5"]')
    assert months.run().ok
    return months


def test_a_new_month_does_not_move_the_features(months):
    """Delays ten times as long, cities renamed: unpinned features follow, pinned ones are version 1's to the bit."""
    later = month(2)
    later = changed(later, "delay", pc.multiply(later["delay"], 10.0))
    later = changed(later, "city", pc.replace_substring(later["city"], "A", "Z"))
    months.deliver("2013-02", later)
    with hr.open_store(months.project.folder / ".headrace"):
        first = graph_of_version(1, "late")
        assert graph_of_version(1).digest == first.digest, "there is one endpoint"
    moved = months.run()
    for old, new in PINNED.items():
        months.rewrite(old, new)
    pinned = months.run()
    graphs = {}
    with hr.open_store(months.project.folder / ".headrace") as store:
        for name, run in (("moved", moved), ("pinned", pinned)):
            found = run.steps["transform"].outputs["graph"]
            graphs[name] = store.load_artifact(found, TransformGraph).apply(later).select(["delay", "city"])
    wanted = first.apply(later).select(["delay", "city"])

    def as_bytes(table):
        return [table[name].to_numpy().tobytes() for name in table.column_names]

    assert as_bytes(graphs["pinned"]) == as_bytes(wanted)
    assert all(one != two for one, two in zip(as_bytes(graphs["moved"]), as_bytes(wanted), strict=True))
    assert months.run().steps["transform"].state == "cached", "the key is what was pinned, not where it came from"


def test_what_cannot_be_pinned(months):
    """No such version, endpoint, expression or kind; no store; a model that no run made: each told, at its line."""

    def pin(make, **options):
        return trace(lambda x: {"a": ops.pin(make(x), **options)})

    def delay(x):
        return ops.z_score(x.delay)

    with pytest.raises(Misuse, match=r"from_version names what a store has.*test_pinning\.py"):
        pin(delay, from_version=1)
    with hr.open_store(months.project.folder / ".headrace") as store:
        assert "pinned" in pin(delay, from_version=1).text(1)
        with pytest.raises(InvalidInput, match=r"has no version 7.*test_pinning\.py.*expected 1"):
            pin(delay, from_version=7)
        with pytest.raises(UnknownName, match=r"no endpoint named 'lat'.*did you mean 'late'"):
            pin(delay, from_version=1, endpoint="lat")
        with pytest.raises(InvalidInput, match=r"min_max\(x\.delay\) is not in the transform.*z_score\(x\.delay\)"):
            pin(lambda x: ops.z_score(x.delay) + ops.min_max(x.delay), from_version=1)
        for options in ({}, {"from_version": 1, "graph": graph_of_version(1)}, {"graph": None, "endpoint": "late"}):
            with pytest.raises(InvalidInput, match="one of them"):
                pin(delay, **options)
        with pytest.raises(InvalidInput, match="a whole number"):
            pin(delay, from_version="1")
        texts = hr.Dataset.from_arrow(changed(month(3), "city", pa.chunked_array([range(400)])))
        with pytest.raises(InvalidInput, match=r"pinned to what was learnt of text, and is given integer now"):
            hr.transform(lambda x: {"city": ops.pin(ops.vocabulary(x.city, top_k=5), from_version=1)}, texts)
        graph = store.catalog("transform_graph")[0].digest
        shutil.rmtree(store.artifact_folder(graph))
        with pytest.raises(InvalidInput, match=r"the transform of version 1 of endpoint 'late' was collected"):
            pin(delay, from_version=1)
