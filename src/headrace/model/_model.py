"""Model: raw columns in, predictions out; the ONNX graph with all that proves and describes it."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace import disk
from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.lookup import Shown
from headrace.model._rows import Lanes
from headrace.model.answers import likeliest, read_column, to_column
from headrace.model.card import card_of
from headrace.model.checks import MAX_ONNX_BYTES, check_graph
from headrace.model.codec import Codec
from headrace.model.columns import InputColumn
from headrace.model.explaining import Explainer, Explanations
from headrace.model.golden import golden_inputs, golden_outputs, real_rows, replay
from headrace.model.session import cuts_texts, ending, open_session, run_bounded
from headrace.model.signature import FORMAT, Signature
from headrace.model.weights import FILE as WEIGHTS
from headrace.model.weights import OnnxBytes, read_weights, weights_of, write_weights

__all__ = ["Model"]

_BATCH_ROWS = 16_384
_MAX_STORED_ROWS = 10_000  # there are a few hundred
_REPLAY_S = 120.0  # golden rows take milliseconds
_MAX_FILE_BYTES = {"signature.json": 64 << 20, "golden.parquet": 256 << 20, "model.onnx": MAX_ONNX_BYTES}
_OWN_FILES = ("model.onnx", "golden.parquet", "card.md", "signature.json", WEIGHTS)
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class Model(Shown):
    """A codec and one ONNX graph, transform included, under one canonical execution.

    What computed the training features is inside, so the same graph answers in evaluation and in serving, byte for
    byte. Immutable; safe to share by threads. `headrace.train` makes one, `Model.load` reads one.

    Parameters
    ----------
    onnx : bytes
        The serialised graph: lanes in, at least `prediction` (float32 [N, 1], of several classes [N, K]) out.
    signature : Signature
        Columns, outputs, and what it was fitted on.
    native_files : mapping of str to bytes
        The framework's own files, kept beside; nothing is computed with them.
    golden : pyarrow.Table, optional
        Rows and outputs; made from edge values when None.
    sample : pyarrow.Table, optional
        Real rows for the golden rows, used when `golden` is None.
    """

    kind: ClassVar[str] = "model"
    elsewhere: ClassVar[Mapping[str, str]] = {
        "fit": "hr.train(trainer, graph, dataset): a model is what comes of it",
        "predict_proba": "model(table): for a binary label the probability, of several classes one of each",
        "score": "hr.evaluate(model, dataset, metrics=[...])",
        "transform": "hr.transform(features, dataset): the model holds the transform",
    }

    def __init__(
        self,
        onnx: bytes,
        signature: Signature,
        *,
        native_files: Mapping[str, bytes] | None = None,
        golden: pa.Table | None = None,
        sample: pa.Table | None = None,
    ) -> None:
        self.onnx = onnx
        self.signature = signature
        # A client may send whole raw rows, as tables are: what the model does not read, its label among it, is not
        # looked at. Any other name is refused, since it may be a column's, misspelt.
        label = () if signature.label is None else (signature.label,)
        self.codec = Codec(signature.columns, (*signature.ignored, *label))
        self.native_files = dict(native_files or {})
        for name in self.native_files:
            if not _FILE_NAME.fullmatch(name) or name in _OWN_FILES:
                raise InvalidInput(f"native file {name[:100]!r}", expected="a plain file name no other file of it has")
        if golden is None:
            golden = golden_outputs(self.codec, self._run_all, golden_inputs(signature.columns, sample))
        self.golden = golden

    def __repr__(self) -> str:
        signature = self.signature
        label = f" of {signature.label}" if signature.label else ""
        size = f"{len(self.columns)} columns, {len(self.feature_names)} features, fitted on {signature.num_rows:,} rows"
        return f"<Model {signature.task}{label}: {size}>"

    @property
    def columns(self) -> tuple[InputColumn, ...]:
        """The raw columns a row has, in order."""
        return self.signature.columns

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features the transform computes, one for each column of `features`."""
        return self.signature.feature_names

    @functools.cached_property
    def session(self) -> Any:
        """The open graph, under canonical execution."""
        return open_session(self.onnx)

    @functools.cached_property
    def _is_cutting(self) -> bool:
        return cuts_texts(self.onnx)

    @functools.cached_property
    def digest(self) -> str:
        """sha256 of graph and signature; golden rows, card and native files follow from these or describe them."""
        return digest({"onnx": hashlib.sha256(self.onnx).hexdigest(), "signature": self.signature.to_plain()})

    def predict_lanes(
        self, lanes: Lanes, outputs: Sequence[str] = ("prediction",), *, options: Any = None
    ) -> dict[str, npt.NDArray[np.float32]]:
        """The named outputs for lanes that `codec` made.

        Parameters
        ----------
        lanes : dict of str to ndarray
            From this model's codec only: nothing is checked here.
        outputs : sequence of str
            Of `signature.outputs`: prediction, margin, features.
        options : onnxruntime.RunOptions, optional
            By which another thread may end the run.

        Returns
        -------
        dict of str to float32[N] or float32[N, width]
            Outputs of width one are flat.

        Cost: about 30 us for one row of 12 features and 200 trees, 5 us for each further one.
        """
        if self._is_cutting:
            found = run_bounded(self.session, outputs, lanes, is_cutting=True, options=options)
        else:
            found = self.session.run(outputs, lanes, options)
        return {
            name: values[:, 0] if values.shape[1] == 1 and name != "features" else values
            for name, values in zip(outputs, found, strict=True)
        }

    def _run_all(self, lanes: Lanes) -> dict[str, npt.NDArray[Any]]:
        return self.predict_lanes(lanes, self.signature.outputs)

    def predict(self, table: Any) -> pa.Table:
        """Predictions for the rows of a table.

        Parameters
        ----------
        table : pyarrow.Table or RecordBatch, or any table `headrace.dataset.tables.as_table` takes
            A DataFrame of pandas or Polars, say. Must hold the model's columns (null values where the schema allowed
            them); others are left alone.

        Returns
        -------
        pyarrow.Table
            `prediction` float32 (binary: the probability of 1), and `margin` float32 where the model has one. Of
            several classes both are lists of fixed size, a number for each of `signature.classes`, and there is
            `predicted_class`, the likeliest in the label's own type; of equally likely ones the first, null where there
            is no answer.

        Raises as `Codec.from_batch` does. Cost: about 5 us a row for 200 trees; memory for 16,384 rows at a time.
        """
        table = self.codec.table_of(table, "predict")
        names = [name for name in self.signature.outputs if name != "features"]
        batches: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in names}
        step = self.codec.most_rows(_BATCH_ROWS)
        for first in range(0, max(table.num_rows, 1), step):
            lanes = self.codec.from_batch(table.slice(first, step))
            for name, values in self.predict_lanes(lanes, names).items():
                batches[name].append(values)
        found = {name: np.concatenate(batches[name]) for name in names}
        columns = {name: to_column(values) for name, values in found.items()}
        if self.signature.classes:
            columns["predicted_class"] = likeliest(found["prediction"], self.signature.classes)
        return pa.table(columns)

    def __call__(self, table: Any) -> npt.NDArray[np.float32]:
        """The predictions alone, float32[num_rows]: what scikit-learn's `predict_proba(X)[:, 1]` is for binary labels.

        Of several classes float32[num_rows, K]: scikit-learn's `predict_proba(X)`, its columns by `signature.classes`.
        `table` and errors as for `predict`, which also has the margin.
        """
        return read_column(self.predict(table)["prediction"])

    @functools.cached_property
    def explainer(self) -> Explainer:
        """What explains this model's answers; made when it is first asked for, in up to a second."""
        return Explainer(self)

    def real_rows(self) -> pa.Table:
        """The golden rows that are rows of the data it was fitted on, evenly spaced: raw columns, at most 300 rows."""
        return real_rows(self.columns, self.golden)

    def explain(self, rows: Any) -> Explanations:
        """Why it answers as it does: what each raw column adds, beside the data it was fitted on.

        Parameters
        ----------
        rows : list of dict, pyarrow.Table or RecordBatch, or any table `headrace.dataset.tables.as_table` takes
            Rows as `predict` takes tables, or `Codec.from_rows` rows.

        Returns
        -------
        Explanations
            Exact Shapley values for sums of trees, which add up to the margin; occlusion for any other model. See
            `headrace.model.explaining` for what is compared with what.

        Raises as the codec does. Cost: 2 ms a row for 200 trees of depth 6; memory a few kilobytes a row.
        """
        if isinstance(rows, list):
            return self.explainer.explain(self.codec.from_rows(rows))
        return self.explainer.explain(self.codec.from_batch(self.codec.table_of(rows, "explain")))

    def replay(self, *, tolerance: float | None = None, where: str = "golden rows") -> None:
        """Answer the golden rows in a fresh session and compare.

        Raises HostDiffers naming row and column, InvalidInput where they are not answered within two minutes.
        """
        fresh = Model(self.onnx, self.signature, golden=self.golden)
        session = fresh.session
        names = {"features": self.feature_names}
        with ending(session, _REPLAY_S, where) as fresh.__dict__["session"]:
            replay(self.codec, fresh._run_all, self.golden, names=names, tolerance=tolerance, where=where)
        self.__dict__.setdefault("session", session)

    def save(self, folder: Path | str) -> None:
        """Write the model's files into a folder, which is made when missing; golden rows are replayed first.

        model.onnx, golden.parquet, card.md, the native files, and signature.json last; before them weights.safetensors
        where the graph has weights beside it (`headrace.model.weights`). Equal models give equal bytes.
        Raises HostDiffers, or StoreError when the disk refuses.
        """
        self.replay(where="before saving")
        self.write(disk.make_folder(Path(folder)))

    def write(self, folder: Path, *, sync: bool = True) -> None:
        """Write its files into an existing folder; nothing is run to make them. What `save` does after its proof."""
        weights = weights_of(self.onnx)
        if weights:
            write_weights(folder / WEIGHTS, weights, sync=sync)
        for name, data in self.files().items():
            disk.write_file(folder / name, data, sync=sync)

    def files(self) -> dict[str, bytes]:
        """Name -> bytes of the files that `write` writes, signature.json last, but for the weights beside the graph.

        These are not named in signature.json: the graph names them, by their content.
        """
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(self.golden, sink, compression="zstd", use_dictionary=False)
        files = {
            "model.onnx": self.onnx,
            "golden.parquet": sink.getvalue(),
            "card.md": card_of(self.signature, self.digest, self.golden.num_rows).encode(),
            **self.native_files,
        }
        record: dict[str, Any] = {
            "signature": self.signature.to_plain(),
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        record["sha256"] = _sha256_of(record)
        # NaN and infinity are not JSON, and no signature has them: ranges are finite.
        files["signature.json"] = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        return files

    @classmethod
    def load(cls, folder: Path | str, *, tolerance: float | None = None) -> Self:
        """Read a model that `save` wrote, and prove it on this machine.

        Parameters
        ----------
        folder : path
            Where its files are.
        tolerance : float, optional
            The largest absolute difference of golden outputs that is let pass; None = not one bit.

        Raises InvalidInput for files that are missing, damaged, too large, or no such model (external data, foreign
        operators); StoreTooNew for a newer format; HostDiffers when golden rows come out differently here.
        Cost: about 20 ms for 200 trees.
        """
        import pyarrow.parquet as pq

        folder = Path(folder)
        try:
            record = json.loads(_read(folder, "signature.json"))
            files = dict(record["files"])
            plain = record["signature"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"not a saved model: {error!r}"[:300], where=str(folder / "signature.json")) from error
        said = record.pop("sha256", None)  # models of before 28 November 2026 have none
        is_whole = set(record) == {"signature", "files"} and said in (None, _sha256_of(record))
        is_newer = isinstance(plain, dict) and isinstance(plain.get("format"), int) and plain["format"] > FORMAT
        if not is_whole and not is_newer:
            raise InvalidInput(
                "the file is damaged: it does not have the sha256 that it says",
                where=str(folder / "signature.json"),
                fix="copy the model again",
            )
        signature = Signature.from_plain(plain, where=str(folder / "signature.json"))
        contents: dict[str, bytes] = {}
        for name, expected in files.items():
            if not _FILE_NAME.fullmatch(name) or name == "signature.json":
                raise InvalidInput(f"{name[:100]!r} is no file name of a model", where=str(folder / "signature.json"))
            contents[name] = _read(folder, name)
            if hashlib.sha256(contents[name]).hexdigest() != expected:
                raise InvalidInput(
                    "the file is damaged: its sha256 is not the one signature.json names",
                    where=str(folder / name),
                    fix="copy the model again",
                )
        for name in _OWN_FILES[:3]:
            if name not in contents:
                raise InvalidInput(f"{name} is not among the model's files", where=str(folder / "signature.json"))
        beside = read_weights(folder / WEIGHTS) if (folder / WEIGHTS).exists() else {}
        sizes = {digest: array.nbytes for digest, array in beside.items()}
        check_graph(contents["model.onnx"], where=str(folder / "model.onnx"), beside=sizes)
        try:
            # Not `read_table`, which imports Arrow's query engine first.
            file = pq.ParquetFile(pa.BufferReader(contents["golden.parquet"]))
            _check_golden(file.metadata, str(folder / "golden.parquet"))
            golden = file.read()
        except pa.ArrowException as error:
            raise InvalidInput(f"not Parquet: {error}"[:300], where=str(folder / "golden.parquet")) from error
        native = {name: data for name, data in contents.items() if name not in _OWN_FILES}
        model = cls(OnnxBytes(contents["model.onnx"], beside), signature, native_files=native, golden=golden)
        model.replay(tolerance=tolerance, where=str(folder / "golden.parquet"))
        return model


def _sha256_of(record: Mapping[str, Any]) -> str:
    """Of what signature.json holds beside its own sha256, however it is laid out."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _check_golden(footer: Any, where: str) -> None:
    """Refuse what would be large once it is read: a few kilobytes of Parquet may be a billion equal rows."""
    size = sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
    if footer.num_rows > _MAX_STORED_ROWS or size > _MAX_FILE_BYTES["golden.parquet"]:
        raise InvalidInput(
            f"{footer.num_rows:,} golden rows of {size:,} bytes",
            where=where,
            expected=f"at most {_MAX_STORED_ROWS:,} rows",
        )


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    limit = _MAX_FILE_BYTES.get(name, 4 << 30)
    try:
        size = path.stat().st_size
        if size > limit:
            raise InvalidInput(f"the file has {size:,} bytes", where=str(path), expected=f"at most {limit:,}")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"cannot read {name}: {error.strerror}", where=str(path), expected="the folder of a saved model"
        ) from error
