"""inspect: against scikit-learn's permutation importance and logistic regression, brute force, and hand examples."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace import ops
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.inspection import Inspection
from headrace.inspection._linear import cross_fitted
from headrace.report import Context, document, page_of


def features(x):
    """All columns, one of which the label has nothing to do with."""
    return {
        "strong": x.strong,
        "weak": x.weak,
        "noise": x.noise,
        "town": ops.vocabulary(x.town, num_oov=1),
        "is_open": ops.where(x.is_open, 1, 0),
    }


def a_table(num_rows=3000, seed=3):
    """Rows whose truth is linear in `strong` and `weak`, with one town apart."""
    random = np.random.default_rng(seed)
    strong, weak, noise = random.normal(size=(3, num_rows))
    town = random.choice(["Bern", "Genf", "Chur"], num_rows, p=[0.6, 0.3, 0.1])
    margin = 2 * strong + 0.5 * weak + np.where(town == "Chur", 1.5, 0.0)
    late = random.random(num_rows) < 1 / (1 + np.exp(-margin))
    hide = random.random(num_rows) < 0.1
    return pa.table(
        {
            "strong": strong,
            "weak": pa.array([None if none else value for none, value in zip(hide, weak.tolist(), strict=True)]),
            "noise": noise,
            "town": town.tolist(),
            "is_open": (random.random(num_rows) < 0.5).tolist(),
            "unread": random.normal(size=num_rows),
            "late": late.tolist(),
        }
    )


@pytest.fixture(scope="module")
def dataset():
    """Two halves."""
    return hr.Dataset.from_arrow(a_table(), label="late", split={"train": 1, "eval": 1})


@pytest.fixture(scope="module")
def model(dataset):
    """Trees over all but one column."""
    return hr.train(hr.XGBoost(n_estimators=40, max_depth=3), hr.transform(features, dataset), dataset)


@pytest.fixture(scope="module")
def found(model, dataset):
    """The model, inspected once."""
    return hr.inspect(model, dataset)


def test_the_columns_that_matter_come_first(found):
    """The strongest first; what the label has nothing to do with is not surely of use; unread columns are not asked."""
    assert found.importance[0].column == "strong"
    assert not {"strong", "weak", "town"} & set(found.idle)
    assert {"noise", "is_open"} & set(found.idle)
    assert {one.column for one in found.importance} == {"strong", "weak", "noise", "town", "is_open"}
    with pytest.raises(UnknownName, match="unread"):
        found["unread"]


def test_importance_is_that_of_scikit_learn(model):
    """Its permutation importance of the same model on the same rows lies within both intervals."""
    inspection = pytest.importorskip("sklearn.inspection")
    table = a_table(2000, 5)
    found = hr.inspect(model, hr.Dataset.from_arrow(table, label="late"))
    names = [column.name for column in model.columns]

    class Asked:
        classes_ = np.array([0, 1])

        def fit(self, *_):
            return self

    def score(_, rows, label):
        from sklearn.metrics import roc_auc_score

        columns = {
            name: pa.array(rows[:, place].tolist(), table.schema.field(name).type) for place, name in enumerate(names)
        }
        return roc_auc_score(label, model(pa.table(columns)))

    rows = np.array([[row[name] for name in names] for row in table.to_pylist()], object)
    theirs = inspection.permutation_importance(
        Asked(), rows, np.array(table["late"].to_pylist()), scoring=score, n_repeats=5, random_state=0
    )
    for name, mean, deviation in zip(names, theirs.importances_mean, theirs.importances_std, strict=True):
        ours = found[name]
        assert ours.lower - 3 * deviation - 1e-3 <= mean <= ours.upper + 3 * deviation + 1e-3, name


def test_dependence_by_brute_force(model):
    """Each point is the mean prediction of the rows with that value put into every one of them."""
    table = a_table(300, 6)
    found = hr.inspect(model, hr.Dataset.from_arrow(table, label="late"))
    assert found.num_rows == found.num_asked == 300
    for one in found.dependence:
        assert len(one.points) >= 2
        for point in one.points:
            type_ = table.schema.field(one.column).type
            fixed = pa.array([point.value] * 300, type_)
            place = table.schema.get_field_index(one.column)
            told = model(table.set_column(place, one.column, fixed)).astype(np.float64)
            assert point.mean == pytest.approx(told.mean(), abs=1e-12)
            assert point.low == pytest.approx(np.quantile(told, 0.1), abs=1e-12)
    towns = next(one for one in found.dependence if one.column == "town")
    assert [point.value for point in towns.points] == ["Bern", "Genf", "Chur"]
    weak = next(one for one in found.dependence if one.column == "weak")
    assert weak.points[-1].value is None


def test_linear_is_that_of_scikit_learn():
    """Half by half, the same probabilities as scikit-learn's logistic regression of the same design."""
    linear = pytest.importorskip("sklearn.linear_model")
    random = np.random.default_rng(0)
    values = random.normal(2, 3, 800)
    label = (random.random(800) < 1 / (1 + np.exp(-(values - 2)))).astype(np.float64)
    part = np.arange(800) % 2 == 0
    weight = random.integers(1, 4, 800).astype(np.float64)
    ours = cross_fitted(pa.table({"x": values}), ["x"], label, weight, part, is_binary=True)
    for fitted in (part, ~part):
        seen = values[fitted]
        scaled = ((values - seen.mean()) / seen.std())[:, None]
        model = linear.LogisticRegression(C=1.0, tol=1e-10, max_iter=1000)
        model.fit(scaled[fitted], label[fitted], weight[fitted])
        np.testing.assert_allclose(ours[~fitted], model.predict_proba(scaled[~fitted])[:, 1], atol=1e-5)


