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


def preprocess(inputs: dict[str, Any]) -> dict[str, Any]:
    """Every feature that both have."""
    a, key, word, text = (inputs[name] for name in ("a", "key", "word", "text"))
    tokens = tf.compat.v1.string_split(text, " ")
    indices = tft.compute_and_apply_vocabulary(tokens, vocab_filename="tokens", default_value=-1)
    places, weights = tft.tfidf(indices, vocab_size=8, smooth=True)
    return {
        "z_score": tft.scale_to_z_score(a),
        "min_max": tft.scale_to_0_1(a),
        "bucketize": tft.bucketize(a, num_buckets=4, epsilon=0.0001),
        "given": tft.apply_buckets(a, tf.constant([[-1.0, 0.0, 1.0]])),
        "z_score_by_key": tft.scale_to_z_score_per_key(a, key, key_vocabulary_filename=None),
        "vocabulary": tft.compute_and_apply_vocabulary(word, top_k=3, vocab_filename="words"),
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
    rows = json.loads(Path(sys.argv[1]).read_text())
    kinds = {"a": tf.float32, "key": tf.string, "word": tf.string, "text": tf.string, "constant": tf.float32}
    spec = {name: tf.io.FixedLenFeature([], kind) for name, kind in kinds.items()}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    with tempfile.TemporaryDirectory() as folder, tft_beam.Context(temp_dir=folder):
        (found, _), graph = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(preprocess)
        graph | tft_beam.WriteTransformFn(folder)
        tokens = [word.decode() for word in tft.TFTransformOutput(folder).vocabulary_by_name("tokens")]
    plain = [
        {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()} for row in found
    ]
    Path(sys.argv[2]).write_text(json.dumps({"rows": plain, "tokens": tokens}))


if __name__ == "__main__":
    main()
