"""Maps: of all that may have befallen few rows the likeliest is told, and chance is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from headrace.schema import Feature, Schema
from headrace.validation import validate
from headrace.validation._maps import Likeliest, dispersion, gain, likeliest, tables
from headrace.validation._profile import Profile
from tests.validation.spans import of_spans


def profile(values: np.ndarray) -> Profile:
    """The rows as a profile."""
    distinct, counts = np.unique(values, return_counts=True)
    return Profile("integer" if values.dtype.kind == "i" else "number", len(values), 0, distinct, counts)


def rows(seed: int, count: int) -> np.ndarray:
    """Numbers with two decimals, skewed."""
    return np.round(np.random.default_rng(seed).gamma(4.0, 25.0, count), 2)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "clipped": lambda values: np.minimum(values, np.quantile(values, 0.7, method="lower")),
    "stuck": lambda values: np.where(np.arange(len(values)) % 2 == 0, values, values[0]),
    "rounded": lambda values: np.round(values, -1),
    "scale": lambda values: values * 3.28084,
    "offset": lambda values: values + 180.0,
}


@pytest.mark.parametrize("code", CHANGES)
def test_what_befell_forty_rows_is_named(code: str) -> None:
    """Of forty rows beside two hundred the map is told that was used, whatever the draw."""
    for seed in range(5):
        found = likeliest(profile(rows(seed, 200)), profile(CHANGES[code](rows(seed + 100, 40))), is_leap=True)
        assert isinstance(found, Likeliest), (code, seed)
        assert (found.code, found.gain.fits) == (code, True), (code, seed, found)


def test_factors_and_constants_are_asked_of_leaps_alone() -> None:
    """What moved no farther than earlier spans did is held for a season."""
    before, after = profile(rows(1, 200)), profile(rows(2, 40) * 3.28084)
    found = likeliest(before, after, is_leap=True)
    assert found is not None and found.code == "scale" and 2.5 < found.value < 4.5
    assert likeliest(before, after, is_leap=False) is None


def test_chance_is_no_map() -> None:
    """Of four hundred pairs of samples of one population none is anything, skewed or of few values."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        for one, other in ((rows(seed, 150), rows(seed + 1000, 50)), (rng.poisson(2, 150), rng.poisson(2, 50))):
            assert likeliest(profile(one), profile(other), is_leap=True) is None, seed


def test_a_gain_is_a_ratio_of_likelihoods() -> None:
    """With many rows before, the gain in nats is what SciPy's multinomial distribution says of the two hypotheses."""
    before = Profile("integer", 10**7, 0, np.array([0, 1, 2]), np.array([7_000_000, 2_000_000, 1_000_000]))
    after = Profile("integer", 30, 0, np.array([0, 1, 2]), np.array([6, 16, 8]))
    mapped = before.mapped(np.array([1, 1, 2]))
    found = gain(before, after, mapped, np.array([0.5]))
    was, now, _ = tables(before, after, mapped)
    assert sorted(now[now > 0]) == [6, 8, 16]
    old = stats.multinomial(30, [0.7, 0.2, 0.1]).logpmf([6, 16, 8])
    new = stats.multinomial(30, [0.35, 0.55, 0.1]).logpmf([6, 16, 8])
    assert found.nats == pytest.approx(new - old, abs=1e-3)
    assert was.sum() == 10**7


def test_texts_are_counted_by_value() -> None:
    """Text has cells by value; the rarest share the last."""
    one = Profile("text", 3, 0, np.array(["a", "b"], dtype=object), np.array([2, 1]))
    assert [cells.tolist() for cells in tables(one, one)] == [[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]]


def test_odd_columns_are_not_asked() -> None:
    """None where there are few rows, few values or text."""
    few, empty = profile(np.arange(5)), Profile("number", 0, 0, np.zeros(0), np.zeros(0, np.int64))
    text = Profile("text", 100, 0, np.array(["a"], dtype=object), np.array([100]))
    many = profile(rows(1, 100))
    for before, after in ((few, many), (many, few), (empty, many), (many, empty), (text, text)):
        assert likeliest(before, after, is_leap=True) is None


def test_what_lies_apart_by_nature_counts_less() -> None:
    """Independent samples are dispersed about once, rows by the dozen about a dozen times; of nothing, once."""
    alone = [(profile(rows(seed, 600)), profile(rows(seed + 50, 200))) for seed in range(6)]
    dozens = [(profile(rows(seed, 600)), profile(np.repeat(rows(seed + 50, 17), 12))) for seed in range(6)]
    assert 1.0 <= dispersion(alone) < 1.6
    assert 6.0 < dispersion(dozens) < 20.0
    assert dispersion([]) == dispersion([(profile(np.arange(3)), profile(np.arange(3)))]) == 1.0


def test_thirty_rows_of_one_place_are_named() -> None:
    """Beside three spans cut at random a slice of 39 rows in the next is told of, with its kind, and nothing else."""
    places = np.array(["Basel", "Bern", "Chur"])

    def span(seed: int) -> dict[str, Any]:
        at = places[np.random.default_rng(seed).integers(0, 3, 110)].tolist()
        return {"x": rows(seed, 110).tolist(), "y": rows(seed + 50, 110).tolist(), "place": at}

    after = span(4)
    inside = np.array(after["place"]) == "Chur"
    after["x"] = np.where(inside, np.minimum(after["x"], 90.0), after["x"]).tolist()
    schema = Schema((Feature("x", "number"), Feature("y", "number"), Feature("place", "text")))
    found = validate(
        of_spans({"d": after}), schema, previous=of_spans({name: span(seed) for seed, name in enumerate("abc")})
    )
    told = [(item.code, item.feature, item.slice) for item in found.errors]
    assert told == [("drift_clipped", "x", "place=Chur")], [item.message for item in found.errors]


def test_days_that_never_lacked_are_missed_though_months_are_unlike() -> None:
    """That February has no day 30 does not excuse the days 13 to 15 of July."""
    rng = np.random.default_rng(0)
    spans = {
        f"m{last}{place}": {"day": rng.integers(1, last + 1, 3000).tolist()}
        for place, last in enumerate((31, 28, 31, 30))
    }
    july = [day for day in rng.integers(1, 32, 3000).tolist() if not 13 <= day <= 15]
    found = validate(of_spans({"m": {"day": july}}), Schema((Feature("day", "integer"),)), previous=of_spans(spans))
    assert [item.code for item in found.errors] == ["drift_missing"]
    assert "13 to 15" in found.errors[0].message
