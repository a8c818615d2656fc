"""Relations: correlations as SciPy has them, information as scikit-learn has it, and what rows cannot show."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import scipy.stats
import sklearn.metrics

from headrace.dataset import Dataset
from headrace.errors import UnknownName
from headrace.statistics import Relations, Statistics, analyze

_NUMBERS = ("x", "offset", "whole", "flag", "heavy")


def _table(num_rows: int = 3_000) -> pa.Table:
    rng = np.random.default_rng(10)
    x = rng.normal(size=num_rows)
    noisy = x + rng.normal(size=num_rows)
    nulls = rng.random(num_rows) < 0.05
    return pa.table(
        {
            "id": np.arange(num_rows),
            "x": pa.array(x, mask=nulls),
            "offset": 1e9 + noisy,
            "whole": pa.array(np.round(5 * noisy).astype(np.int64), mask=rng.random(num_rows) < 0.05),
            "flag": pa.array(x > 0.3),
            "heavy": rng.standard_cauchy(num_rows) + x,
            "text": pa.array(np.where(x > 1, "high", np.where(x < -1, "low", "mid")), mask=nulls),
            "noise": rng.choice(["a", "b", "c"], num_rows),
            "list": pa.array([[1]] * num_rows),
            "nothing": pa.nulls(num_rows),
        }
    )


def _relations(table: pa.Table, label: str | None = None) -> Relations:
    found = analyze(Dataset.from_arrow(table, label=label), relations=True).relations
    assert found is not None
    return found


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """The table that most tests read."""
    return _table()


@pytest.fixture(scope="module")
def found(table: pa.Table) -> Relations:
    """Its relations."""
    return _relations(table, "flag")


@pytest.mark.parametrize("pair", list(itertools.combinations(_NUMBERS, 2)))
def test_correlations_are_what_scipy_says(table: pa.Table, found: Relations, pair: tuple[str, str]) -> None:
    """Pearson's and Spearman's of the rows in which both have a value."""
    there = table.filter(pc.and_(pc.is_valid(table[pair[0]]), pc.is_valid(table[pair[1]])))
    x, y = (np.asarray(there[name].cast(pa.float64())) for name in pair)
    one = found[pair]
    assert (one.num_rows, one.error_bound) == (len(x), 0.0)
    tolerance = 1e-4 if "heavy" in pair else 1e-8
    assert one.pearson == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=tolerance)
    assert one.spearman == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)


def test_information_is_what_scikit_learn_says(table: pa.Table, found: Relations) -> None:
    """Before the correction for chance it is the plug-in estimate; noise says nothing."""
    texts = [value or "null" for value in table["text"].to_pylist()]
    flags = table["flag"].to_pylist()
    raw = sklearn.metrics.mutual_info_score(texts, flags) / np.log(2)
    one = found["text", "flag"]
    assert one.pearson is None
    assert raw - 0.002 < one.mutual_information <= raw
    assert found["noise", "flag"].share < 0.005 and found["noise", "text"].share < 0.005
    assert found["x", "text"].share > 0.7


def test_what_follows_from_the_other_says_all() -> None:
    """A column and its double share everything; a constant says nothing and has no correlation."""
    rows = pa.table({"a": range(200), "b": [2.0 * at for at in range(200)], "c": [1] * 200, "d": ["u", "v"] * 100})
    found = _relations(rows)
    assert (found["a", "b"].share, found["b", "a"].pearson, found["a", "b"].spearman) == (1.0, 1.0, 1.0)
    assert (found["a", "c"].share, found["a", "c"].pearson) == (0.0, None)
    assert found["a", "d"].share < 0.2
    assert found.pairs[0] == found["a", "b"]


def test_the_label_comes_first_and_lists_are_left_out(found: Relations) -> None:
    """Those of the label are told apart; what has no relations is named."""
    assert len(found.with_label) == 7 and found.with_label[0].share > found.with_label[-1].share
    assert found.left_out == ("list", "nothing") and found.is_exact
    with pytest.raises(UnknownName, match="did you mean 'whole'"):
        found["whol", "flag"]


def test_nothing_can_be_seen_of_the_order_of_rows(table: pa.Table, tmp_path: object) -> None:
    """Shuffled rows with a key give the same figures to the bit, and so do saved ones."""
    order = np.random.default_rng(2).permutation(table.num_rows)
    first, second = (
        analyze(Dataset.from_arrow(rows, key=["id"]), relations=True) for rows in (table, table.take(pa.array(order)))
    )
    assert first.relations == second.relations
    first.save(tmp_path)  # type: ignore[arg-type]
    assert Statistics.load(tmp_path).relations == first.relations  # type: ignore[arg-type]
    assert analyze(Dataset.from_arrow(table)).relations is None


def test_of_many_rows_some_are_looked_at() -> None:
    """Beyond 65,536 rows a sample is drawn; its bound holds the truth."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=100_000)
    y = 0.5 * x + rng.normal(size=100_000)
    one = _relations(pa.table({"x": x, "y": y}))["x", "y"]
    assert one.num_rows == 65_536 and 0.005 < one.error_bound < 0.01
    assert one.pearson is not None and abs(one.pearson - np.corrcoef(x, y)[0, 1]) < one.error_bound


def test_tables_without_much() -> None:
    """No rows, one row, nothing but nulls: no figures, and no error."""
    for rows in (
        pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
        pa.table({"a": [1], "b": [2]}),
    ):
        one = _relations(rows)["a", "b"]
        assert (one.pearson, one.mutual_information, one.share) == (None, 0.0, 0.0)
    assert _relations(pa.table({"a": pa.nulls(3)})).pairs == ()
