"""TFDV's half of the proof `tfdv_schema`, in its own environment: a folder of cases in, anomalies as JSON out.

For each case-N.json: its schema.pbtxt is loaded; the rows of case-N.arrow are analysed here, and case-N.tfrecord holds
the same statistics as headrace computed them; each is validated by the schema. Of the rows, and of the statistics that
headrace wrote, a schema is inferred too.

    .venvs/tfdv/bin/python proofs/_tfdv_schema_peer.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv
from _tfdv_peer import as_list
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2


def statistics_of(path: Path) -> statistics_pb2.DatasetFeatureStatisticsList:
    """TFDV's statistics of an Arrow file's rows."""
    with pa.ipc.open_file(path) as file:
        table = file.read_all().combine_chunks()
    arrays = [as_list(column.chunk(0)) for column in table.columns]
    batch = pa.RecordBatch.from_arrays(arrays, names=table.column_names)
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())


def anomalies_of(statistics: Any, schema: Any, case: dict[str, Any], previous: Any) -> dict[str, list[str]]:
    """Feature (or "" for the data set) -> the kinds of anomalies found."""
    found = tfdv.validate_statistics(statistics, schema, environment=case["environment"], previous_statistics=previous)
    kinds = anomalies_pb2.AnomalyInfo.Type.Name
    told = {name: [kinds(reason.type) for reason in info.reason] for name, info in found.anomaly_info.items()}
    dataset = [kinds(reason.type) for reason in found.dataset_anomaly_info.reason]
    return {**told, **({"": dataset} if dataset else {})}


def main() -> None:
    """Every case of the folder, a line of JSON each."""
    folder = Path(sys.argv[1])
    for path in sorted(folder.glob("case-*.json")):
        case = json.loads(path.read_text())
        schema = tfdv.load_schema_text(str(path.with_suffix(".pbtxt")))
        theirs = statistics_of(path.with_suffix(".arrow"))
        ours = tfdv.load_statistics(str(path.with_suffix(".tfrecord")))
        before = [None, None]
        if case["has_previous"]:
            before = [
                statistics_of(folder / f"{path.stem}-before.arrow"),
                tfdv.load_statistics(str(folder / f"{path.stem}-before.tfrecord")),
            ]
        inferred = text_format.MessageToString(tfdv.infer_schema(theirs, max_string_domain_size=10))
        back = path.with_suffix(".back")
        line = {
            "case": path.stem,
            "version": tfdv.__version__,
            "theirs": anomalies_of(theirs, schema, case, before[0]),
            "ours": anomalies_of(ours, schema, case, before[1]),
            "inferred": inferred,
            "inferred_of_ours": text_format.MessageToString(tfdv.infer_schema(ours, max_string_domain_size=10)),
            "back_is_equal": not back.exists() or tfdv.load_schema_text(str(back)) == schema,
        }
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
