"""The baseline: the statistics of the rows a served model was fitted on, found through the run that pushed it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.evaluation import Evaluation
from headrace.model.answers import likeliest, read_column
from headrace.statistics import Statistics, analyze
from headrace.store import AttemptRow, Endpoint, Store

__all__ = ["Baseline", "find_baseline", "find_training_rows"]


@dataclass(frozen=True)
class Baseline:
    """What live requests are compared with.

    Parameters
    ----------
    statistics : Statistics
        Of the raw rows, by span.
    predictions : Statistics or None
        Of what the model answered to held-out rows: one column, `prediction`, or of several classes `predicted_class`.
    """

    statistics: Statistics
    predictions: Statistics | None = None


def find_baseline(store: Store, endpoint: Endpoint) -> Baseline | None:
    """The baseline of a version, from the run that pushed it; None where no run did, or its data are gone.

    The statistics that the run itself made of the same rows are taken; where it made none, the rows are analysed.
    """
    if endpoint.run_id is None:
        return None
    attempts = store.attempts(endpoint.run_id)
    trained = [one for one in attempts if endpoint.model_digest in {item.digest for item in one.outputs.values()}]
    datasets = [digest for one in trained for digest in _inputs(store, one, "dataset")]
    if not datasets or not store.has_artifact(datasets[0]):
        return None
    dataset = store.load_artifact(datasets[0], Dataset)
    made = _statistics(store, dataset, attempts)
    return Baseline(analyze(dataset) if made is None else made, _predictions(store, endpoint, attempts))


def find_training_rows(store: Store, endpoint: Endpoint) -> Dataset | None:
    """The rows a version was fitted on, from the run that pushed it; None where no run did, or its data are gone."""
    if endpoint.run_id is None:
        return None
    for one in store.attempts(endpoint.run_id):
        if endpoint.model_digest in {item.digest for item in one.outputs.values()}:
            for digest in _inputs(store, one, "dataset"):
                if store.has_artifact(digest):
                    return store.load_artifact(digest, Dataset)
    return None


def _statistics(store: Store, dataset: Dataset, attempts: list[AttemptRow]) -> Statistics | None:
    """What the run made of these rows."""
    for one in attempts:
        for item in one.outputs.values():
            if item.kind == "statistics" and store.has_artifact(item.digest):
                with suppress(InvalidInput):  # of an earlier format: the rows are there, they can be analysed again
                    found = store.load_artifact(item.digest, Statistics)
                    if found.num_rows == dataset.num_rows and found.span_names == [s.name for s in dataset.spans]:
                        return found
    return None


def _inputs(store: Store, attempt: AttemptRow, kind: str) -> list[str]:
    found = []
    for digest in attempt.inputs.values():
        item = store.artifact(digest) if isinstance(digest, str) else None
        if item is not None and item.kind == kind:
            found.append(item.digest)
    return found


def _predictions(store: Store, endpoint: Endpoint, attempts: list[AttemptRow]) -> Statistics | None:
    for one in attempts:
        for item in one.outputs.values():
            is_its = item.kind == "evaluation" and endpoint.model_digest in one.inputs.values()
            if is_its and store.has_artifact(item.digest):
                judged = store.load_artifact(item.digest, Evaluation)
                table = judged.predictions.select(["prediction"])
                if judged.classes:
                    table = pa.table({"predicted_class": likeliest(read_column(table["prediction"]), judged.classes)})
                return analyze(Dataset.from_arrow(table))
    return None
