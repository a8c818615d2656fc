"""The schema's YAML file: an exact round trip, and every mistake named with file and line."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput, StoreError, UnknownName
from headrace.schema import DatasetLimits, Feature, FreeCheck, Schema
from headrace.schema.yaml_file import read_yaml, write_yaml

GOLDEN = Path(__file__).parent / "golden" / "schema-1.yaml"
_HARD = (
    "yes",
    "no",
    "NULL",
    "null",
    "~",
    "1e3",
    "2013",
    "2013-01-01",
    "",
    " ",
    "é",
    "😀",
    "- a",
    "a: b",
    "#",
    "\n",
    "<<",
    "=",
)

texts = st.one_of(
    st.sampled_from(_HARD),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text("a\t\n\x85\u2028\ufeff\x00 '\"\\", max_size=150),
)
int64 = st.integers(-(2**63), 2**63 - 1)
limits = {
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "integer": int64,
    "timestamp": st.one_of(int64, st.integers(-(10**16), 10**16)),
}


@st.composite
def features(draw: Any, name: str) -> Feature:
    """Any feature that can be."""
    kind = draw(st.sampled_from(["integer", "number", "boolean", "text", "timestamp", "null", "other"]))
    arguments: dict[str, Any] = {"min_present": draw(st.floats(0, 1))}
    if kind in limits:
        low, high = sorted([draw(limits[kind]), draw(limits[kind])])
        arguments |= draw(st.sampled_from([{}, {"min": low}, {"max": high}, {"min": low, "max": high}]))
    if kind == "number":
        arguments["allow_nan"] = draw(st.booleans())
    if kind == "text":
        arguments["domain"] = draw(st.none() | st.lists(texts, unique=True, max_size=30).map(tuple))
    return Feature(name, kind, **arguments, not_in=draw(st.lists(texts, unique=True, max_size=2).map(tuple)))


schemas = st.lists(texts, unique=True, max_size=4).flatmap(
    lambda names: st.tuples(*(features(name) for name in names)).map(Schema)
)


def _loaded(folder: Path, text: str) -> Schema:
    path = folder / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return Schema.load(path)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(schemas)
def test_round_trip_is_exact(schema: Schema) -> None:
    """Whatever a schema holds, its file reads back as the same schema, and writes the same bytes again."""
    data = write_yaml(schema.to_plain())
    plain, lines = read_yaml(data, "s.yaml")
    again = Schema.from_plain(plain)
    assert again == schema and again.digest == schema.digest
    assert write_yaml(again.to_plain()) == data and len(lines["features"]) == len(schema.features)


def test_golden_file_of_format_1(tmp_path: Path) -> None:
    """A file of format 1, as first written, is read for ever, and written the same."""
    schema = Schema.load(GOLDEN)
    assert schema == Schema(
        (
            Feature("dep_delay", "number", min_present=0.97, min=-120.0, max=1e16, allow_nan=False),
            Feature("carrier", "text", min_present=1.0, domain=("9E", "AA", "no", "null", "1e3", "", "é")),
            Feature("time_hour", "timestamp", min=1357016400000000, max=1388534399000001),
            Feature("flight", "integer", max=2**53 + 1),
            Feature("late", "boolean", not_in=("serving",)),
        )
    )
    assert not schema.is_reviewed
    schema.save(tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == GOLDEN.read_bytes()


def test_every_field_has_a_key(tmp_path: Path) -> None:
    """A field added to Feature without a key in the file would be lost when saved: this says so."""
    from headrace.schema import yaml_file

    assert list(yaml_file._FEATURE_KEYS) == [item.name for item in fields(Feature)]


def test_folder_is_the_artifact(tmp_path: Path) -> None:
    """In a folder the bytes follow from the digest alone: a reviewed and an unreviewed schema write the same."""
    schema = Schema((Feature("a", "integer"),), is_reviewed=False)
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    schema.save(one)
    Schema(schema.features, is_reviewed=True).save(other)
    assert (one / "schema.yaml").read_bytes() == (other / "schema.yaml").read_bytes()
    assert Schema.load(one) == schema and not Schema.load(other).is_reviewed and Schema.kind == "schema"


def test_review_is_a_line_in_the_file(tmp_path: Path) -> None:
    """An unreviewed schema's file says so until a person deletes the line; a file without it is reviewed."""
    path = tmp_path / "s.yaml"
    Schema((Feature("a", "integer"),), is_reviewed=False).save(path)
    assert not Schema.load(path).is_reviewed
    path.write_text(path.read_text().replace("is_reviewed: false\n", ""))
    assert Schema.load(path).is_reviewed


