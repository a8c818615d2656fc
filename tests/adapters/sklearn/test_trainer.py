"""scikit-learn behind our converters: each estimator of the list against its own predictions."""

import dataclasses
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC

import headrace as hr
from headrace.adapters.sklearn.estimators import ESTIMATORS, make
from headrace.adapters.sklearn.trainer import Sklearn
from headrace.errors import InvalidInput, UnknownName
from headrace.testing.trainer_cases import NumberGraph, TrainerCases, numbers_table, random_features
from headrace.training import Group, Journal, assemble

KINDS = ("Classifier", "Regressor")
SMALL = {
    "SGDClassifier": {"loss": "log_loss"},
    "MLPClassifier": {"hidden_layer_sizes": (16, 8), "activation": "tanh", "max_iter": 60},
    "MLPRegressor": {"hidden_layer_sizes": (16,), "solver": "lbfgs", "max_iter": 200},
    **{
        f"{name}{kind}": {"n_estimators": 12}
        for name in ("RandomForest", "ExtraTrees", "GradientBoosting")
        for kind in KINDS
    },
    **{f"HistGradientBoosting{kind}": {"max_iter": 15} for kind in KINDS},
}
TAKES_MISSING = ("tree", "forest", "histogram")


class OneEstimator(TrainerCases):
    """The suite every trainer passes, for a trainer that does one task."""

    tasks = ("binary",)


class TestLogisticRegressionKeepsTheContract(OneEstimator):
    """Products in float64, rounded once."""

    trainer = Sklearn(LogisticRegression(C=2.0))
    tasks = ("binary", "multiclass")
    takes_missing = False
    changed = ("C", 0.01)


class TestLinearRegressionKeepsTheContract(OneEstimator):
    """The same for values."""

    trainer = Sklearn(LinearRegression())
    tasks = ("regression",)
    takes_missing = False
    changed = ("fit_intercept", False)


class TestForestKeepsTheContract(OneEstimator):
    """A mean of trees."""

    trainer = Sklearn("RandomForestClassifier", {"n_estimators": 10, "max_depth": 6})
    tasks = ("binary", "multiclass")
    changed = ("max_depth", 3)


class TestExtraTreesKeepTheContract(OneEstimator):
    """The same for values."""

    trainer = Sklearn("ExtraTreesRegressor", {"n_estimators": 10})
    tasks = ("regression",)
    changed = ("n_estimators", 3)


class TestBoostingKeepsTheContract(OneEstimator):
    """A sum of trees that take no missing values."""

    trainer = Sklearn("GradientBoostingClassifier", {"n_estimators": 10})
    takes_missing = False
    changed = ("learning_rate", 0.5)


class TestHistogramsKeepTheContract(OneEstimator):
    """A sum of trees that take them."""

    trainer = Sklearn("HistGradientBoostingRegressor", {"max_iter": 10})
    diverging = (("learning_rate", 10.0), ("max_iter", 400))
    tasks = ("regression",)
    changed = ("max_leaf_nodes", 4)


class TestStochasticDescentKeepsTheContract(OneEstimator):
    """A linear model that can be made to run away."""

    trainer = Sklearn("SGDRegressor", {"alpha": 0.001})
    tasks = ("regression",)
    takes_missing = False
    changed = ("alpha", 0.1)
    diverging = (("eta0", 1e300), ("learning_rate", "constant"))


class TestPerceptronKeepsTheContract(OneEstimator):
    """Layers in float64."""

    trainer = Sklearn("MLPClassifier", {"hidden_layer_sizes": [16, 8], "activation": "logistic", "solver": "lbfgs"})
    takes_missing = False
    changed = ("hidden_layer_sizes", (4,))


