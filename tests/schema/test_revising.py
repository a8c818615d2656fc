"""Changing a person's schema file: it says what was asked for, and every comment that can stay has stayed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from headrace.errors import InvalidInput
from headrace.schema import DatasetLimits, Feature, FreeCheck, Schema
from headrace.schema.revising import revise_yaml
from headrace.schema.yaml_file import read_yaml, write_yaml

CURATED = """# Flights out of New York.
# Reviewed by the data team, every quarter.

format: 1   # the file's own
features:
  # The label comes first.
  - name: late        # more than 15 minutes
    kind: boolean
    not_in: [ serving ]   # nobody knows yet

  - kind: text   # the kind first, for once
    name: "carrier"
    # Two letters, as IATA has them.
    domain:
      - AA   # American
      - UA
      # gone since 2016
      - US

  - {name: dep_delay, kind: number, min: -120, max: 1e4}  # minutes
  - {name: at, kind: timestamp, min: 2013-01-01}
# the end
"""


def _revised(text: str, schema: Schema, tmp_path) -> str:
    path = tmp_path / "schema.yaml"
    path.write_bytes(text.encode())
    schema.revise(path)
    assert Schema.load(path) == schema
    return path.read_bytes().decode()


def _comments(text: str) -> list[str]:
    return [line[line.index("#") :] for line in text.splitlines() if "#" in line]


@pytest.fixture
def curated(tmp_path):
    """The schema of the text above."""
    path = tmp_path / "curated.yaml"
    path.write_text(CURATED)
    return Schema.load(path)


def test_what_says_the_same_is_not_touched(curated, tmp_path):
    """However values are written: -120 is -120.0, a day is its midnight."""
    assert _revised(CURATED, curated, tmp_path) == CURATED


def test_a_value_is_changed_where_it_stands(curated, tmp_path):
    """One number and nothing else."""
    changed = curated.with_feature(replace(curated["dep_delay"], max=2e4))
    assert _revised(CURATED, changed, tmp_path) == CURATED.replace("max: 1e4", "max: 20000.0")


def test_values_join_and_leave_a_list(curated, tmp_path):
    """A new value comes after the one that it follows; one that leaves takes its line."""
    changed = curated.with_domain("carrier", ("AA", "UA", "WN"))
    expected = CURATED.replace("      - US\n", "").replace("      - UA\n", "      - UA\n      - WN\n")
    assert _revised(CURATED, changed, tmp_path) == expected


def test_keys_join_and_leave_a_feature(curated, tmp_path):
    """In a block on lines of their own, in braces between commas; the format is the one that can say it."""
    changed = curated.with_feature(replace(curated["late"], not_in=(), min_present=0.5, stage="beta"))
    changed = changed.with_feature(replace(changed["dep_delay"], min=None, allow_nan=False))
    found = _revised(CURATED, changed, tmp_path)
    assert "    kind: boolean\n    min_present: 0.5\n    stage: beta\n\n  - kind: text" in found
    assert "  - {name: dep_delay, kind: number, max: 1e4, allow_nan: false}  # minutes\n" in found
    assert "format: 2   # the file's own\n" in found
    assert set(_comments(CURATED)) - set(_comments(found)) == {"# nobody knows yet"}


def test_features_join_and_leave(curated, tmp_path):
    """A feature goes with its own lines alone; a new one comes at its place, before the last comment."""
    features = (curated["late"], curated["dep_delay"], Feature("tail", "text", pattern="N.*"), curated["at"])
    found = _revised(CURATED, replace(curated, features=features), tmp_path)
    assert "carrier" not in found and '  - name: tail\n    kind: text\n    pattern: "N.*"\n' in found
    gone = {"# the kind first, for once", "# Two letters, as IATA has them.", "# American", "# gone since 2016"}
    assert set(_comments(CURATED)) - set(_comments(found)) == gone
    assert found.endswith("# the end\n")


def test_new_sections_join(curated, tmp_path):
    """Limits of the data set, shared domains, checks and severities come before the features."""
    changed = replace(
        curated,
        dataset=DatasetLimits(min_rows=10, unique=(("carrier", "at"),)),
        domains={"airports": ("JFK", "LGA")},
        checks=(FreeCheck("sane", "dep_delay > -200", max_share=0.1),),
        severity={"volume": "error"},
    )
    found = _revised(CURATED, changed, tmp_path)
    assert _comments(found) == _comments(CURATED)
    assert found.index("dataset:") < found.index("domains:") < found.index("checks:") < found.index("features:")
    again = _revised(found, curated, tmp_path)
    assert again == CURATED


def test_empty_lists_and_none(tmp_path):
    """A list that was empty, one that becomes so, and a file without its last newline."""
    text = "format: 1\nfeatures: []  # none yet"
    full = Schema((Feature("a", "text", domain=("x",)),))
    found = _revised(text, full, tmp_path)
    assert "# none yet" in found
    emptied = _revised(found, full.with_domain("a", ()), tmp_path)
    assert "domain: []" in emptied and "# none yet" in emptied


def test_places_are_not_exchanged(curated, tmp_path):
    """Features in another order would leave comments where they do not belong: refused, nothing written."""
    path = tmp_path / "schema.yaml"
    path.write_text(CURATED)
    with pytest.raises(InvalidInput, match=r"cannot change places .*--replace"):
        replace(curated, features=tuple(reversed(curated.features))).revise(path)
    assert path.read_text() == CURATED
    bare = CURATED.replace("      # gone since 2016\n", "").replace("   # American", "")
    changed = curated.with_domain("carrier", ("US", "AA"))
    assert "domain: \n" not in _revised(bare, changed, tmp_path)


def test_windows_and_marks(curated, tmp_path):
    """Ends of lines and a byte order mark stay what they were."""
    text = "\ufeff" + CURATED.replace("\n", "\r\n")
    changed = curated.with_feature(replace(curated["late"], stage="beta")).with_domain(
        "carrier", ("AA", "UA", "US", "Z")
    )
    found = _revised(text, changed, tmp_path)
    assert found.startswith("\ufeff") and found.count("\n") == found.count("\r\n") == text.count("\n") + 2


def _any_feature(choose: random.Random, name: str) -> Feature:
    kind = choose.choice(["text", "number", "integer", "timestamp", "boolean"])
    options: dict = {"min_present": choose.choice([0.0, 0.5, 1.0])}
    if kind == "text":
        values = ["a", "no", "1e3", "x y", "#", "é: b", "", "{", "- q", "long " * 30]
        options["domain"] = choose.choice([None, tuple(value for value in values if choose.random() < 0.5)])
        options["pattern"] = choose.choice([None, "[a-z]+", "^#: \\d$"])
    elif kind != "boolean":
        options["min"] = choose.choice([None, -(10**6), 3])
        options["limits"] = choose.choice([{}, {"mean": (1, None)}, {"mean": (0, 9.5), "num_distinct": (None, 3)}])
    options["severity"] = choose.choice([{}, {"domain": "warning"}, {"range": "info", "presence": "warning"}])
    options["not_in"] = choose.choice([(), ("serving",), ("a b", "serving")])
    return Feature(name, kind, **options)


def _any_schema(choose: random.Random) -> Schema:
    features = tuple(_any_feature(choose, name) for name in ("a", "b", "no", "d: e") if choose.random() < 0.7)
    names = [feature.name for feature in features if feature.name in "ab"]
    return Schema(
        features,
        dataset=choose.choice([DatasetLimits(), DatasetLimits(min_rows=3), DatasetLimits(max_span_gap=1)]),
        domains=choose.choice([{}, {"d": ("x", "y")}, {"d": ("y", "z"), "e": ()}]),
        checks=tuple(FreeCheck(f"c{name}", f"{name} is not null") for name in names if choose.random() < 0.5),
        severity=choose.choice([{}, {"volume": "error"}]),
    )


def test_from_any_schema_to_any_other(tmp_path):
    """Drawn schemas, the first with a comment on every line and between lines: the file says the second, changing it
    again changes nothing, and comments below the sections that stay are all there."""
    choose, num_tried = random.Random(7), 0
    for _ in range(150):
        old, new = _any_schema(choose), _any_schema(choose)
        lines, text = write_yaml(old.to_plain()).decode().splitlines(), ""
        is_open = False
        for index, line in enumerate(lines):
            is_open = (is_open or line.count("[") > line.count("]")) and not line.endswith("]")
            text += line + ("\n" if is_open else f"  # end {index}\n# own {index}\n")
        try:
            read_yaml(text.encode(), "s")
        except InvalidInput:  # a list over several lines, with brackets in its texts, is no place for our comments
            continue
        num_tried += 1
        found = _revised(text, new, tmp_path)
        heads = [index for index, line in enumerate(lines) if line[0] not in " #" and not line.endswith("[]")]
        gone = {index for index in heads if lines[index].partition(":")[0] not in new.to_plain()}
        assert all(f"# own {index}\n" in found for index in set(heads) - gone)
        assert _revised(found, new, tmp_path) == found
        assert revise_yaml(found.encode(), new.to_plain(), "s") == found.encode()
    assert num_tried > 100
