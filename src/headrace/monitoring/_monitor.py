"""Monitor: one look at what an endpoint was asked and answered, beside what its model was fitted on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, UnknownName
from headrace.fold import Distribution
from headrace.model import Model
from headrace.monitoring._baseline import Baseline, find_baseline
from headrace.monitoring._observation import Observation
from headrace.monitoring._unseen import unseen_texts
from headrace.serving.reading import read_requests
from headrace.serving.shape import Shape
from headrace.statistics import Statistics, analyze
from headrace.store import Endpoint, Store
from headrace.validation import Comparison, Item, compare_statistics

__all__ = ["monitor"]

_RANKS = {"error": 0, "warning": 1, "waived": 2, "info": 3}


def monitor(
    store: Store,
    endpoint: str,
    *,
    last_hours: int = 24,
    now_us: int | None = None,
    baseline: Baseline | None = None,
    max_failed_share: float = 0.01,
    max_refused_share: float = 0.5,
) -> Observation:
    """Look at an endpoint once.

    Parameters
    ----------
    store : Store
        Read only: its endpoint says which version serves, its home holds the request log.
    endpoint : str
        Whose requests.
    last_hours : int
        How many hours of the log, the running one included.
    now_us : int, optional
        The end of the last hour's stretch, UTC epoch microseconds; the present by default.
    baseline : Baseline, optional
        What to compare with; by default the statistics of the rows the served model was fitted on, from the run that
        pushed it.
    max_failed_share, max_refused_share : float
        The shares of requests (0..1) answered with 5xx and with 4xx above which something is wrong.

    Only what the version served now answered is read, and of that only rows whose inputs were sampled are compared;
    sensitive columns are masked in the log and not compared. Raises UnknownName for an unknown endpoint, InvalidInput
    where `last_hours` is not positive.
    Cost: one pass over the rows of the log; the baseline's statistics are taken from the store.
    """
    if last_hours < 1:
        raise InvalidInput(f"last_hours = {last_hours}", expected="at least 1")
    served = store.endpoint(endpoint)
    if served is None:
        raise UnknownName("endpoint", endpoint, [one.name for one in store.endpoints()])
    end = datetime.now(UTC) if now_us is None else datetime.fromtimestamp(now_us / 1e6, UTC)
    hours = [(end - timedelta(hours=back)).strftime("%Y-%m-%dT%H") for back in (last_hours - 1, 0)]
    log = read_requests(store.home.requests, endpoint, version=served.version, since=hours[0], until=hours[1])
    if log is None:
        return _nothing(served)
    sampled, counts = _counts(log)
    statistics = analyze(sampled)
    items = _judge(counts, max_failed_share, max_refused_share)
    comparisons: list[Comparison] = []
    found = find_baseline(store, served) if baseline is None else baseline
    if found is None:
        message = f"drift of {endpoint} not compared: no run of this store pushed version {served.version}"
        items.append(Item("drift", None, None, "info", None, None, message))
    else:
        model = store.load_artifact(served.model_digest, Model)
        names = _compared(model)
        comparisons = _compare(names, found, statistics, endpoint)
        items += [item for one in comparisons for item in one.items]
        items += unseen_texts(model, found.statistics, statistics, names)
    return Observation(
        endpoint,
        served.version,
        served.model_digest,
        tuple(span.name for span in log.spans),
        num_rows=log.num_rows,
        num_sampled=sampled.num_rows,
        num_refused=counts["refused"],
        num_failed=counts["failed"],
        num_dropped=counts["dropped"],
        latency_us=_latency(statistics),
        comparisons=tuple(comparisons),
        items=tuple(sorted(items, key=lambda item: (_RANKS[item.severity], item.feature or ""))),
    )


def _nothing(served: Endpoint) -> Observation:
    message = f"nothing is written of what version {served.version} of {served.name} answered in these hours"
    item = Item("no_requests", None, None, "info", 0, None, message)
    return Observation(
        served.name, served.version, served.model_digest, (), 0, 0, 0, 0, 0, {}, comparisons=(), items=(item,)
    )


def _counts(log: Dataset) -> tuple[Dataset, dict[str, int]]:
    """The rows whose inputs are written, and how many requests went otherwise."""
    counts = dict.fromkeys(("requests", "refused", "failed", "dropped"), 0)
    masks = []
    names = ["request_row", "request_status", "request_is_sampled", "request_num_dropped"]
    for part in log.parts():
        chosen = [np.zeros(0, np.bool_)]
        for rows in log.read(part, names):
            batch = rows.batch
            first = _values(batch.column("request_row")) == 0
            status = _values(batch.column("request_status"))[first]
            counts["requests"] += len(status)
            counts["refused"] += int(((status >= 400) & (status < 500)).sum())
            counts["failed"] += int((status >= 500).sum())
            counts["dropped"] += int(_values(batch.column("request_num_dropped")).sum())
            chosen.append(_values(batch.column("request_is_sampled").cast(pa.uint8())).view(np.bool_))
        masks.append(np.concatenate(chosen))
    return log.select_rows(masks), counts


def _values(column: Any) -> Any:
    """The values of a primitive column without nulls, by its buffer."""
    kinds = {pa.int64(): np.int64, pa.uint8(): np.uint8}
    return np.frombuffer(column.buffers()[1], kinds[column.type], count=column.offset + len(column))[column.offset :]


def _judge(counts: dict[str, int], max_failed_share: float, max_refused_share: float) -> list[Item]:
    items = []
    requests = max(1, counts["requests"])
    for name, limit, words in (
        ("failed", max_failed_share, "answered with an error of ours (5xx)"),
        ("refused", max_refused_share, "refused (4xx)"),
    ):
        share = counts[name] / requests
        if counts[name]:
            message = f"{counts[name]:,} of {counts['requests']:,} requests were {words}"
            severity: Any = "error" if share > limit else "info"
            items.append(Item(f"{name}_requests", None, None, severity, share, limit, message))
    if counts["dropped"]:
        message = f"{counts['dropped']:,} rows were answered and could not be written to the log"
        items.append(Item("dropped_rows", None, None, "info", counts["dropped"], None, message))
    return items


def _compared(model: Model) -> dict[str, str]:
    """The columns whose values the log holds, and what it calls them."""
    hidden = {*model.signature.sensitive, *(column.name for column in model.columns if not column.has_lane)}
    return {column.name: Shape.name_of(column.name) for column in model.columns if column.name not in hidden}


def _compare(names: dict[str, str], baseline: Baseline, live: Statistics, endpoint: str) -> list[Comparison]:
    name = f"what {endpoint} is asked"
    before = _with_fields(baseline.statistics, names)
    found = compare_statistics(before, _renamed(live, names), names, name=name)
    if baseline.predictions is not None:
        answer = baseline.predictions.folds[0].column
        found += compare_statistics(baseline.predictions, live, [answer], name=f"what {endpoint} answers")
    return found


def _with_fields(statistics: Statistics, names: Iterable[str]) -> Statistics:
    """The statistics, the fields of structs among these names being columns of their own, as they are in the log."""
    places = {name: index for index, name in enumerate(statistics.feature_names)}
    fields = {
        fold.name: (len(statistics.folds) + index, fold)
        for index, fold in enumerate(statistics.companions)
        if isinstance(fold, Distribution) and fold.path and all(step[0] == "." for step in fold.path)
    }
    more = {name: fields[name] for name in names if name in fields and name not in places}
    if not more:
        return statistics
    folds = tuple(replace(fold, column=name, path=()) for name, (_, fold) in more.items())
    parts = {
        part: (*states[: len(places)], *(states[at] for at, _ in more.values()))
        for part, states in statistics.parts.items()
    }
    return Statistics((*statistics.folds, *folds), parts, {})


def _renamed(statistics: Statistics, names: dict[str, str]) -> Statistics:
    """The statistics of the log's columns under the names they have in the data."""
    back = {log: raw for raw, log in names.items()}
    kept = [place for place, fold in enumerate(statistics.folds) if fold.column in back]
    folds = tuple(replace(statistics.folds[place], column=back[statistics.folds[place].column]) for place in kept)
    parts = {part: tuple(states[place] for place in kept) for part, states in statistics.parts.items()}
    return Statistics(folds, parts, {})


def _latency(statistics: Statistics) -> dict[str, float]:
    if not statistics.num_rows:
        return {}
    quantiles = statistics["request_latency_us"].quantiles
    return {"p50": quantiles[50], "p99": quantiles[99]}