def fit(trainer, train, validation=None, *, journal=None):
    """The trainer's predictor."""
    return trainer.fit(train, validation, params={}, group=Group(), journal=journal or Journal())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_predictions_are_the_estimators_own(name):
    """Margins are scikit-learn's float64 answers rounded to float32, within one unit in the last place of the largest.

    Probabilities are within 1e-6. Trees are asked about missing values too, and about both sides of their thresholds.
    """
    known, params = ESTIMATORS[name], SMALL.get(name, {})
    takes_missing = known.family in TAKES_MISSING
    train = random_features(1500, is_binary=known.task == "binary", has_missing=takes_missing)
    trainer = Sklearn(name, params)
    model = assemble(NumberGraph(5), fit(trainer, train))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        native = make(name, trainer.params, seed=0, num_threads=1).fit(train.matrix.astype(np.float64), train.label)
    judged = random_features(2000, seed=9, has_missing=takes_missing).matrix
    judged[1000:] = np.round(judged[1000:] * 8) / 8
    found = model.predict(numbers_table(judged))
    margin, prediction = np.array(found["margin"]), np.array(found["prediction"])
    asked = judged.astype(np.float64)
    if known.task == "regression":
        expected = native.predict(asked)
    else:
        probability = native.predict_proba(asked)[:, 1]
        assert np.abs(prediction - probability).max() <= 1e-6
        has_margin = hasattr(native, "decision_function")
        expected = native.decision_function(asked) if has_margin else probability
        if known.family == "layers":
            expected = np.log(probability / (1 - probability))
    tolerance = np.spacing(np.float32(np.abs(expected).max()))
    assert np.abs(margin - expected).max() <= tolerance


def test_an_estimator_travels_as_its_name_and_what_differs_from_the_defaults():
    """An instance and its name with parameters are one trainer; to_plain is what a signature keeps."""
    given = Sklearn(RandomForestClassifier(n_estimators=np.int64(30), max_depth=4, criterion="gini"))
    assert given == Sklearn("RandomForestClassifier", {"max_depth": 4, "n_estimators": 30})
    assert given.to_plain() == {
        "trainer": "Sklearn",
        "estimator": "RandomForestClassifier",
        "params": {"max_depth": 4, "n_estimators": 30},
        "seed": 0,
        "num_threads": 2,
    }
    assert given.replace({"max_depth": 9, "seed": 3}).to_plain()["params"]["max_depth"] == 9
    assert given.replace({"seed": 3}).seed == 3


def test_unknown_estimators_and_parameters_are_answered_with_the_list():
    """What is not converted is refused where it is named, with what is."""
    with pytest.raises(UnknownName, match=r"no estimator named 'RandomForest'.*RandomForestClassifier"):
        Sklearn("RandomForest")
    with pytest.raises(UnknownName, match="SVC"):
        Sklearn(SVC())
    with pytest.raises(UnknownName, match="Ridge"):
        Sklearn(LogisticRegression)
    with pytest.raises(UnknownName, match=r"max_dept.*max_depth"):
        Sklearn("DecisionTreeRegressor", {"max_dept": 3})
    with pytest.raises(UnknownName, match="alpha"):
        Sklearn("Ridge").replace({"alpa": 3})
    with pytest.raises(InvalidInput, match="params"):
        Sklearn("Ridge", 3)


def test_what_is_not_converted_is_refused_where_it_is_named():
    """Losses without a probability, other links, categories, and parameters that are objects."""
    for name, params, match in (
        ("SGDClassifier", {}, "hinge.*log_loss"),
        ("GradientBoostingClassifier", {"loss": "exponential"}, "exponential"),
        ("HistGradientBoostingRegressor", {"loss": "poisson"}, "poisson"),
        ("HistGradientBoostingClassifier", {"categorical_features": (0,)}, "categorical"),
        ("RandomForestRegressor", {"random_state": np.random.RandomState(0)}, "plain data"),
    ):
        with pytest.raises(InvalidInput, match=match):
            Sklearn(name, params)


def test_what_scikit_learn_refuses_is_one_line():
    """Its own check of parameters and labels, as our error."""
    with pytest.raises(InvalidInput, match=r"scikit-learn refuses.*max_depth"):
        fit(Sklearn("DecisionTreeClassifier", {"max_depth": -1}), random_features(50))
    with pytest.raises(InvalidInput, match="neither 0 nor 1"):
        fit(Sklearn("LogisticRegression"), random_features(50, is_binary=False, has_missing=False))


def test_a_forest_in_pieces_is_the_forest_at_once():
    """Trees fitted some at a time, with any number of threads, are scikit-learn's own; a journal stops between them."""
    train = random_features(300, is_binary=False)
    params = {"n_estimators": 45, "max_features": 0.5, "random_state": 7}
    reports = []

    class Record(Journal):
        def report(self, step, values):
            reports.append((step, dict(values)))
            return len(reports) < limit

    limit = 100
    predictor = fit(Sklearn("RandomForestRegressor", params), train, journal=Record())
    whole = RandomForestRegressor(**params).fit(train.matrix, train.label)
    for tree, own in zip(predictor.trees, whole.estimators_, strict=True):
        assert np.array_equal(tree.threshold, own.tree_.threshold)
    assert len(reports) == 20
    assert list(reports[-1][1]) == ["train"]
    reports.clear()
    limit = 2
    assert len(fit(Sklearn("RandomForestRegressor", params), train, journal=Record()).trees) == 4


