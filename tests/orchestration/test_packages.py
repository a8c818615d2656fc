"""Versions that count: what a verb's objects import counts with them, and for nothing else."""

from headrace.orchestration import packages
from headrace.orchestration.packages import package_version, packages_behind

XGBOOST = {"class": "headrace.adapters.xgboost.trainer:XGBoost", "parameters": {"max_depth": 3}}
METRIC = {"class": "headrace.evaluation.metrics.cost_weighted_error:CostWeightedError", "parameters": {"fp": 1}}


def test_an_adapter_brings_its_third_party():
    """Wherever among the arguments XGBoost's trainer stands, xgboost's version counts; headrace's own members none."""
    found = {"xgboost": package_version("xgboost")}
    assert packages_behind({"trainer": XGBOOST}) == found
    assert packages_behind([{"options": [[1, XGBOOST]]}]) == found
    assert packages_behind({"metrics": ["brier", METRIC]}) == {}
    assert packages_behind({"class": 3, "other": None}) == {}


def test_every_trainer_counts_by_its_package():
    """However an adapter imports its third party, the step key has that version."""
    for name, package in (("lightgbm:LightGBM", "lightgbm"), ("sklearn:Sklearn", "sklearn")):
        folder, cls = name.split(":")
        found = packages_behind({"class": f"headrace.adapters.{folder}.trainer:{cls}", "parameters": {}})
        assert found[package] == package_version(package) != "unknown"


def test_a_member_from_outside_counts_by_its_package():
    """A class of another package counts by that package's version."""
    assert packages_behind({"class": "pyarrow.compute:Anything"}) == {"pyarrow": package_version("pyarrow")}


def test_a_new_version_reruns_the_step(project, monkeypatch):
    """The step that trains with it gets another key; the others keep theirs."""
    pipeline = project.write("""
        @hr.pipeline
        def flow():
            raw = hr.ingest("data/*.parquet", label="y")
            hr.train(hr.XGBoost(), hr.transform(lambda x: {"x": x.x}, raw), raw)
    """).pipeline()
    import pyarrow as pa
    import pyarrow.parquet as pq

    (project.folder / "data").mkdir()
    pq.write_table(pa.table({"x": [1.0], "y": [True]}), project.folder / "data" / "1.parquet")
    from headrace.orchestration.handles import Reference
    from headrace.orchestration.planning import make_plan

    def keys():
        plan = make_plan(pipeline, {}, None)
        digests = {Reference(node.name, output): "0" * 64 for node in plan.graph.nodes for output in node.outputs}
        return {node.name: plan.key_of(node, digests) for node in plan.graph.nodes}, plan.identity

    before, identity = keys()
    versions = {"xgboost": "99.0"}
    monkeypatch.setattr(packages, "package_version", lambda top: versions.get(top) or package_version(top))
    after, other = keys()
    assert {name for name in before if before[name] != after[name]} == {"train"} and identity != other
