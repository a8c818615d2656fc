"""NIST's Statistical Reference Datasets, univariate: certified means and standard deviations.

Source: https://www.itl.nist.gov/div898/strd/univ/homepage.html. Certified deviations have n - 1 below them, ours n.
"""

from __future__ import annotations

import math
from decimal import Decimal

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.statistics import FeatureStatistics, analyze


def _analyze(values: pa.Array) -> tuple[FeatureStatistics, float]:
    """The statistics, and the standard deviation as NIST defines it."""
    one = analyze(Dataset.from_arrow(pa.table({"x": values})))["x"]
    assert one.std_dev is not None
    return one, one.std_dev * math.sqrt(one.num_rows / (one.num_rows - 1))


# Michelson's measurements of the speed of light less 299 (in hundredths), a filter's transmittance less 2 (in units of
# 1e-5), and the deflection of a beam.
_MICHELSO = [
    *(85, 74, 90, 107, 93, 85, 95, 98, 98, 88, 100, 98, 93, 65, 76, 81, 100, 100, 96, 96, 96, 94, 96, 94, 88, 80, 85),
    *(88, 90, 84, 83, 79, 81, 88, 88, 83, 80, 79, 76, 80, 88, 88, 88, 86, 72, 72, 62, 86, 97, 95, 88, 91, 85, 87, 84),
    *(84, 85, 84, 84, 84, 89, 81, 81, 82, 80, 77, 76, 74, 75, 76, 91, 92, 89, 86, 88, 72, 84, 85, 85, 78, 89, 84, 78),
    *(81, 76, 81, 79, 81, 82, 85, 87, 87, 81, 74, 81, 94, 95, 80, 81, 87),
]
_MAVRO = [
    *(180, 170, 180, 190, 180, 170, 150, 140, 150, 150, 170, 180, 180, 190, 190, 210, 200, 160, 140, 130, 130, 150),
    *(150, 160, 150, 140, 130, 140, 150, 140, 150, 160, 150, 160, 190, 200, 200, 210, 220, 230, 240, 250, 270, 260),
    *(260, 260, 270, 260, 250, 240),
]
_LEW = [
    *(-213, -564, -35, -15, 141, 115, -420, -360, 203, -338, -431, 194, -220, -513, 154, -125, -559, 92, -21, -579),
    *(-52, 99, -543, -175, 162, -457, -346, 204, -300, -474, 164, -107, -572, -8, 83, -541, -224, 180, -420, -374),
    *(201, -236, -531, 83, 27, -564, -112, 131, -507, -254, 199, -311, -495, 143, -46, -579, -90, 136, -472, -338),
    *(202, -287, -477, 169, -124, -568, 17, 48, -568, -135, 162, -430, -422, 172, -74, -577, -13, 92, -534, -243),
    *(194, -355, -465, 156, -81, -578, -64, 139, -449, -384, 193, -198, -538, 110, -44, -577, -6, 66, -552, -164),
    *(161, -460, -344, 205, -281, -504, 134, -28, -576, -118, 156, -437, -381, 200, -220, -540, 83, 11, -568, -160),
    *(172, -414, -408, 188, -125, -572, -32, 139, -492, -321, 205, -262, -504, 142, -83, -574, 0, 48, -571, -106),
    *(137, -501, -266, 190, -391, -406, 194, -186, -553, 83, -13, -577, -49, 103, -515, -280, 201, 300, -506, 131),
    *(-45, -578, -80, 138, -462, -361, 201, -211, -554, 32, 74, -533, -235, 187, -372, -442, 182, -147, -566, 25),
    *(68, -535, -244, 194, -351, -463, 174, -125, -570, 15, 72, -550, -190, 172, -424, -385, 198, -218, -536, 96),
]


@pytest.mark.parametrize(
    ("values", "mean", "deviation"),
    [
        ([Decimal(29_900 + value).scaleb(-2) for value in _MICHELSO], 299.8524, 0.0790105478190518),
        ([Decimal(200_000 + value).scaleb(-5) for value in _MAVRO], 2.001856, 0.000429123454003053),
        (_LEW, -177.435, 277.332168044316),
    ],
    ids=["Michelso", "Mavro", "Lew"],
)
def test_observations(values: list[Decimal], mean: float, deviation: float) -> None:
    """What people measured: certified to 15 digits, met in all of them; as floats to what rounding left."""
    one, std_dev = _analyze(pa.array(values))
    assert one.mean == mean and std_dev == pytest.approx(deviation, rel=2e-15)
    one, std_dev = _analyze(pa.array([float(value) for value in values]))
    assert one.mean == pytest.approx(mean, rel=1e-15) and std_dev == pytest.approx(deviation, rel=1e-11)


def test_num_acc_1() -> None:
    """Three large whole numbers: mean 10000002, standard deviation 1."""
    one, std_dev = _analyze(pa.array([10_000_001, 10_000_003, 10_000_002]))
    assert (one.mean, std_dev) == (10_000_002.0, pytest.approx(1.0, rel=1e-15))


@pytest.mark.parametrize("whole", [0, 1_000_000, 10_000_000], ids=["NumAcc2", "NumAcc3", "NumAcc4"])
def test_num_acc_2_to_4(whole: int) -> None:
    """1,001 values around a large mean: standard deviation 0.1; as decimals to the last digit.

    As floats to the last digit of what was rounded on the way in: the nearest float64 of 10000000.1 is 1e-9 away.
    """
    start = whole or 1
    values = [Decimal(f"{start}.2"), *[Decimal(f"{start}.{at}") for _ in range(500) for at in (1, 3)]]
    mean = float(Decimal(f"{start}.2"))
    one, std_dev = _analyze(pa.array(values, pa.decimal128(12, 1)))
    assert (one.mean, one.min) == (mean, Decimal(f"{start}.1"))
    assert std_dev == pytest.approx(0.1, rel=1e-15)
    one, std_dev = _analyze(pa.array([float(value) for value in values]))
    assert one.mean == pytest.approx(mean, rel=1e-15)
    assert std_dev == pytest.approx(0.1, rel=1e-14 if not whole else 1e-8)
