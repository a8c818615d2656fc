"""Many rows at a time: quicker ways, by column and by compiled kernel, that make the lanes of the way for few."""

import numpy as np
import pyarrow as pa
import pytest

from headrace.errors import InvalidRequest
from headrace.fold.kernels.native import without_native
from headrace.model import Codec
from headrace.testing.codec_cases import equal_lanes
from tests.model.test_codec import ALL, BAD, GOOD


@pytest.mark.parametrize(("name", "value"), BAD)
def test_many_rows_are_refused_as_few_are(name, value):
    """Many rows are read a column at a time: the bad one's message is the same."""
    codec, odd = Codec(ALL), {**GOOD, name: value}
    with pytest.raises(InvalidRequest) as few:
        codec.from_rows([GOOD, odd])
    with pytest.raises(InvalidRequest) as many:
        codec.from_rows([*[GOOD] * 40, odd, GOOD])
    assert str(many.value) == str(few.value).replace("row 1,", "row 40,")


@pytest.mark.parametrize("without", ["", "carrier"])
def test_many_rows_are_read_as_few_are(without):
    """Nulls, whole floats, integers for numbers, texts beyond ASCII, columns that are not looked at, a key left out."""
    odd = [
        {**GOOD, **dict.fromkeys(("distance", "flight", "carrier", "is_weekend", "time_hour"))},
        {**GOOD, "flight": 12.0, "distance": 2**60 + 1, "weight": float("nan"), "carrier": "ÄÖ\U0001f600 a\x00"},
        {**GOOD, "distance": -0.0, "seats": -(2**63), "made": "1970-01-01"},
    ]
    codec = Codec(ALL, ignored=("late",))
    rows = [dict(one) for one in (odd[0], odd[2], GOOD)] * 9
    for more in ([], [{**GOOD, "late": 5}], [odd[1]]):
        whole = [{name: value for name, value in one.items() if name != without} for one in rows + more]
        parts = [codec.from_rows([one]) for one in whole]
        together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        assert equal_lanes(codec.from_rows(whole), together)


@pytest.mark.parametrize("num_rows", [1, 700, 3_000])
def test_kernels_make_the_lanes_that_numpy_makes(num_rows):
    """With compiled kernels and without, in one piece or several, few texts or many: the same lanes."""
    random = np.random.default_rng(num_rows)
    mask = random.random(num_rows) < 0.2
    texts = [f"N{value}" for value in random.integers(0, 2 * num_rows, num_rows)]
    table = pa.table(
        {
            "distance": pa.array(random.integers(-9, 9, num_rows).tolist(), mask=mask),
            "flight": pa.array(random.integers(-(2**62), 2**62, num_rows).tolist(), mask=~mask),
            "carrier": pa.array(texts, mask=mask),
            "weight": pa.array([float("nan"), *random.normal(size=num_rows).tolist()][:num_rows]),
            "seats": pa.array(list(range(num_rows)), pa.int32()),
            "dest": pa.array(["AA", "ÄÖ"] * num_rows).slice(0, num_rows),
        }
    )
    codec = Codec([one for one in ALL if one.name in table.column_names])
    found = codec.from_batch(table)
    pieces = pa.concat_tables([table.slice(0, num_rows // 2), table.slice(num_rows // 2)])
    assert equal_lanes(codec.from_batch(pieces), found)
    assert equal_lanes(codec.from_rows(table.to_pylist()), found)
    with without_native():
        assert equal_lanes(codec.from_batch(table), found)