def test_what_a_person_writes(tmp_path: Path) -> None:
    """Times with an offset, with a fraction or as a day, integers for numbers and comments are all understood."""
    schema = _loaded(
        tmp_path,
        """format: 1
features:   # three
  - {name: t, kind: timestamp, min: 1970-01-01T01:00:00.5+01:00, max: 1970-01-02}
  - {name: x, kind: number, min: 0, max: 1}
  - name: '2013'
    kind: text
    domain: [a, 'no', "1"]
""",
    )
    assert schema["t"].min == 500_000 and schema["t"].max == 86_400_000_000
    assert schema["x"] == Feature("x", "number", min=0.0, max=1.0)
    assert schema["2013"].domain == ("a", "no", "1")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: [1", 1, "not YAML"),
        ("format: 1\nfeatures:\n - {name: a, kind: text}\n  bad", 4, "not YAML"),
        ("format: 1\n# \x01", 2, "not YAML"),
        ("format: 1\nfeatures:\n - !!python/object:os.system {name: a, kind: text}", 3, "a tag"),
        ("format: 1\nfeatures:\n - &x {name: a, kind: text}\n - *x", 4, "an alias"),
        ("format: 1\nformat: 1", 2, "appears twice"),
        ("format: 1\n---\nformat: 1", 2, "another document"),
        ("format: 3\nfeatures: []", 1, "format 3"),
        ("format: yes\nfeatures: []", 1, "integer value"),
        ("format: 1", 1, "without features"),
        ("format: 1\nfeatures: 5", 2, "a list"),
        ("- 1", 1, "keys with values"),
        ("format: 1\nfeatures:\n - name: a", 3, "without kind"),
        ("format: 1\nfeatures:\n - name: a\n   kind: text\n   domain:\n    - b\n    - 1e3", 7, 'in quotes: "1e3"'),
        ("format: 1\nfeatures:\n - name: a\n   kind: text\n   domain: [b, null]", 5, "in quotes"),
        ("format: 1\nfeatures:\n - name: a\n   kind: text\n   domain: [2013-01-01]", 5, "in quotes"),
        ("%YAML 1.1\n---\nformat: 1\nfeatures:\n - {name: yes, kind: text}", 5, 'in quotes: "yes"'),
        ("format: 1\nfeatures:\n - name: a\n   kind: text\n   domain: b", 5, "a list"),
        ("format: 1\nfeatures:\n - name: a\n   kind: number\n   allow_nan: 1", 5, "boolean value"),
        ("format: 1\nfeatures:\n - name: a\n   kind: number\n   min: low", 5, "limit of kind number"),
        ("format: 1\nfeatures:\n - {name: a, kind: number, min: .inf}", 3, "no number"),
        ("format: 1\nfeatures:\n - name: a\n   kind: timestamp\n   min: 2013-01-01T00:00:00", 5, "with a zone"),
        ("format: 1\nfeatures:\n - name: a\n   kind: timestamp\n   min: 2013-02-30", 5, "no moment"),
        ("format: 1\nfeatures:\n - {name: b, kind: text}\n - {name: a, kind: integer, min: 5, max: 2}", 4, "above max"),
        ("format: 1\nfeatures:\n - {name: a, kind: text}\n - {name: a, kind: text}", 4, "appears twice"),
    ],
)
def test_what_is_wrong_names_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    """Every mistake in a file is answered with the file, its line and what was expected."""
    with pytest.raises(InvalidInput, match=said) as caught:
        _loaded(tmp_path, text)
    assert f"{tmp_path / 's.yaml'}, line {line}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "near"),
    [
        ("format: 1\nfeature: []", 2, "features"),
        ("format: 1\nfeatures:\n - name: a\n   kind: text\n   domian: []", 5, "domain"),
        ("format: 1\nfeatures:\n - name: a\n   kind: txt", 4, "text"),
    ],
)
def test_unknown_names_propose_the_nearest(tmp_path: Path, text: str, line: int, near: str) -> None:
    """An unknown key or kind is answered with file, line and the nearest there is."""
    with pytest.raises(UnknownName, match=f"did you mean '{near}'") as caught:
        _loaded(tmp_path, text)
    assert f"{tmp_path / 's.yaml'}, line {line}" in str(caught.value)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    """No file, an empty file, bytes that are not UTF-8 and a bottomless nest are each one clear error."""
    path = tmp_path / "s.yaml"
    with pytest.raises(InvalidInput, match="cannot read the schema file"):
        Schema.load(path)
    for data, said in [
        (b"", "empty"),
        (b"format: 1\n\xff", r"not UTF-8 .*line 2"),
        (b"[" * 5000 + b"]" * 5000, "deep"),
    ]:
        path.write_bytes(data)
        with pytest.raises(InvalidInput, match=said):
            Schema.load(path)


def test_a_folder_that_is_not_there_is_a_store_error(tmp_path: Path) -> None:
    """Saving where no folder is fails with the path, and leaves nothing."""
    with pytest.raises(StoreError, match="nowhere"):
        Schema().save(tmp_path / "nowhere" / "s.yaml")