def test_a_linear_truth_needs_no_trees(model, dataset, found):
    """Where the truth is linear the linear model is not surely worse; a constant is."""
    simpler = {one.name: one for one in found.simpler}
    assert simpler["constant"].lower > 0.1
    assert simpler["linear"].lower < 0.02
    assert simpler["constant"].value == 0.5


def test_values():
    """A label of numbers is measured by its root mean squared error, where less is better."""
    table = a_table(600, 9)
    table = table.append_column("cost", pa.array(3 * table["strong"].to_numpy() + 1)).drop_columns(["late"])
    data = hr.Dataset.from_arrow(table, label="cost")
    model = hr.train(hr.XGBoost(n_estimators=30), hr.transform(lambda x: {"s": x.strong, "n": x.noise}, data), data)
    found = hr.inspect(model, data)
    assert found.metric == "root_mean_squared_error"
    assert not found.higher_is_better
    assert found["strong"].drop > 1
    assert abs(found["noise"].drop) < 0.2
    assert {one.name: one.worse < 0 for one in found.simpler} == {"constant": False, "linear": True}


def test_several_classes():
    """Measured by the loss of all classes; a constant is surely worse, and no curve is drawn of one class alone."""
    table = a_table(900, 4)
    strong = table["strong"].to_numpy()
    kinds = np.where(strong > 0.5, "high", np.where(strong < -0.5, "low", "middle"))
    table = table.append_column("kind", pa.array(kinds.tolist())).drop_columns(["late"])
    data = hr.Dataset.from_arrow(table, label="kind")
    model = hr.train(hr.XGBoost(n_estimators=20), hr.transform(lambda x: {"s": x.strong, "n": x.noise}, data), data)
    found = hr.inspect(model, data)
    assert found.metric == "log_loss"
    assert found["strong"].is_sure
    assert found["strong"].drop > 0.5
    assert found.dependence == ()
    simpler = {one.name: one for one in found.simpler}
    assert simpler["constant"].worse > simpler["linear"].worse > 0


def test_the_same_rows_give_the_same_bytes(model, dataset, found, tmp_path):
    """Twice, and after a round through files."""
    again = hr.inspect(model, dataset)
    assert again.digest == found.digest
    found.save(tmp_path)
    read = Inspection.load(tmp_path)
    assert read.digest == found.digest
    assert read == read
    assert dataclasses.asdict(read) == dataclasses.asdict(found)
    (tmp_path / "inspection.json").write_bytes(b'{"format":1,"metric":"roc_auc"}')
    with pytest.raises(InvalidInput, match="not an inspection"):
        Inspection.load(tmp_path)


