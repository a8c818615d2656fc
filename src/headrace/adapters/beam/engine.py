"""Folds on Apache Beam: fragments out, state bytes back, the same bytes as on threads.

    Create(parts) | Reshuffle | ParDo(fold one part) | CombineGlobally(merge) | write

Beam sees a few small descriptions and opaque bytes; a worker opens its fragment with pyarrow and folds it with the
embedded engine. Nothing of ours is pickled: parts, folds and data set are JSON, states are what `fold.encode` writes.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.options.pipeline_options import PipelineOptions

from headrace import disk
from headrace.canonical import from_canonical, to_canonical
from headrace.dataset import Dataset, Part
from headrace.dataset.travel import build_dataset, describe_dataset
from headrace.engine import AnyFold, Local, Work, build, describe
from headrace.errors import Misuse, StepFailed
from headrace.fold import State, decode, encode

__all__ = ["Beam"]


def _pack(pieces: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack("<q", len(piece)) + piece for piece in pieces)


def _unpack(data: bytes) -> list[bytes]:
    pieces, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<q", data, at)
        pieces.append(data[at + 8 : at + 8 + size])
        at += 8 + size
    return pieces


class _FoldPart(beam.DoFn):  # type: ignore[misc]  # Beam ships no types here
    """One part to the bytes of its states; the first of them counts the parts."""

    def __init__(self, work: bytes) -> None:
        self._work = work

    def process(self, element: bytes) -> Iterator[bytes]:
        plain = from_canonical(self._work)
        folds = [build(fold) for fold in plain["folds"]]
        through = None if plain["through"] is None else build(plain["through"])
        dataset, part = build_dataset(plain["dataset"]), Part(*from_canonical(element))
        states = Local(workers=1).fold(folds, dataset, [part], through=through)
        yield _pack([b"1", *(encode(fold, state) for fold, state in zip(folds, states, strict=True))])


class _Merge(beam.CombineFn):  # type: ignore[misc]  # Beam ships no types here
    """States merged in whatever order Beam likes: every fold is commutative to the byte."""

    def __init__(self, work: bytes) -> None:
        self._work = work

    def setup(self) -> None:
        self._folds = [build(fold) for fold in from_canonical(self._work)["folds"]]

    def create_accumulator(self) -> bytes:
        return b""

    def add_input(self, accumulator: bytes, element: bytes) -> bytes:
        if not accumulator or not element:
            return accumulator or element
        (count, *left), (more, *right) = _unpack(accumulator), _unpack(element)
        zero = np.zeros(1, dtype=np.int32)
        merged = [
            encode(fold, fold.merge(decode(fold, one), decode(fold, two), zero))
            for fold, one, two in zip(self._folds, left, right, strict=True)
        ]
        return _pack([str(int(count) + int(more)).encode(), *merged])

    def merge_accumulators(self, accumulators: Iterable[bytes]) -> bytes:
        merged = b""
        for accumulator in accumulators:
            merged = self.add_input(merged, accumulator)
        return merged

    def extract_output(self, accumulator: bytes) -> bytes:
        return accumulator

    def get_accumulator_coder(self) -> Any:
        return beam.coders.BytesCoder()


class _Write(beam.DoFn):  # type: ignore[misc]  # Beam ships no types here
    """The answer into a file that the caller reads."""

    def __init__(self, path: str) -> None:
        self._path = path

    def process(self, element: bytes) -> None:
        disk.write_file(Path(self._path), element)


@dataclass(frozen=True)
class Beam:
    """Run folds on a Beam runner.

    Parameters
    ----------
    runner : str
        "FnApiRunner" runs in this process. Not "DirectRunner": that may look for a binary on the network.
    options : tuple of str
        Beam's own command-line options.
    folder : str or None
        A folder that workers and caller both see, for the answer; None = a temporary one, for runners on this machine.
    """

    runner: str = "FnApiRunner"
    options: tuple[str, ...] = ()
    folder: str | None = None

    def fold(
        self, folds: Sequence[AnyFold], dataset: Dataset, parts: Sequence[Part], *, through: Work | None = None
    ) -> list[State]:
        """One state of one group for each fold, over all rows of the parts: the bytes `Local` gives.

        Raises InvalidInput for rows in memory and for folds that cannot travel, StepFailed when Beam lost a part.
        """
        unique = list(dict.fromkeys(folds))
        if any(fold.ordered for fold in unique):
            raise Misuse("an ordered fold on Beam", expected="commutative folds", fix="use the local engine")
        work = to_canonical(
            {
                "folds": [describe(fold) for fold in unique],
                "through": None if through is None else describe(through),
                "dataset": describe_dataset(dataset),
            }
        )
        elements = [to_canonical(list(astuple(part))) for part in parts]
        states = [fold.create(1) for fold in unique]
        if elements:
            count, *found = _unpack(self._run(work, elements))
            if int(count) != len(elements):
                raise StepFailed(f"Beam folded {int(count)} of {len(elements)} parts", fix="run it again")
            states = [decode(fold, data) for fold, data in zip(unique, found, strict=True)]
        return [states[unique.index(fold)] for fold in folds]

    def _run(self, work: bytes, elements: list[bytes]) -> bytes:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / "states"
            with beam.Pipeline(runner=self.runner, options=PipelineOptions(list(self.options))) as pipeline:
                folded = (
                    pipeline
                    | "parts" >> beam.Create(elements).with_output_types(bytes)
                    | "spread" >> beam.Reshuffle()
                    | "fold" >> beam.ParDo(_FoldPart(work)).with_output_types(bytes)
                )
                merged = folded | "merge" >> beam.CombineGlobally(_Merge(work)).without_defaults()
                merged | "write" >> beam.ParDo(_Write(str(path)))
            if not path.exists():
                raise StepFailed("the Beam pipeline ended without an answer", where=self.runner)
            return path.read_bytes()
