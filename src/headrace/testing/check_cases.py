"""The conformance suites of checks: right data pass in silence, wrong data give one finding that says where."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headrace import lookup
from headrace.dataset import Dataset
from headrace.ingestion import ingest
from headrace.schema import Feature, Schema, arrow_type, canonical_array
from headrace.statistics import analyze
from headrace.validation import Check, Item, RowCheck, Validation, Waiver, validate

__all__ = ["CheckCases", "RowCheckCases"]


class CheckCases:
    """Inherit in a test class and give a schema, data that are right by it, and data in which one thing is wrong.

    class TestMissingColumn(CheckCases):
        check = MissingColumn
        features = (Feature("a", "integer"),)
        right = {"jan": pa.table({"a": [1]}), "feb": pa.table({"a": [2]})}
        wrong = {"jan": pa.table({"a": [1]}), "feb": pa.table({"b": [2]})}

    Parameters
    ----------
    check : type of Check
        What is tested.
    features : sequence of Feature
        The schema.
    right, wrong : mapping of str to pyarrow.Table
        A table a span. In `wrong` the check finds exactly one thing.
    roles : mapping of str to anything
        Roles of columns, where the check looks at them: `{"key": ["id"]}`.
    """

    check: ClassVar[type[Check]]
    features: ClassVar[Sequence[Feature]]
    right: ClassVar[Mapping[str, pa.Table]]
    wrong: ClassVar[Mapping[str, pa.Table]]
    roles: ClassVar[Mapping[str, Any]] = {}

    def data(self, folder: Path, tables: Mapping[str, pa.Table]) -> Dataset:
        """The tables as Parquet files, one a span, brought in; digests known, as they are in a pipeline."""
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet", row_group_size=40)
        found = ingest(folder / "{span}.parquet", **self.roles)
        assert found.digest
        return found

    def judge(self, data: Dataset, **options: Any) -> Validation:
        """Validate by the features."""
        return validate(data, Schema(tuple(self.features)), **options)

    def items(self, found: Validation) -> list[Item]:
        """What this check has to say."""
        return [item for item in found.items if item.code == self.check.code]

    def test_is_called_as_its_file(self) -> None:
        """The code in a finding is what a person can look up; the class says what it demands."""
        assert lookup.find("check", self.check.code) is self.check
        assert inspect.getdoc(self.check)

    def test_right_data_pass(self, tmp_path: Path) -> None:
        """Nothing is said of data that are as they should be."""
        assert self.items(self.judge(self.data(tmp_path, self.right))) == []

    def test_wrong_data_are_found(self, tmp_path: Path) -> None:
        """One finding: what it is about, how grave, and a message that a person can act on."""
        found = self.judge(self.data(tmp_path, self.wrong))
        (item,) = self.items(found)
        assert item.severity in ("error", "warning")
        assert found.ok == (not found.errors)
        assert item.message == item.message.strip() and not item.message.endswith(".") and "\n" not in item.message
        assert item.value is not None
        if item.feature is not None:
            assert repr(item.feature) in item.message

    def test_a_finding_is_plain_data(self, tmp_path: Path) -> None:
        """It is written down and read back as it was, and the same data give the same finding again."""
        data = self.data(tmp_path, self.wrong)
        found = self.judge(data)
        folder = tmp_path / "validation"
        folder.mkdir()
        found.save(folder)
        assert self.items(Validation.load(folder)) == self.items(found)
        assert self.items(self.judge(data)) == self.items(found)

    def test_a_person_may_let_it_pass(self, tmp_path: Path) -> None:
        """An error that is waived by its name withholds nothing more."""
        data = self.data(tmp_path, self.wrong)
        (item,) = self.items(self.judge(data))
        if item.severity == "error":
            waived = self.judge(data, waivers=[Waiver.parse(item.name, by="ada", because="known")])
            assert [one.severity for one in self.items(waived)] == ["waived"]

    def test_the_order_of_features_cannot_be_seen(self, tmp_path: Path) -> None:
        """Features in another order are judged alike."""
        data = self.data(tmp_path, self.wrong)
        other = validate(data, Schema(tuple(reversed(self.features))))
        assert self.items(other) == self.items(self.judge(data))


class RowCheckCases:
    """Inherit in a test class and give a feature that asks for the check, with values that are right and wrong by it.

    class TestRange(RowCheckCases):
        check = Range
        feature = Feature("x", "number", min=0, max=1)
        right = [0.0, 0.5, 1.0]
        wrong = [-1.0, 1.5]

    Parameters
    ----------
    check : type of RowCheck
        What is tested.
    feature : Feature
        A feature to which it applies, with a name of your own.
    right, wrong : sequence
        Values of the feature's kind: at least one of each, None where null is meant. One wrong value is too many.
    """

    check: ClassVar[type[RowCheck]]
    feature: ClassVar[Feature]
    right: ClassVar[Sequence[Any]]
    wrong: ClassVar[Sequence[Any]]

    def array(self, values: Sequence[Any]) -> pa.Array:
        """The values in the kind's canonical Arrow type."""
        return canonical_array(pa.array(values, arrow_type(self.feature.kind), from_pandas=False))

    def judge(self, values: Sequence[Any] | pa.Array, *, sensitive: Sequence[str] = (), **options: Any) -> Validation:
        """Validate one column of these values."""
        column = values if isinstance(values, pa.Array) else self.array(values)
        data = Dataset.from_arrow(pa.table({self.feature.name: column}), sensitive=sensitive)
        return validate(data, Schema((self.feature,)), **options)

    def items(self, found: Validation) -> list[Item]:
        """What this check has to say."""
        return [item for item in found.items if item.code == self.check.code]

    def faults(self, values: pa.Array) -> list[bool]:
        """Which values are at fault."""
        found = self.check().at_fault(self.feature, values)
        assert pa.types.is_boolean(found.type) and found.null_count == 0 and len(found) == len(values)
        return [bool(item) for item in found.to_pylist()]

    def mixed(self, num_rows: int = 60, seed: int = 0) -> tuple[list[Any], list[bool]]:
        """Right and wrong values in disorder, and which are wrong."""
        generator = np.random.default_rng(seed)
        pool = [*[(value, False) for value in self.right], *[(value, True) for value in self.wrong]]
        chosen = [pool[index] for index in generator.integers(0, len(pool), num_rows)]
        return [value for value, _ in chosen], [is_wrong for _, is_wrong in chosen]

    def test_is_called_as_its_file(self) -> None:
        """The code in a finding is what a person can look up; the class says what it demands."""
        assert lookup.find("check", self.check.code) is self.check
        assert inspect.getdoc(self.check)

    def test_applies_to_the_feature(self) -> None:
        """The feature of this suite asks for it."""
        assert self.check().applies(self.feature)

    def test_says_which_values_are_at_fault(self) -> None:
        """Each value by itself, whatever stands around it: alone, in disorder, sliced out of others, or none."""
        assert self.faults(self.array(self.right)) == [False] * len(self.right)
        assert self.faults(self.array(self.wrong)) == [True] * len(self.wrong)
        for value in self.right:
            assert self.faults(self.array([value])) == [False], value
        for value in self.wrong:
            assert self.faults(self.array([value])) == [True], value
        values, expected = self.mixed()
        whole = self.array(values)
        assert self.faults(whole) == expected
        assert self.faults(whole.slice(7, 20)) == expected[7:27]
        assert self.faults(self.array([])) == []
        self.faults(self.array([None] * 3))

    def test_dictionaries_are_values_too(self) -> None:
        """Text may come as a dictionary, sliced, with entries that no row uses."""
        if self.feature.kind == "text":
            values, expected = self.mixed()
            encoded = self.array([*self.wrong, *self.right, *values]).dictionary_encode()
            start = len(self.wrong) + len(self.right)
            assert self.faults(encoded.slice(start)) == expected
            assert self.faults(encoded.slice(start + 5, 10)) == expected[5:15]

    def test_right_values_pass(self) -> None:
        """Nothing is said of a column that is as it should be, of one without rows, and one that is not there."""
        for values in (self.right, []):
            assert self.items(self.judge(values)) == []
        empty = Dataset.from_arrow(pa.table({"another": [1]}))
        assert self.items(validate(empty, Schema((self.feature,)))) == []

    def test_wrong_values_are_found(self) -> None:
        """One finding: the column, the share, up to ten rows, and a message that a person can act on."""
        values, expected = self.mixed()
        (item,) = self.items(self.judge(values))
        assert item.feature == self.feature.name and repr(self.feature.name) in item.message
        assert item.severity in ("error", "warning")
        assert [row.row_index for row in item.rows] == [index for index, wrong in enumerate(expected) if wrong][:10]
        assert isinstance(item.value, (int, float)) and 0.0 <= item.value <= 1.0
        assert "\n" not in item.message and not item.message.endswith(".")

    def test_statistics_spare_reading_and_change_nothing(self) -> None:
        """With the statistics of the data at hand the findings are the same: `is_clean` never says so too early."""
        for seed in range(6):
            values, _ = self.mixed(1 + 3 * seed, seed)
            for tried in (values, self.right, self.wrong):
                data = Dataset.from_arrow(pa.table({self.feature.name: self.array(tried)}))
                schema = Schema((self.feature,))
                with_statistics = validate(data, schema, statistics=analyze(data))
                assert self.items(with_statistics) == self.items(validate(data, schema))

    def test_quarantine_sets_rows_aside(self) -> None:
        """Where the check sets rows aside, those at fault and no other go; the rest passes."""
        if not self.check().sets_aside(self.feature):
            return
        values, expected = self.mixed()
        found = self.judge(values, quarantine=True)
        assert self.items(found) == []
        assert found.num_quarantined == sum(expected)
        kept = found.accepted.to_arrow()[self.feature.name]
        right = self.array([value for value, wrong in zip(values, expected, strict=True) if not wrong])
        assert str(kept.to_pylist()) == str(right.to_pylist())

    def test_sensitive_values_are_not_shown(self) -> None:
        """Of a sensitive column a finding tells the places, never what stands there."""
        (item,) = self.items(self.judge(self.wrong, sensitive=[self.feature.name]))
        assert item.rows and all(row.value is None for row in item.rows)
        for value in self.wrong:
            if isinstance(value, str) and value:
                assert repr(value) not in item.message
