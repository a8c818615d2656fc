"""Which ops others have too, and what holds ours to them: scikit-learn here, TensorFlow Transform in a proof."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from sklearn import impute, preprocessing
from sklearn.metrics.pairwise import haversine_distances

from headrace import lookup
from headrace.dataset import Dataset
from headrace.transformation import ops, transform

_HERE = Path(__file__).parent
_PROOF = _HERE.parent.parent / "proofs" / "tft_features.py"

# The op, and the estimator whose values it gives: held in the op's own test, or below.
SCIKIT_LEARN = {
    "bag_of_words": "CountVectorizer",
    "bucketize": "KBinsDiscretizer",
    "character_ngrams": "CountVectorizer",
    "fill_null": "SimpleImputer",
    "hash_bucket": "murmurhash3_32",
    "haversine": "haversine_distances",
    "impute": "SimpleImputer",
    "is_null": "MissingIndicator",
    "list_join": "MultiLabelBinarizer",
    "min_max": "MinMaxScaler",
    "multi_hot": "MultiLabelBinarizer",
    "one_hot": "OneHotEncoder",
    "quantile_rank": "QuantileTransformer",
    "robust_scale": "RobustScaler",
    "robust_scale_by_key": "RobustScaler",
    "target_encode": "TargetEncoder",
    "tf_idf": "TfidfVectorizer",
    "vocabulary": "OrdinalEncoder",
    "yeo_johnson": "PowerTransformer",
    "z_score": "StandardScaler",
}
# By `make prove CASE=tft_features`.
TENSORFLOW_TRANSFORM = {
    "bag_of_words",
    "bucketize",
    "bucketize_by_key",
    "count_encode",
    "min_max",
    "min_max_by_key",
    "quantile_rank",
    "tf_idf",
    "vocabulary",
    "z_score",
    "z_score_by_key",
}
# Neither has these as analysers or transformers: NumPy, Python or DuckDB is their oracle.
NEITHER = {
    *("absolute", "arithmetic", "cast", "clip", "comparison", "cross", "cyclical", "date_part", "days_between"),
    *("embed", "image", "list_contains", "list_get", "list_length", "list_max", "list_mean", "list_min", "list_sum"),
    *("log1p", "logic", "lower", "matches", "onnx", "parse_date", "pin", "power", "replace", "split", "string_length"),
    *("strip", "substring", "upper", "where"),
}


def test_every_op_is_held_to_those_who_have_it() -> None:
    """A new op is put in one of the tables; what a table says is so in a test or in the proof."""
    own = {name for name in lookup.names("op") if (_HERE / "ops" / f"test_{name}.py").exists()}
    named = set(SCIKIT_LEARN) | TENSORFLOW_TRANSFORM | NEITHER
    assert not NEITHER & (set(SCIKIT_LEARN) | TENSORFLOW_TRANSFORM)
    assert own - named == set(), "in which of the tables does it belong?"
    assert named - own == set()
    here = {name for name, _ in _CASES}
    for name, estimator in SCIKIT_LEARN.items():
        assert name in here or estimator in (_HERE / "ops" / f"test_{name}.py").read_text(), name
    proof = _PROOF.read_text()
    for name in TENSORFLOW_TRANSFORM:
        assert f"ops.{name}(" in proof, name


_RANDOM = np.random.default_rng(3)
_GAPS = np.where(_RANDOM.random(2_000) < 0.1, np.nan, np.round(_RANDOM.normal(50, 20, 2_000), 1))
_FULL = _RANDOM.gamma(2.0, 100.0, 2_000)
_WORDS = _RANDOM.choice(["b", "a", "d", "c", ""], 2_000, p=[0.4, 0.3, 0.15, 0.1, 0.05])
_PLACES = _RANDOM.uniform([-90, -180, -90, -180], [90, 180, 90, 180], (2_000, 4))

_Found = npt.NDArray[np.float64]


def _ours(feature: Callable[[Any], Any], **columns: Any) -> _Found:
    table = pa.table(
        {
            name: pa.array(values, from_pandas=True) if isinstance(values, np.ndarray) else values
            for name, values in columns.items()
        }
    )
    graph = transform(lambda x: {"found": feature(x)}, Dataset.from_arrow(table))
    return np.asarray(graph.apply(table)["found"].to_numpy(), np.float64)


def _imputed(strategy: str, **more: Any) -> _Found:
    return np.asarray(impute.SimpleImputer(strategy=strategy, **more).fit_transform(_GAPS[:, None])[:, 0], np.float64)


def _z_score() -> tuple[_Found, _Found]:
    theirs = preprocessing.StandardScaler().fit_transform(_GAPS[:, None])[:, 0]
    return _ours(lambda x: ops.z_score(x.a), a=_GAPS), theirs


def _clipped() -> tuple[_Found, _Found]:
    scaler = preprocessing.MinMaxScaler(clip=True).fit(_FULL[:1_000, None])
    table, new = pa.table({"a": _FULL[:1_000]}), pa.table({"a": _FULL * 3 - 100})
    graph = transform(lambda x: {"found": ops.min_max(x.a, clip=True)}, Dataset.from_arrow(table))
    return graph.apply(new)["found"].to_numpy(), scaler.transform(new["a"].to_numpy()[:, None])[:, 0]


def _bucketize() -> tuple[_Found, _Found]:
    bins = preprocessing.KBinsDiscretizer(
        10, encode="ordinal", strategy="quantile", quantile_method="linear", subsample=None
    )
    return _ours(lambda x: ops.bucketize(x.a, num_buckets=10), a=_FULL), bins.fit_transform(_FULL[:, None])[:, 0]


def _vocabulary() -> tuple[_Found, _Found]:
    values, counts = np.unique(_WORDS, return_counts=True)
    ordered = values[np.lexsort((values, -counts))]  # theirs takes any order that it is given
    encoder = preprocessing.OrdinalEncoder(categories=[ordered], handle_unknown="use_encoded_value", unknown_value=-1)
    new = np.concatenate([_WORDS, ["never seen"]])
    graph = transform(lambda x: {"found": ops.vocabulary(x.w)}, Dataset.from_arrow(pa.table({"w": _WORDS.tolist()})))
    return graph.apply(pa.table({"w": new.tolist()}))["found"].to_numpy(), encoder.fit(_WORDS[:, None]).transform(
        new[:, None]
    )[:, 0]


def _haversine() -> tuple[_Found, _Found]:
    one, other = np.radians(_PLACES[:, :2]), np.radians(_PLACES[:, 2:])
    theirs = [
        haversine_distances(here[None], there[None])[0, 0] * 6371.0088 for here, there in zip(one, other, strict=True)
    ]
    columns = dict(zip("abcd", np.ascontiguousarray(_PLACES.T), strict=True))
    return _ours(lambda x: ops.haversine(x.a, x.b, x.c, x.d), **columns), np.array(theirs)


def _missing() -> tuple[_Found, _Found]:
    return (
        _ours(lambda x: x.a.is_null(), a=_GAPS),
        impute.MissingIndicator().fit_transform(_GAPS[:, None])[:, 0].astype(float),
    )


_CASES: list[tuple[str, Callable[[], tuple[_Found, _Found]]]] = [
    ("z_score", _z_score),
    ("min_max", _clipped),
    ("bucketize", _bucketize),
    ("vocabulary", _vocabulary),
    ("haversine", _haversine),
    ("is_null", _missing),
    ("fill_null", lambda: (_ours(lambda x: x.a.fill_null(7.5), a=_GAPS), _imputed("constant", fill_value=7.5))),
    ("impute", lambda: (_ours(lambda x: ops.impute(x.a), a=_GAPS), _imputed("median"))),
    ("impute", lambda: (_ours(lambda x: ops.impute(x.a, strategy="mean"), a=_GAPS), _imputed("mean"))),
    ("impute", lambda: (_ours(lambda x: ops.impute(x.a, strategy="mode"), a=_GAPS), _imputed("most_frequent"))),
]


@pytest.mark.parametrize(("name", "make"), _CASES)
def test_values_are_scikit_learns(name: str, make: Callable[[], tuple[_Found, _Found]]) -> None:
    """Codes, buckets and indicators exactly, the rest to float32's last digits; nulls where it has NaN."""
    mine, theirs = make()
    assert len(mine) == len(theirs) > 1_000
    if name in ("bucketize", "vocabulary", "is_null"):
        np.testing.assert_array_equal(mine, theirs)
    else:
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-6)