def test_ablation_is_what_fitting_without_comes_to(dataset, tmp_path):
    """By hand the same: the others take over what they can, and a column said twice is idle only by itself."""
    trainer = hr.XGBoost(n_estimators=20, max_depth=3)

    def twice(x):
        return {**features(x), "again": x.strong * 2.0}

    graph = hr.transform(twice, dataset)
    model = hr.train(trainer, graph, dataset)
    asked = ["noise", "strong", ["strong", "again"]]
    found = hr.inspect(model, dataset, ablate=asked, trainer=trainer, graph=graph)
    by = {one.features: one for one in found.ablation}
    assert next(iter(by)) == ("strong", "again") and by["strong", "again"].is_sure
    assert abs(by["strong",].drop) < 0.02 and not by["noise",].is_sure
    smaller = {name: one for name, one in features_of(dataset).items() if name not in ("strong", "again")}
    alone = hr.train(trainer, hr.transform(lambda x: {name: one(x) for name, one in smaller.items()}, dataset), dataset)
    assert by["strong", "again"].value == pytest.approx(hr.inspect(alone, dataset).value, abs=1e-12)
    found.save(tmp_path)
    assert Inspection.load(tmp_path).digest == found.digest
    text = document(page_of("inspection").report(found, Context()))
    assert "Without features" in text and "fitted again on the same rows" in text


def features_of(dataset):
    """The features, each by itself."""
    return {name: lambda x, name=name: features(x)[name] for name in ("weak", "noise", "town", "is_open")}


def test_ablation_that_cannot_be(model, dataset):
    """Told before anything is fitted."""
    graph = hr.transform(features, dataset)
    trainer = hr.XGBoost(n_estimators=2)
    with pytest.raises(Misuse, match="trainer"):
        hr.inspect(model, dataset, ablate=True)
    with pytest.raises(UnknownName, match="strnog"):
        hr.inspect(model, dataset, ablate=["strnog"], trainer=trainer, graph=graph)
    with pytest.raises(InvalidInput, match="all features"):
        hr.inspect(model, dataset, ablate=[list(graph.feature_names)], trainer=trainer, graph=graph)
    with pytest.raises(Misuse, match="no splits"):
        whole = hr.Dataset.from_arrow(a_table(100), label="late")
        hr.inspect(model, whole, ablate=["noise"], trainer=trainer, graph=graph)


PIPELINE = """
import headrace as hr
from headrace import ops


@hr.pipeline
def late():
    data = hr.ingest("rows.parquet", label="late", split={"train": 1, "eval": 1})
    graph = hr.transform(lambda x: {"strong": x.strong, "town": ops.vocabulary(x.town)}, data)
    trees = hr.XGBoost(n_estimators=20)
    model = hr.train(trees, graph, data)
    hr.inspect(model, data, max_rows=1_000, ablate=["town"], trainer=trees, graph=graph)
"""


def test_as_a_step(tmp_path):
    """In a pipeline it is a step whose page draws it, and `headrace score` counts it."""
    import pyarrow.parquet as pq

    pq.write_table(a_table(1500), tmp_path / "rows.parquet")
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    environment = {**os.environ, "HEADRACE_HOME": str(tmp_path / "home")}

    def headrace(*words):
        command = [sys.executable, "-m", "headrace.cli", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    ran = headrace("run", "pipeline.py")
    assert ran.returncode == 0, ran.stderr
    shown = headrace("show", "inspect", "-o", "html", "page.html")
    assert shown.returncode == 0, shown.stderr
    page = (tmp_path / "page.html").read_text()
    assert "The model is good by strong first" in page
    assert "A linear model of the same raw columns" in page and "Without features" in page
    score = headrace("score", "late")
    assert "every column was dealt out anew" in score.stdout


def test_sensitive_values_are_not_drawn(tmp_path):
    """Its importance is told, its values are not."""
    table = a_table(400, 2)
    data = hr.Dataset.from_arrow(table, label="late", sensitive=["town"])
    model = hr.train(hr.XGBoost(n_estimators=5), hr.transform(features, data), data)
    found = hr.inspect(model, data)
    assert "town" in {one.column for one in found.importance}
    assert "town" not in {one.column for one in found.dependence}


def test_bad_input(model, dataset):
    """What cannot be inspected says what is missing."""
    table = a_table(400, 2)
    with pytest.raises(Misuse, match="no label"):
        hr.inspect(model, table)
    with pytest.raises(Misuse, match="no label"):
        hr.inspect(model, hr.Dataset.from_arrow(table))
    with pytest.raises(UnknownName, match="roc_auc"):
        hr.inspect(model, dataset, metric="roc_auk")
    with pytest.raises(InvalidInput, match="at least 100"):
        hr.inspect(model, dataset, max_rows=5)
    with pytest.raises(InvalidInput, match="at least 20"):
        hr.inspect(model, hr.Dataset.from_arrow(table.slice(0, 10), label="late"))
    with pytest.raises(UnknownName, match="strong"):
        hr.inspect(model, hr.Dataset.from_arrow(table.drop_columns(["strong"]), label="late"))
