"""rounded: numbers that lost digits are named with the grid they lie on; numbers that were round before are not."""

from __future__ import annotations

import numpy as np
import pytest

from headrace.validation.signatures.rounded import Rounded
from tests.validation.changes import change, compare, named, profile


def cents(seed: int, num_rows: int = 800) -> np.ndarray:
    """Prices with two decimals, and a null among them when they become a profile."""
    return np.round(np.random.default_rng(seed).normal(60, 15, num_rows), 2)


def test_the_grid_is_named() -> None:
    """Whole numbers where there were cents are multiples of 1, in all rows; nulls do not matter."""
    sign = Rounded().find(change([[*cents(0), None], cents(1)], [*np.round(cents(2)), None]))
    assert sign is not None and (sign.value, sign.rate) == (1.0, 1.0)
    assert sign.words == "values are multiples of 1 in all rows"


def test_the_coarsest_grid_is_named() -> None:
    """Tens are multiples of 1 too; it is 10 that is told."""
    sign = Rounded().find(change([cents(0), cents(1)], np.round(cents(2), -1)))
    assert sign is not None and sign.value == 10.0


def test_a_part_of_the_rows() -> None:
    """Where six in ten rows lost their cents the rate is about six tenths."""
    values = cents(2)
    rows = np.random.default_rng(9).random(len(values)) < 0.6
    sign = Rounded().find(change([cents(0), cents(1)], np.where(rows, np.round(values), values)))
    assert sign is not None and abs(sign.rate - 0.6) < 0.06


@pytest.mark.parametrize("seed", range(20))
def test_chance_and_round_numbers_bear_no_mark(seed: int) -> None:
    """Other cents, numbers that were whole before, zeros filled in and too few rows are no rounding."""
    assert Rounded().find(change([cents(0), cents(1)], cents(seed + 2))) is None
    assert Rounded().find(change([np.round(cents(0))], np.round(cents(seed + 2)))) is None
    assert Rounded().find(change([cents(0)], np.where(np.arange(800) % 2 == 0, 0.0, cents(seed + 2)))) is None
    assert Rounded().find(change([cents(0)], np.round(cents(seed + 2)[:15]))) is None


def test_shares_on_grids_are_those_of_plain_python() -> None:
    """The share of values on each grid is what a loop counts, zero left out."""
    values = [0.0, 1.0, 1.5, 20.0, 100.0, 0.25]
    found = dict(zip(range(-6, 7), profile(values).shares_on_grids.tolist(), strict=True))
    assert found[0] == 3 / 5 and found[1] == 2 / 5 and found[2] == 1 / 5 and found[-1] == 4 / 5 and found[-2] == 1.0


def test_validate_names_it() -> None:
    """A month whose temperatures lost their decimals at one airport is one error that says so."""

    def breaks(columns: dict[str, np.ndarray], rng: np.random.Generator) -> None:
        columns["temp"] = np.where(columns["origin"] == "LGA", np.round(columns["temp"]), columns["temp"])

    assert named(compare(breaks)) == ["drift_rounded:temp:origin=LGA"]