def test_boosting_tells_of_each_tree_and_stops():
    """GradientBoosting reports what it minimises; False ends it with the trees there are."""
    steps = []

    class Record(Journal):
        def report(self, step, values):
            steps.append(step)
            return step < 4

    train = random_features(300, has_missing=False)
    predictor = fit(Sklearn("GradientBoostingClassifier"), train, journal=Record())
    assert steps == [0, 1, 2, 3, 4]
    assert len(predictor.trees) == 1 + 5


def test_histograms_stop_early_by_the_validation_split():
    """With early_stopping the validation rows decide, where this scikit-learn can be given them."""
    random = np.random.default_rng(0)
    train = dataclasses.replace(random_features(500), label=random.integers(0, 2, 500).astype(np.float64))
    validation = dataclasses.replace(random_features(300, seed=5), label=random.integers(0, 2, 300).astype(np.float64))
    trainer = Sklearn(HistGradientBoostingClassifier(early_stopping=True, n_iter_no_change=3, max_iter=200))
    assert len(fit(trainer, train, validation).trees) < 100


def test_weights_count():
    """A row of weight zero might as well not be there."""
    train = random_features(400, has_missing=False)
    flipped = dataclasses.replace(train, label=np.where(np.arange(400) < 200, train.label, 1 - train.label))
    weighted = dataclasses.replace(flipped, weight=(np.arange(400) < 200).astype(np.float64))
    for name in ("LogisticRegression", "RandomForestClassifier", "HistGradientBoostingClassifier"):
        trainer = Sklearn(name, SMALL.get(name, {}))
        margins = [
            np.array(assemble(NumberGraph(5), fit(trainer, rows)).predict(numbers_table(train.matrix))["margin"])
            for rows in (flipped, weighted)
        ]
        gain = np.corrcoef(margins[1], train.label)[0, 1] - np.corrcoef(margins[0], train.label)[0, 1]
        assert gain > 0.2, name


def test_a_fit_that_does_not_converge_says_so(capfd):
    """scikit-learn's warning is a line on standard error, and no exception."""
    fit(Sklearn("MLPClassifier", {"max_iter": 2}), random_features(100, has_missing=False))
    assert "MLPClassifier: Stochastic Optimizer" in capfd.readouterr().err


@pytest.mark.slow
def test_a_search_varies_the_estimators_parameters(tmp_path):
    """`hr.tune` takes what the class varies, or what space= names; the best is a trainer with those set."""
    train = random_features(300)
    table = numbers_table(train.matrix).append_column("late", [train.label])
    data = hr.Dataset.from_arrow(table, label="late")
    graph = hr.transform(lambda x: {name: x[name] for name in ("x0", "x1", "x2")}, data)
    trainer = Sklearn("RandomForestClassifier", {"n_estimators": 5, "max_depth": 4})
    with hr.open_store(tmp_path / "store"):
        tuned = hr.tune(trainer, graph, data, trials=3, searcher="random")
        assert set(tuned.best_params) == {"max_features", "min_samples_leaf"}
        assert tuned.best.params["max_depth"] == 4
        named = hr.tune(trainer, graph, data, trials=2, searcher="random", space={"max_depth": hr.Int(2, 3)})
        assert named.best.params["max_depth"] in (2, 3)
        with pytest.raises(UnknownName, match="max_dept"):
            hr.tune(trainer, graph, data, trials=2, space={"max_dept": hr.Int(2, 3)})


def test_without_scikit_learn_the_name_is_answered_with_its_install_line():
    """Where it is not installed, naming it says what to type; the rest goes on."""
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import headrace as hr\n"
        "try: hr.Sklearn\n"
        "except hr.HeadraceError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "scikit-learn" in said and "pip install 'headrace[sklearn]'" in said


def test_it_is_found_by_name_without_being_imported():
    """`hr.Sklearn` is this class, and naming it does not import scikit-learn."""
    assert hr.Sklearn is Sklearn
    code = "import sys, headrace as hr; hr.Sklearn; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
