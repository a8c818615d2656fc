"""Origin: files like those that a model was fitted on are read as those were."""

from headrace.dataset.csv_file import CsvFormat
from headrace.orchestration.origin import Origin, origin_of
from headrace.orchestration.runner import run_pipeline
from headrace.store import Store

FLOW = """
    def features(x):
        return {"size": x.size, "shade": hr.ops.vocabulary(x.shade)}

    @hr.pipeline
    def flow():
        raw = hr.ingest(hr.Csv("*.csv", delimiter=";", nulls=["NA", "?"]), label="sold", rename={"colour": "shade"})
        graph = hr.transform(features, raw)
        hr.train(hr.XGBoost(n_estimators=2, max_depth=2), graph, raw)
"""


def test_settings_of_the_source_are_found(project):
    """Delimiter, nulls and new names of columns come from the record of the run; nothing where no run made a model."""
    rows = "".join(f"{'NA' if n % 7 == 0 else n};{'?' if n % 5 == 0 else 'red'};{n % 3 // 2}\n" for n in range(60))
    (project.folder / "toys.csv").write_text("size;colour;sold\n" + rows)
    project.write(FLOW)
    result = run_pipeline(project.pipeline(), {}, in_process=True)
    assert result.ok
    with Store.open(project.folder / ".headrace", read_only=True) as store:
        (model,) = store.catalog("model")
        assert origin_of(store, model.digest) == Origin(CsvFormat(";", ("NA", "?")), {"colour": "shade"})
        assert origin_of(store, "0" * 64) == Origin()
