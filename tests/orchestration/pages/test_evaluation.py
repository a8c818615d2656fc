"""The page of an evaluation: curves that agree with the metrics, slices worst first, the champion beside."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score

import headrace as hr
from headrace.orchestration.pages._scores import Scores, roc
from tests.orchestration.pages.conftest import page
from tests.report.looked_at import check_page


def predictions(num_rows, seed=0, *, weighted=False):
    """Labels and scores with ties."""
    random = np.random.default_rng(seed)
    score = np.round(random.random(num_rows), 3)
    columns = {"label": (random.random(num_rows) < score).astype(float), "prediction": score.astype(np.float32)}
    if weighted:
        columns["weight"] = random.integers(0, 3, num_rows).astype(float)
    return pa.table(columns)


@pytest.mark.parametrize("num_rows", [50, 5000])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_area_under_the_drawn_curve_is_the_metric(num_rows, weighted):
    """The ROC curve is thinned to be drawn, and still has scikit-learn's area to a thousandth."""
    table = predictions(num_rows, weighted=weighted)
    weight = table["weight"].to_numpy() if weighted else None
    points = roc(Scores.of(table)._ranked["this model"])
    assert len(points) <= 162 and points[0] == (0.0, 0.0) and points[-1] == (1.0, 1.0)
    area = np.trapezoid([y for _, y in points], [x for x, _ in points])
    expected = roc_auc_score(table["label"], table["prediction"].to_numpy(), sample_weight=weight)
    assert area == pytest.approx(expected, abs=1e-3)


def test_thresholds_are_scikit_learns():
    """Precision and recall at a threshold, ties at the threshold among what is said yes to."""
    table = predictions(2000)
    precision, recall, thresholds = precision_recall_curve(table["label"], table["prediction"].to_numpy())
    ranked = Scores.of(table)._ranked["this model"]
    for place in range(0, len(thresholds), 97):
        true, false = ranked.at(float(thresholds[place]))
        assert true / (true + false) == pytest.approx(precision[place])
        assert true / ranked.num_positive == pytest.approx(recall[place])
    assert ranked.at(2.0) == (0.0, 0.0)


@pytest.mark.parametrize("labels", [[0.0, 0.0], [1.0, 1.0], [0.5, 3.0], []])
def test_what_has_no_curves_has_none(labels):
    """One class, values that are no classes, no rows: no curves, and no error."""
    table = pa.table(
        {"label": pa.array(labels, pa.float64()), "prediction": pa.array([0.5] * len(labels), pa.float32())}
    )
    assert Scores.of(table) is None


def test_weak_slices_are_told():
    """What was found stands in words, with rows and what it costs; where nothing was, that is said."""
    random = np.random.default_rng(0)
    score, carrier = random.beta(1.2, 3.0, 4000), random.integers(0, 4, 4000)
    label = (random.random(4000) < score).astype(float)
    table = pa.table({"y": label, "p": np.where(carrier == 2, 1 - score, score).astype(np.float32), "carrier": carrier})
    wanted = {"label": "y", "prediction": "p", "metrics": ["brier"]}
    found = page("evaluation", hr.evaluate_predictions(table, **wanted, find_slices=True))
    check_page(found)
    assert "Weak slices" in found and "carrier 2" in found
    assert "No slice is surely worse" in page(
        "evaluation", hr.evaluate_predictions(table.slice(0, 100), **wanted, find_slices=True)
    )
    assert "Weak slices" not in page("evaluation", hr.evaluate_predictions(table, **wanted))


def test_slices_are_sorted_worst_first_and_the_champion_is_named(nouns):
    """The headline compares with the champion; slices of one cut share a table, whose first row is the weakest."""
    evaluation = nouns["evaluation"]
    root = check_page(page("evaluation", evaluation))
    headline = next(root.all("h1")).text
    assert headline.startswith("roc_auc ") and "the champion" in headline
    titles = [h.text for h in root.all("h2")]
    assert titles == ["Metrics", "Curves", "Thresholds", "Slices", "Made of"]
    cut = next(table for table in root.all("table") if table.children[0].text.startswith("By "))
    values = [
        row.children[3].attributes["data-value"]
        for row in cut.all("tr")
        if row.children[0].attributes["scope"] == "row"
    ]
    numbers = [float(value) for value in values if value]
    assert numbers == sorted(numbers) and len(values) == 5


def test_an_undefined_metric_is_said():
    """Predictions of one class: the headline says why there is no value."""
    table = pa.table({"y": [1, 1], "p": [0.5, 0.6]})
    evaluation = hr.evaluate_predictions(table, label="y", prediction="p", metrics=["roc_auc", "brier"])
    root = check_page(page("evaluation", evaluation))
    assert next(root.all("h1")).text == "roc_auc is not defined: needs both positive and negative rows"


def test_many_slices_stay_small():
    """Thousands of slices: the worst are listed, the others counted, and the page is small."""
    random = np.random.default_rng(0)
    columns = {
        "y": random.integers(0, 2, 9000),
        "p": random.random(9000),
        "city": [f"city {at % 3000}" for at in range(9000)],
    }
    evaluation = hr.evaluate_predictions(
        pa.table(columns), label="y", prediction="p", metrics=["brier", "log_loss"], slices=["city"]
    )
    text = page("evaluation", evaluation)
    assert len(text) < 1_000_000
    assert "2,600 more rows are left out here" in check_page(text).text


def test_errors_of_predicted_values():
    """A model of values has its errors drawn: what came by what was predicted, and how errors are spread."""
    random = np.random.default_rng(2)
    x = random.normal(size=3000)
    table = pa.table({"y": 2 * x + random.normal(0, 0.5, 3000), "p": 2 * x})
    evaluation = hr.evaluate_predictions(table, label="y", prediction="p", metrics=["mean_absolute_error"])
    root = check_page(page("evaluation", evaluation))
    assert [h.text for h in root.all("h2")] == ["Metrics", "Errors", "Made of"]
    groups = next(item for item in root.all("table") if item.children[0].text == "By what was predicted")
    means = [float(cell.attributes["data-value"]) for cell in groups.all("td")]
    assert len(means) == 4 * 12
    predicted, came, off = means[1::4], means[2::4], means[3::4]
    assert predicted == sorted(predicted) and np.allclose(predicted, came, atol=0.15)
    assert np.mean(off) == pytest.approx(evaluation["mean_absolute_error"].value, rel=1e-3)


@pytest.mark.parametrize("values", [[], [3.5], [3.5] * 50])
def test_few_or_equal_errors(values):
    """Too few rows are not drawn, errors that are all the same are said."""
    table = pa.table(
        {"y": pa.array(values, pa.float64()), "p": pa.array([value - 1 for value in values], pa.float64())}
    )
    evaluation = hr.evaluate_predictions(table, label="y", prediction="p", metrics=["mean_absolute_error"])
    root = check_page(page("evaluation", evaluation))
    assert ("Every prediction is off by" in root.text) == (len(values) == 50)


def test_what_rows_may_have_several_of_is_told_by_label():
    """Rows, calls, precision, recall and F1 of each; no confusion of one with another."""
    table = pa.table(
        {"y": [["ash"], ["ash", "elm"], [], ["elm"]], "p": [[0.9, 0.1], [0.8, 0.2], [0.6, 0.1], [0.1, 0.7]]}
    )
    found = hr.evaluate_predictions(table, label="y", prediction="p", classes=["ash", "elm"], metrics=["f1_macro"])
    text = page("evaluation", found)
    check_page(text)
    assert "By label" in text and "each label" in text
    assert "0.6667" in text and "likeliest class" not in text
