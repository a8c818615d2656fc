"""TFDV's files: what we write we read back, what we read means the same, and what is lost is told."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from headrace.adapters.tfx.exchange import Tfx
from headrace.cli import main
from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.lookup import find
from headrace.schema import DatasetLimits, Feature, FreeCheck, Schema
from headrace.statistics import analyze
from headrace.validation import validate


def _proto(schema: Schema):
    return text_format.Parse(Tfx().write_schema(schema)[0].decode(), schema_pb2.Schema())


def _read(text: str) -> tuple[Schema, list[str]]:
    return Tfx().read_schema(text.encode(), "schema.pbtxt")


FULL = Schema(
    (
        Feature("late", "boolean", not_in=("serving",), role="label"),
        Feature("carrier", "text", min_present=0.9, domain_from="carriers", tolerance={"domain": 0.01}, stage="beta"),
        Feature("code", "text", domain=("A", ""), pattern="A?", max_length=3, new_values="add", is_sensitive=True),
        Feature("delay", "number", min=-0.1, max=1e300, allow_nan=False, allow_infinite=False),
        Feature("flight", "integer", min=-(2**63), max=2**62, limits={"num_distinct": (2, 500), "mean": (0, 9)}),
        Feature("at", "timestamp", min=0, order="increasing"),
        Feature("tags", "list", values_kind="text", min_values=1, max_values=4),
        Feature("pair", "list", values_kind="number", min_values=2, max_values=2),
        Feature("raw", "binary", min_length=1),
        Feature("price", "decimal", stage="debug"),
        Feature("x", "number", max_drift={"jensen_shannon": 0.1, "wasserstein": 2.0}, max_skew={"l_infinity": 0.01}),
        Feature("inner", "struct"),
    ),
    domains={"carriers": ("AA", "UA")},
    dataset=DatasetLimits(min_rows=3, max_rows=10**9, min_ratio=0.5, max_span_gap=1, unique=(("carrier", "at"),)),
    checks=(FreeCheck("c", "delay > -100", "warning"),),
    severity={"volume": "error"},
)


def test_it_is_found_by_its_name():
    """As `headrace schemas export` finds it."""
    assert find("exchange", "tfx") is Tfx


def test_what_we_write_we_read_back():
    """Every field there is, reviewed or not; what TFDV does not judge is told on the way out, nothing on the way in."""
    for is_reviewed in (True, False):
        schema = Schema(**{**vars(FULL), "is_reviewed": is_reviewed})
        data, notes = Tfx().write_schema(schema)
        again, lost = Tfx().read_schema(data, "s")
        assert again == schema and again.is_reviewed == is_reviewed and lost == []
        assert Tfx().write_schema(again)[0] == data
    assert "feature 'code': TFDV does not judge pattern, max_length, is_sensitive; kept in a comment" in notes
    assert "TFDV does not judge checks of the data set; kept in a comment" in notes


def test_each_field_is_where_tfdv_looks():
    """By hand, message by message."""
    proto = _proto(FULL)
    late, carrier, code, delay, flight, at, tags, pair, raw, _, x, inner = proto.feature
    assert list(proto.default_environment) == ["serving", "training"] and list(late.not_in_environment) == ["serving"]
    assert late.HasField("bool_domain") and late.type == schema_pb2.INT
    assert (carrier.presence.min_fraction, carrier.presence.min_count) == (0.9, 1)
    assert carrier.domain == "carriers" and carrier.lifecycle_stage == schema_pb2.BETA
    assert proto.string_domain[0].value == ["AA", "UA"]
    assert carrier.distribution_constraints.min_domain_mass == 0.99
    assert list(code.string_domain.value) == ["A", ""] and (code.value_count.min, code.value_count.max) == (1, 1)
    assert delay.float_domain.disallow_nan and delay.float_domain.disallow_inf
    assert delay.float_domain.min <= -0.1 and math.isinf(delay.float_domain.max)
    assert (flight.int_domain.min, flight.int_domain.max) == (-(2**63), 2**62)
    assert (flight.unique_constraints.min, flight.unique_constraints.max) == (2, 500)
    assert at.type == schema_pb2.INT and at.int_domain.min == 0
    assert (tags.type, tags.value_count.min, tags.value_count.max) == (schema_pb2.BYTES, 1, 4)
    assert (pair.type, pair.value_count.min, pair.value_count.max) == (schema_pb2.FLOAT, 2, 2)
    assert raw.type == schema_pb2.BYTES and inner.type == schema_pb2.STRUCT
    assert x.drift_comparator.jensen_shannon_divergence.threshold == 0.1**2
    assert x.skew_comparator.infinity_norm.threshold == 0.01
    assert proto.dataset_constraints.min_examples_count == 3
    assert proto.dataset_constraints.num_examples_drift_comparator.min_fraction_threshold == 0.5


def test_drawn_schemas_come_back():
    """Three hundred schemas drawn by a seed, to the digest."""
    choose = random.Random(5)
    for _ in range(300):
        features = []
        for name in ("a", "b", "Zürich", "x.y"):
            kind = choose.choice(
                ["integer", "number", "boolean", "text", "timestamp", "list", "binary", "time", "null"]
            )
            options = {
                "min_present": choose.choice([0.0, 1e-9, 0.1, 1.0, 1 / 3]),
                "not_in": choose.choice([(), ("serving",), ("night", "b")]),
                "stage": choose.choice(["production", "alpha", "planned", "beta"]),
            }
            if kind in ("integer", "number", "timestamp"):
                low, high = sorted(choose.choice([0, -7, 10**15, 3]) for _ in range(2))
                options |= choose.choice([{}, {"min": low}, {"max": high}, {"min": low, "max": high}])
            if kind == "number":
                options |= {"allow_nan": choose.random() < 0.5, "min": choose.choice([None, 0.1, -1e-300])}
                options["max"] = None
            if kind == "text":
                options["domain"] = choose.choice([None, (), ("é", "b\n")])
            if kind == "list":
                low = choose.choice([None, 0, 1])
                options |= {"min_values": low, "max_values": choose.choice([None, 1, 5])}
                options["values_kind"] = choose.choice([None, "integer", "text", "timestamp", "list"])
            features.append(Feature(name, kind, **options))
        schema = Schema(tuple(features))
        again, notes = Tfx().read_schema(Tfx().write_schema(schema)[0], "s")
        assert again == schema, schema.to_plain()
        assert [note for note in notes if "environments" not in note] == []


def test_a_schema_of_theirs_is_read():
    """As `infer_schema` writes it: presence, valency, shapes, domains, environments; the unknown is noted."""
    schema, notes = _read(
        """ feature { name: "trip" type: BYTES domain: "trip" presence { min_fraction: 1.0 min_count: 1 } shape { dim {
        size: 1 } } } feature { name: "fare" type: FLOAT value_count { min: 1 max: 1 } presence { min_count: 1 }
                  float_domain { min: 0.5 } drift_comparator { infinity_norm { threshold: 0.5 } } }
        feature { name: "path" type: INT value_count { min: 1 } int_domain { min: 0 } }
        feature { name: "xy" type: FLOAT shape { dim { size: 2 } dim { size: 3 } } }
        feature { name: "label" type: INT bool_domain { } not_in_environment: "SERVING" }
        feature { name: "only" type: BYTES in_environment: "SERVING" lifecycle_stage: DISABLED
                  natural_language_domain { } }
        feature { name: "few" type: INT presence { min_count: 7 } shape { } int_domain { min: 1 max: 5 is_categorical:
        true } } sparse_feature { name: "s" } string_domain { name: "trip" value: "A" value: "B" value: "A" }
        default_environment: "TRAINING" default_environment: "SERVING"
        """
    )
    assert schema["trip"] == Feature("trip", "text", min_present=1.0, domain_from="trip")
    assert schema.domain_of("trip") == ("A", "B")
    assert schema["fare"] == Feature("fare", "number", min_present=1e-9, min=0.5, max_drift={"l_infinity": 0.5})
    assert schema["path"] == Feature("path", "list", min_values=1, values_kind="integer")
    assert schema["xy"] == Feature("xy", "list", min_values=6, max_values=6, values_kind="number")
    assert schema["label"] == Feature("label", "boolean", not_in=("serving",))
    assert schema["only"].stage == "deprecated" and schema["only"].not_in == ()
    assert schema["few"] == Feature("few", "integer", min_present=1e-9, min=1, max=5)
    told = "\n".join(notes)
    for word in (
        "sparse_feature",
        "natural_language_domain",
        "min_count 7",
        "TRAINING",
        "is_categorical",
        "a domain of list",
    ):
        assert word in told, word


def test_a_message_that_was_changed_counts():
    """What TFDV or a person changed since is not overruled by our comment."""
    data = Tfx().write_schema(FULL)[0].decode()
    schema, _ = _read(
        data.replace("disallow_nan: true", "disallow_nan: true\n    is_categorical: false").replace(
            "max: 4\n", "max: 9\n"
        )
    )
    assert schema["tags"].max_values == 9
    proto = _proto(FULL)
    proto.feature[2].type = schema_pb2.FLOAT
    other, notes = _read(text_format.MessageToString(proto))
    assert other["code"].kind == "number" and any("does not go with it any more" in note for note in notes)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"feature { nmae: 'a' }", "1:11"),
        (b"\xff\xfe", "not UTF-8"),
        (b"feature { name: 'a' type: FLOAT float_domain { min: 5 max: 1 } }", "above max"),
        (b"feature { name: 'a' presence { min_fraction: 1.5 } }", "0 to 1"),
        (b"feature { name: 'a' } feature { name: 'a' }", "appears twice"),
    ],
)
def test_what_is_no_schema_is_one_error(data, said):
    """With the line, or what cannot be."""
    with pytest.raises(InvalidInput, match=said):
        Tfx().read_schema(data, "schema.pbtxt")


@pytest.fixture
def table():
    """Columns of many types, each with a null."""
    return pa.table(
        {
            "n": [1.5, None, math.nan, -2.0, math.inf],
            "i": pa.array([3, 3, None, 0, 7], pa.int32()),
            "t": ["a", "b", None, "a", "éé"],
            "b": [True, None, False, True, True],
            "l": [[1, 2], [], None, [3], [4, 5, 6]],
            "raw": [b"x", None, b"\xff", b"", b"yy"],
            "s": [{"a": 1}, None, {"a": 2}, {"a": 3}, {"a": 4}],
            "void": pa.nulls(5),
        }
    )


def test_statistics_by_hand(table):
    """Counts, figures, values and lengths where TFDV keeps them."""
    statistics = analyze(Dataset.from_arrow(table), slices=["b"])
    proto = statistics_pb2.DatasetFeatureStatisticsList()
    text_format.Parse(Tfx().write_statistics(statistics, text=True).decode(), proto)
    whole = proto.datasets[0]
    assert (whole.name, whole.num_examples) == ("All Examples", 5)
    found = {one.path.step[0]: one for one in whole.features}
    number = found["n"].num_stats
    assert (number.common_stats.num_non_missing, number.common_stats.num_missing) == (4, 1)
    assert number.histograms[0].num_nan == 1 and number.max == math.inf and number.min == -2.0
    assert found["i"].num_stats.mean == np.mean([3, 3, 0, 7]) and found["i"].num_stats.std_dev == np.std([3, 3, 0, 7])
    assert found["t"].string_stats.unique == 3
    most = found["t"].string_stats.top_values[0]
    assert (most.value, most.frequency) == ("a", 2)
    assert sum(one.sample_count for one in found["t"].string_stats.rank_histogram.buckets) == 4
    lists = found["l"].num_stats.common_stats
    assert (lists.min_num_values, lists.max_num_values, lists.tot_num_values) == (0, 3, 6)
    assert found["s"].type == statistics_pb2.FeatureNameStatistics.STRUCT
    assert {one.name for one in proto.datasets[1:]} == {"b_True", "b_False", "b_None"}


def test_statistics_come_back(table):
    """From a TFRecord, from text and from bytes the same figures, those that TFDV has."""
    statistics = analyze(Dataset.from_arrow(table), slices=["b"])
    record = Tfx().write_statistics(statistics)
    found = Tfx().read_statistics(record, "s")
    assert found == Tfx().read_statistics(Tfx().write_statistics(statistics, text=True), "s")
    assert found == Tfx().read_statistics(record[12:-4], "s")
    name, num_rows, features = found[0]
    assert (name, num_rows, len(found)) == ("All Examples", 5, 4)
    for column in ("n", "i", "t", "b", "l"):
        ours, theirs = statistics[column], features[column]
        words = ["num_rows", "num_present", "num_missing", "min_values", "mean_values", "max_values"]
        words += (
            ["num_distinct", "top_values"] if column == "t" else ["mean", "std_dev", "median", "num_zeros", "num_nan"]
        )
        for word in words:
            seen, known = getattr(theirs, word), getattr(ours, word)
            assert seen == (known if word == "top_values" else pytest.approx(known or 0)), (column, word)
    assert features["l"].type == "list" and features["l"].value_type == "integer"


def test_damaged_statistics_are_one_error(table):
    """A bit that is another, a record that is cut, and bytes that are something else."""
    record = bytearray(Tfx().write_statistics(analyze(Dataset.from_arrow(table))))
    record[40] ^= 1
    for data, said in (
        (bytes(record), "record 0 is damaged"),
        (bytes(record[:50]), "cut off"),
        (b"datasets {", "text of a"),
    ):
        with pytest.raises(InvalidInput, match=said):
            Tfx().read_statistics(data, "statistics.tfrecord")
    with pytest.raises(InvalidInput, match="not a DatasetFeatureStatisticsList"):
        Tfx().read_statistics(b"\x0f\xff\xff", "s")


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    """Out and in again; what is there is not overwritten, and another ending is nobody's."""
    monkeypatch.chdir(tmp_path)
    FULL.save(tmp_path / "schema.yaml")
    assert main(["schemas", "export", "schema.pbtxt", "--file", "schema.yaml", "-o", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["notes"]) > 3
    assert main(["schemas", "import", "schema.pbtxt"]) == 2
    assert main(["schemas", "import", "schema.pbtxt", "--file", "again.yaml"]) == 0
    again = Schema.load("again.yaml")
    assert again == FULL and not again.is_reviewed
    assert main(["schemas", "import", "none.pbtxt", "--file", "b.yaml"]) == 2
    assert main(["schemas", "export", "schema.proto", "--file", "schema.yaml"]) == 2
    assert "expected .pbtxt" in capsys.readouterr().err


def test_an_imported_schema_judges_data():
    """The same table is right by it and wrong by it, as it would be there."""
    schema, _ = _read('feature { name: "a" type: INT presence { min_count: 1 } int_domain { min: 0 max: 3 } }')
    assert validate(Dataset.from_arrow(pa.table({"a": [1, None, 3]})), schema).ok
    for values, code in (([4, None], "range"), ([None, None], "presence")):
        data = Dataset.from_arrow(pa.table({"a": pa.array(values, pa.int64())}))
        assert [item.code for item in validate(data, schema).errors] == [code]
