"""The other half of proof `tft_features`, run in TensorFlow Transform's environment: its values, as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

# What quantile ranks are measured against: the peer is given the quantiles, its own are within a bound.
EDGES = json.loads(Path(sys.argv[1]).read_text())["edges"]


def preprocess(inputs: dict[str, Any]) -> dict[str, Any]:
    """Every feature that both have."""
    a, key, word, text = (inputs[name] for name in ("a", "key", "word", "text"))
    tokens = tf.compat.v1.string_split(text, " ")
    indices = tft.compute_and_apply_vocabulary(tokens, vocab_filename="tokens", default_value=-1)
    places, weights = tft.tfidf(indices, vocab_size=8, smooth=True)
    pairs = tft.compute_and_apply_vocabulary(
        tft.bag_of_words(tokens, (1, 2), " "), vocab_filename="pairs", default_value=-1
    )
    keys, counts = tft.count_per_key(key)
    number = tf.reduce_sum(tf.cast(tf.equal(key[:, None], keys[None, :]), counts.dtype) * counts[None, :], axis=1)
    label = tf.cast(inputs["label"], tf.int64)
    return {
        "z_score": tft.scale_to_z_score(a),
        "min_max": tft.scale_to_0_1(a),
        "bucketize": tft.bucketize(a, num_buckets=4, epsilon=0.0001),
        "given": tft.apply_buckets(a, tf.constant([[-1.0, 0.0, 1.0]])),
        "z_score_by_key": tft.scale_to_z_score_per_key(a, key, key_vocabulary_filename=None),
        "min_max_by_key": tft.scale_to_0_1_per_key(a, key, elementwise=False, key_vocabulary_filename=None),
        "bucketize_by_key": tft.bucketize_per_key(a, key, num_buckets=4, epsilon=0.0001),
        "quantile_rank": tft.apply_buckets_with_interpolation(a, tf.constant([EDGES])),
        "count_encode": number,
        "vocabulary": tft.compute_and_apply_vocabulary(word, top_k=3, vocab_filename="words"),
        "min_count": tft.compute_and_apply_vocabulary(word, frequency_threshold=100, vocab_filename="frequent"),
        "mutual_information": tft.compute_and_apply_vocabulary(
            word, labels=label, use_adjusted_mutual_info=False, min_diff_from_avg=0.0, vocab_filename="telling"
        ),
        "bag_of_words": tf.cast(tf.sparse.to_indicator(pairs, vocab_size=24), tf.float32),
        "constant": tft.scale_to_z_score(inputs["constant"]),
        "tfidf": tf.sparse.to_dense(
            tf.SparseTensor(
                tf.stack([places.indices[:, 0], places.values], axis=1), weights.values, [tf.shape(a, tf.int64)[0], 8]
            ),
            validate_indices=False,
        ),
    }


def main() -> None:
    """Read rows from one file, write features and the tokens' order to another."""
    rows = json.loads(Path(sys.argv[1]).read_text())["rows"]
    kinds = {"a": tf.float32, "key": tf.string, "word": tf.string, "text": tf.string, "constant": tf.float32}
    kinds["label"] = tf.float32
    spec = {name: tf.io.FixedLenFeature([], kind) for name, kind in kinds.items()}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    with tempfile.TemporaryDirectory() as folder, tft_beam.Context(temp_dir=folder):
        (found, _), graph = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(preprocess)
        graph | tft_beam.WriteTransformFn(folder)
        output = tft.TFTransformOutput(folder)
        tokens, pairs = ([word.decode() for word in output.vocabulary_by_name(name)] for name in ("tokens", "pairs"))
    plain = [
        {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()} for row in found
    ]
    Path(sys.argv[2]).write_text(json.dumps({"rows": plain, "tokens": tokens, "pairs": pairs}))


if __name__ == "__main__":
    main()
