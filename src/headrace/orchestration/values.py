"""Values between steps: what a step may return, and how it lies in the store.

| kind | what | files |
|---|---|---|
| value | plain data (None, bool, int, float, str, lists, dicts) | value.json, canonical |
| table | pyarrow.Table | table.arrow |
| trainer | a trainer | trainer.json, canonical |
| dataset, schema, model ... | headrace's nouns | their own |
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from headrace import disk
from headrace.canonical import digest as digest_of
from headrace.canonical import from_canonical, to_canonical
from headrace.errors import InvalidInput

if TYPE_CHECKING:
    from headrace.store import Savable, Staged, Store

__all__ = ["CLASSES", "TableFile", "TrainerFile", "Value", "as_artifact", "load_value", "stage"]

# kind -> where its class is; a kind that is not here cannot be an input of a step.
CLASSES: dict[str, str] = {
    "dataset": "headrace.dataset:Dataset",
    "span": "headrace.ingestion:WrittenSpan",
    "statistics": "headrace.statistics:Statistics",
    "schema": "headrace.schema:Schema",
    "validation": "headrace.validation:Validation",
    "transform_graph": "headrace.transformation:TransformGraph",
    "model": "headrace.model:Model",
    "evaluation": "headrace.evaluation:Evaluation",
    "inspection": "headrace.inspection:Inspection",
    "verdict": "headrace.rules:Verdict",
    "trainer": f"{__name__}:TrainerFile",
    "tuning": "headrace.tuning:Tuning",
    "value": f"{__name__}:Value",
    "table": f"{__name__}:TableFile",
}


class Value:
    """Plain data as an artifact.

    >>> Value({"rows": 3}).digest == Value({"rows": 3}).digest
    True
    """

    kind = "value"

    def __init__(self, value: Any) -> None:
        self.value = value
        self._data = to_canonical(value)

    @property
    def digest(self) -> str:
        """sha256 over the canonical form, told apart from other kinds."""
        return digest_of(b"value\n" + self._data)

    def save(self, folder: Path) -> None:
        """Write value.json."""
        disk.write_file(folder / "value.json", self._data, sync=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read value.json."""
        return cls(from_canonical((folder / "value.json").read_bytes()))


class TableFile:
    """A pyarrow.Table as an artifact: one Arrow IPC file, in one batch."""

    kind = "table"

    def __init__(self, value: Any) -> None:
        import pyarrow as pa

        # Chunks are the writer's affair; concatenating anew also drops what lies outside a slice.
        self.value = pa.concat_tables([value.slice(0, 0), value]).combine_chunks()

    @property
    def digest(self) -> str:
        """sha256 over the Arrow IPC stream of the table in one batch."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.value.schema) as writer:
            writer.write_table(self.value)
        return digest_of(b"table\n" + sink.getvalue().to_pybytes())

    def save(self, folder: Path) -> None:
        """Write table.arrow."""
        import pyarrow as pa

        path = folder / "table.arrow"
        with disk.open_to_write(path, sync=False) as file, pa.ipc.new_file(file, self.value.schema) as writer:
            writer.write_table(self.value)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read table.arrow, memory-mapped."""
        import pyarrow as pa

        with pa.memory_map(str(folder / "table.arrow")) as source:
            made = cls.__new__(cls)
            made.value = pa.ipc.open_file(source).read_all()
            return made


class TrainerFile:
    """A trainer as an artifact: its class and fields."""

    kind = "trainer"

    def __init__(self, value: Any) -> None:
        from headrace.engine import describe

        self.value = value
        self._data = to_canonical(describe(value))

    @property
    def digest(self) -> str:
        """sha256 over the canonical form, and the versions of the packages that it fits with: they are its code."""
        from headrace.orchestration.packages import packages_behind

        return digest_of(b"trainer\n" + self._data + to_canonical(packages_behind(from_canonical(self._data))))

    def save(self, folder: Path) -> None:
        """Write trainer.json."""
        disk.write_file(folder / "trainer.json", self._data, sync=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read trainer.json."""
        from headrace.engine import build

        return cls(build(from_canonical((folder / "trainer.json").read_bytes())))


def as_artifact(value: Any, where: str) -> Savable:
    """The artifact of what a step returned.

    Raises InvalidInput, naming the step, for what can be none.
    """
    if isinstance(getattr(value, "kind", None), str) and hasattr(value, "save") and hasattr(value, "digest"):
        return value  # type: ignore[no-any-return]
    arrow = sys.modules.get("pyarrow")
    if arrow is not None and isinstance(value, arrow.Table):
        return TableFile(value)
    training = sys.modules.get("headrace.training")
    if training is not None and isinstance(value, training.Trainer):
        return TrainerFile(value)
    try:
        return Value(value)
    except (TypeError, RecursionError) as error:
        raise InvalidInput(
            f"a {type(value).__name__} was returned: {error}",
            where=where,
            expected="plain data, a pyarrow.Table or one of headrace's nouns",
        ) from None


def stage(store: Store, values: Mapping[str, Any], folder: Path, where: str) -> dict[str, Staged]:
    """Write the outputs of a step into its attempt's folder; one that the store has is not written again."""
    from headrace.store import Staged

    staged: dict[str, Staged] = {}
    for name, value in values.items():
        artifact = as_artifact(value, where if len(values) == 1 else f"{where}, output {name!r}")
        digest = artifact.digest
        if store.has_artifact(digest):
            staged[name] = Staged(artifact.kind, digest)
            continue
        made = next((item.folder for item in staged.values() if item.digest == digest and item.folder), None)
        if made is None:
            made = folder / name
            if getattr(artifact, "folder", None) != made.absolute():  # else it was written there as it was made
                artifact.save(disk.make_folder(made))
        staged[name] = Staged(artifact.kind, digest, made)
    return staged


def load_value(store: Store, digest: str) -> Any:
    """An artifact of the store as the object that a step is handed.

    Raises StoreError when it is not there.
    """
    found = store.artifact(digest)
    if found is None or found.kind not in CLASSES:
        store.artifact_folder(digest)  # says what is missing
        raise InvalidInput(f"artifact {digest[:12]} is of an unknown kind, {found and found.kind!r}")
    module, _, name = CLASSES[found.kind].partition(":")
    loaded = store.load_artifact(digest, getattr(importlib.import_module(module), name))
    return loaded.value if isinstance(loaded, (Value, TableFile, TrainerFile)) else loaded
