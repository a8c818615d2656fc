"""Distances: as SciPy and plain sums say, with noise floors that chance stays below; thresholds that a person gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial import distance

from headrace.errors import InvalidInput, UnknownName
from headrace.schema import Feature, Schema
from headrace.validation import validate
from headrace.validation._binned import in_cells
from headrace.validation._distances import MEASURES, distances, limits_of
from tests.validation.changes import compare, profile
from tests.validation.spans import of_spans

KINDS = {"number": ("x", "number"), "text": ("place", "text")}


def measured(before: Any, after: Any, kind: Any, rate: float = 1e-3) -> dict[str, Any]:
    """Every measure by name."""
    return {one.measure: one for one in distances(profile(before, kind), profile(after, kind), rate, {})}


def texts(seed: int, shares: tuple[float, ...], num_rows: int = 4000) -> list[str]:
    """Categories drawn."""
    return np.random.default_rng(seed).choice(list("abcde")[: len(shares)], num_rows, p=shares).tolist()


def test_numbers_are_scipys() -> None:
    """Wasserstein-1 in deviations is SciPy's; population stability and G are sums over the deciles' cells."""
    rng = np.random.default_rng(0)
    before, after = rng.normal(0, 2, 3000), rng.normal(0.7, 2.5, 2000)
    found = measured(before, after, "number")
    assert found["wasserstein"].value == pytest.approx(stats.wasserstein_distance(before, after) / before.std())
    was, now = in_cells(profile(before), profile(after))
    assert was.sum() == 3000 and now.sum() == 2000 and len(was) == 10 and abs(int(was.max()) - 300) <= 1
    p, q = (was + 0.5) / (was + 0.5).sum(), (now + 0.5) / (now + 0.5).sum()
    assert found["population_stability"].value == pytest.approx(sum((q - p) * np.log(q / p)))
    answer = stats.chi2_contingency(np.stack([was, now]), lambda_="log-likelihood", correction=False)
    assert found["g_test"].value == pytest.approx(np.sqrt(answer.statistic * (1 / 3000 + 1 / 2000)))
    assert found["g_test"].likelihood == pytest.approx(answer.pvalue, rel=1e-6, abs=1e-300)


def test_categories_are_scipys() -> None:
    """Jensen-Shannon is SciPy's in base 2, L-infinity the largest difference, the likelihood that of the G-test."""
    before, after = texts(0, (0.5, 0.3, 0.2)), texts(1, (0.45, 0.33, 0.22))
    found = measured(before, after, "text")
    p, q = ([side.count(one) / 4000 for one in "abc"] for side in (before, after))
    assert found["jensen_shannon"].value == pytest.approx(distance.jensenshannon(p, q, base=2))
    assert found["l_infinity"].value == pytest.approx(max(abs(a - b) for a, b in zip(p, q, strict=True)))
    table = [[side.count(one) for one in "abc"] for side in (before, after)]
    answer = stats.chi2_contingency(table, lambda_="log-likelihood", correction=False)
    assert found["g_test"].likelihood == pytest.approx(answer.pvalue)


@pytest.mark.parametrize("kind", ["number", "integer", "text", "boolean"])
def test_chance_stays_below_the_noise(kind: Any) -> None:
    """Of 200 pairs of samples of one population hardly one measure is above its floor of one in a thousand."""
    above = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        draws = {
            "number": rng.exponential(1, (2, 400)),
            "integer": rng.poisson(3, (2, 400)),
            "text": rng.choice(list("abcdefgh"), (2, 400)),
            "boolean": rng.random((2, 400)) < 0.3,
        }[kind]
        above += any(one.value > one.noise for one in measured(*draws.tolist(), kind).values())
    assert above <= 3


def test_the_same_rows_are_at_no_distance() -> None:
    """Every distance of a column to itself is 0, NaN and null in it or not."""
    columns: dict[Any, list[Any]] = {
        "number": [1.0, 2.5, None, float("nan"), *range(50)], "text": ["a", "b", None] * 20,
        "boolean": [True, None, False] * 20, "integer": [1, 2, None] * 20,
    }  # fmt: skip
    for kind, values in columns.items():
        assert all(one.value == 0.0 for one in measured(values, values, kind).values())
    nothing = [float("nan")] * 40
    assert {one.measure: one.value for one in measured(nothing, nothing, "number").values()} == {"nulls": 0.0}


def test_thresholds_are_for_measures_that_apply() -> None:
    """A measure of another kind of column, an unknown one and no number are refused; one column goes before all."""
    features: dict[str, Any] = {"x": "number", "place": "text", "at": "timestamp"}
    all_of_them = {"g_test": 0.3, "x:g_test": 0.1}
    assert limits_of(all_of_them, features) == {"x": {"g_test": 0.1}, "place": {"g_test": 0.3}, "at": {}}
    wrongs = [{"place:wasserstein": 1.0}, {"x:l_infinity": 0.1}, {"at:g_test": 0.1}, {"g_test": -1.0}, {"g_test": True}]
    for wrong in wrongs:
        with pytest.raises(InvalidInput):
            limits_of(wrong, features)  # type: ignore[arg-type]  # one of them is no number
    with pytest.raises(InvalidInput, match="any column"):
        limits_of({"wasserstein": 1.0}, {"place": "text"})
    for wrong in ({"wassertein": 0.1}, {"y:g_test": 0.1}):
        with pytest.raises(UnknownName):
            limits_of(wrong, features)


def test_a_threshold_given_is_an_error_beyond_it() -> None:
    """The season's temperature only warns; with a threshold it is an error, and with a wide one nothing."""

    def temp(**options: Any) -> list[str]:
        return [item.severity for item in compare(**options).items if item.name == "drift:temp"]

    assert temp() == ["warning"]
    assert temp(thresholds={"temp:wasserstein": 0.5}) == ["error"]
    assert temp(thresholds={"wasserstein": 9.0}) == []
    assert temp(thresholds={"temp:population_stability": 0.1, "wasserstein": 9.0}) == ["error"]


def test_a_schema_s_thresholds_are_judged_by() -> None:
    """`max_drift` of a feature is a threshold like one given; one that its kind cannot have is refused."""
    data = of_spans({"may": pa.table({"x": np.random.default_rng(1).normal(1, 1, 500), "t": ["a"] * 500})})
    previous = of_spans({"apr": pa.table({"x": np.random.default_rng(2).normal(0, 1, 500), "t": ["a"] * 500})})
    text = Feature("t", "text")
    schema = Schema((Feature("x", "number", max_drift={"population_stability": 0.2}), text))
    assert [item.name for item in validate(data, schema, previous=previous).errors] == ["drift:x"]
    wide = Schema((Feature("x", "number", max_drift={"wasserstein": 3.0}), text))
    assert validate(data, wide, previous=previous).ok
    with pytest.raises(InvalidInput, match="cannot be measured"):
        validate(data, Schema((text, Feature("x", "number", max_drift={"l_infinity": 0.1}))), previous=previous)


def test_every_distance_is_kept() -> None:
    """A validation holds all measures of every column that was compared, with the likelihood of counts as they are."""
    found = compare()
    names = {(one.feature, one.measure) for one in found.measurements}
    assert {("origin", "jensen_shannon"), ("distance", "wasserstein"), ("late", "nulls")} <= names
    for one in found.measurements:
        assert one.measure in MEASURES and (one.likelihood is not None) == (one.measure == "g_test")
    quiet = next(one for one in found.measurements if (one.feature, one.measure) == ("origin", "g_test"))
    assert quiet.likelihood is not None and quiet.likelihood > 1e-3