def test_the_room_is_light() -> None:
    """Importing the room does not import the YAML reader: `headrace --help` does not pay for it."""
    import subprocess

    code = "import sys, headrace.schema; sys.exit('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_golden_file_of_format_2(tmp_path: Path) -> None:
    """A file of format 2, with every key there is, is read for ever, and written the same."""
    golden = GOLDEN.with_name("schema-2.yaml")
    schema = Schema.load(golden)
    assert schema == Schema(
        (
            Feature(
                "carrier",
                "text",
                min_present=1.0,
                min_present_in={"serving": 0.9},
                domain_from="airports",
                new_values="add",
            ),
            Feature(
                "code",
                "text",
                domain=("A1",),
                pattern="[A-Z][0-9]",
                min_length=2,
                max_length=2,
                tolerance={"pattern": 0.01},
                severity={"domain": "warning"},
                stage="beta",
                is_sensitive=True,
            ),
            Feature("flight", "integer", is_unique=True, order="strictly_increasing", role="key"),
            Feature(
                "dep_delay",
                "number",
                allow_infinite=False,
                limits={"mean": (0, 30), "num_distinct": {"max": 500}},
                max_drift={"wasserstein": 0.1},
                max_skew={"population_stability": 0.01},
            ),
            Feature("tags", "list", min_values=1, max_values=5, values_kind="text"),
        ),
        domains={"airports": ["EWR", "JFK", "LGA"]},
        dataset=DatasetLimits(1000, 5_000_000, 0.5, 2, 0, (("carrier", "flight"),), True, True),
        checks=(FreeCheck("later", "dep_delay > -60 or carrier is null", "warning", 0.01),),
        severity={"volume": "error", "repeated_span": "warning"},
    )
    assert schema.sensitive == ("code",) and schema.domain_of("carrier") == ("EWR", "JFK", "LGA")
    schema.save(tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == golden.read_bytes()
    written = golden.read_text()
    keys = {line.split(":")[0].strip(" -") for line in written.splitlines()}
    from headrace.schema import yaml_file

    for table in (yaml_file._FEATURE_KEYS, yaml_file._DATASET_KEYS, yaml_file._CHECK_KEYS):
        assert set(table) - keys <= {"min", "max", "allow_nan", "not_in"}  # those are in the first golden file


def test_a_schema_that_says_nothing_new_stays_in_format_1() -> None:
    """What format 1 can say has the bytes and the digest that it always had."""
    plain = Schema((Feature("a", "integer", min=3),)).to_plain()
    assert plain["format"] == 1
    assert Schema((Feature("a", "integer", min=3, is_unique=True),)).to_plain()["format"] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("features:\n - {name: a, kind: text, pattern: '('}", "line 3, feature 'a'"),
        ("features:\n - {name: a, kind: text, pattern: '(?=a)'}", "no look-around"),
        ("features:\n - {name: a, kind: integer, min_length: 2}", "kind text"),
        ("features:\n - {name: a, kind: text, min_length: 3, max_length: 2}", "above max_length"),
        ("features:\n - {name: a, kind: text, min_values: 3}", "kind list"),
        ("features:\n - {name: a, kind: text, tolerance: {pattern: 2}}", "0 to 1"),
        ("features:\n - {name: a, kind: text, tolerance: {'x y': 0.1}}", "code of a check"),
        ("features:\n - {name: a, kind: text, severity: {pattern: fatal}}", "no severity named 'fatal'"),
        ("features:\n - {name: a, kind: text, stage: produktion}", "did you mean 'production'"),
        ("features:\n - {name: a, kind: text, domain_from: d}", "no domain named 'd'"),
        ("features:\n - {name: a, kind: text, new_values: add}", "without a domain"),
        ("features:\n - {name: a, kind: number, limits: {mean: {}}}", "min, max or both"),
        ("features:\n - {name: a, kind: number, limits: {maen: {min: 1}}}", "did you mean 'mean'"),
        ("features:\n - {name: a, kind: number, max_drift: {js: 1}}", "no name in max_drift"),
        ("features:\n - {name: a, kind: number, max_drift: {wasserstein: -1}}", "0 or more"),
        ("features:\n - {name: a, kind: text, order: increasing}", "an order with kind"),
        ("dataset: {min_rows: -1}\nfeatures: []", "line 2, dataset"),
        ("dataset: {unique: [[z]]}\nfeatures: []", "no feature named 'z'"),
        ("checks:\n - {name: c, expression: 'a >'}\nfeatures: []", "line 3, character 4"),
        ("checks:\n - {name: c, expression: 'b > 1'}\nfeatures:\n - {name: a, kind: text}", "no feature named 'b'"),
        ("checks:\n - {name: c, expression: 'a > 1'}\nfeatures:\n - {name: a, kind: text}", "compared"),
        ("checks:\n - {name: c, expression: '1 > 0'}\nfeatures: []", "names no column"),
        ("checks:\n - {name: c}\nfeatures: []", "a check without expression"),
        ("features:\n - {name: a, kind: text, role: label}\n - {name: b, kind: text, role: label}", "both the label"),
    ],
)
def test_what_is_wrong_in_format_2(tmp_path: Path, text: str, said: str) -> None:
    """Each mistake is one error that names the file."""
    with pytest.raises((InvalidInput, UnknownName), match=said) as caught:
        _loaded(tmp_path, f"format: 2\n{text}\n")
    assert str(tmp_path / "s.yaml") in str(caught.value)
