"""The verbs: each room's plain function, called as it is outside a pipeline, recorded as a step inside one.

The functions below say what each verb takes and gives; what it does is written where the room is. Their bodies hold
nothing else: `_verb` calls the room, or records the call.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature as of_function
from typing import Any, TypeVar

from headrace.calls import an, bind, user_line
from headrace.errors import HeadraceError, Misuse
from headrace.orchestration.arguments import plain_features, plain_objects, plain_space
from headrace.orchestration.checking import check_nouns, check_passed, check_texts
from headrace.orchestration.handles import ANY, Handle
from headrace.orchestration.tracing import current_trace

__all__ = [
    "VERBS",
    "Verb",
    "analyze",
    "approval",
    "champion",
    "evaluate",
    "evaluate_predictions",
    "gate",
    "infer_schema",
    "ingest",
    "inspect",
    "latest",
    "load_schema",
    "predict",
    "previous",
    "push",
    "train",
    "transform",
    "tune",
    "validate",
    "when",
]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Verb:
    """One row of the table.

    Parameters
    ----------
    name : str
        What the user types.
    target : str
        'module:function' of the plain function.
    outputs : dict of str to str
        Name -> kind, the main output first; some may be withheld.
    takes : dict of str to str
        Parameter -> the kind of artifact it must be.
    passes : tuple of str
        The parameters of which it passes one on as it is: its output is of their kind.
    """

    name: str
    target: str
    outputs: dict[str, str]
    takes: dict[str, str] = field(default_factory=dict)
    passes: tuple[str, ...] = ()

    def load(self) -> Callable[..., Any]:
        """The plain function. Cost: importing its room, once."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


VERBS: dict[str, Verb] = {}

# Verbs that need to know which column is the label: a table as it stands cannot say.
_LEARNING = ("train", "tune", "evaluate", "inspect")


def _verb(
    target: str, outputs: dict[str, str], takes: dict[str, str] | None = None, *, passes: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    def wrap(function: Function) -> Function:
        verb = Verb(function.__name__, target, outputs, takes or {}, passes)
        VERBS[verb.name] = verb
        signature = of_function(function)

        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            bound = bind(f"hr.{verb.name}", signature, arguments, named)
            trace = current_trace()
            if trace is None:
                _take_tables(verb, bound.arguments)
            check_nouns(verb.name, verb.takes, bound.arguments, is_traced=trace is not None)
            check_texts(verb.name, bound.arguments, [] if trace is None else trace.nodes)
            if trace is None:
                try:
                    return verb.load()(*bound.args, **bound.kwargs)
                except HeadraceError as error:
                    error.locate(user_line())
                    raise
            bound.apply_defaults()
            values = dict(bound.arguments)
            notes = _prepare(verb, values)
            kinds = verb.outputs
            if verb.passes:
                kinds = dict.fromkeys(kinds, check_passed(verb.name, verb.passes, values))
            if verb.name == "latest":
                kinds = _of_another(values, trace.pipeline)
            return trace.record(verb.name, values, kinds, notes=notes)

        return call  # type: ignore[return-value]  # the same signature

    return wrap


def _take_tables(verb: Verb, arguments: dict[str, Any]) -> None:
    """A table of any package stands for a data set without roles, and for one of pyarrow."""
    from headrace.dataset.tables import as_table, is_table

    for name, kind in verb.takes.items():
        value = arguments.get(name)
        if isinstance(value, type) or not is_table(value):
            continue
        if kind == "table":
            arguments[name] = as_table(value, f"hr.{verb.name}")
        elif kind == "dataset":
            from headrace.dataset import Dataset

            if verb.name in _LEARNING and not isinstance(value, Dataset):
                raise Misuse(
                    f"{name} of hr.{verb.name} is {an(type(value).__name__)}, which has no label",
                    where=user_line(),
                    fix='hr.Dataset.from_arrow(table, label="...") makes a data set of a table of any package',
                )
            # Not by its attribute `kind`: a DataFrame has its columns as attributes.
            arguments[name] = value if isinstance(value, Dataset) else Dataset.from_arrow(value)


def _prepare(verb: Verb, values: dict[str, Any]) -> dict[str, Any]:
    """Make a recorded call's arguments plain; returns what is kept beside them and is not in the key."""
    if values.pop("engine", None) is not None:
        raise Misuse(f"hr.{verb.name} inside a pipeline takes no engine", where=user_line(), fix="leave engine= out")
    notes: dict[str, Any] = {}
    if "features" in values:
        values["features"], apart = plain_features(values["features"])
        notes |= apart
    if "trainer" in values:
        _name_code(values["trainer"], notes)
    # What comes of `tune` is not known yet, so that the number of workers stays in the key.
    is_known = not isinstance(values.get("trainer"), Handle)
    if verb.name == "train" and is_known and not getattr(values["trainer"], "shows_ranks", True):
        notes["workers"] = values.pop("workers")  # it cannot be seen in the result, so it is in no key
    for name in ("pattern", "trainer", "metrics", "find_slices", "limits", "metric", "searcher", "stopping"):
        if name in values:
            values[name] = plain_objects(values[name])
    if verb.name == "tune" and values["space"] is not None:
        values["space"] = plain_space(values["space"])
    for name, value in values.items():
        if isinstance(value, os.PathLike):
            values[name] = os.fspath(value)
    for name in ("verdict", *verb.passes):
        if isinstance(values.get(name), Handle) and "leave" in values[name]._others:
            # A verdict exists whatever it says; the leave to push only when it says yes.
            values[name] = values[name].leave
    return notes


def _of_another(values: Mapping[str, Any], own: str) -> dict[str, str]:
    """The output of `latest`: of the kind that what it takes has."""
    from headrace.orchestration.latest import check_latest, kind_of

    try:
        check_latest(values["pipeline"], values["output"], own)
    except HeadraceError as error:
        error.locate(user_line())
        raise
    return {"artifact": kind_of(values["output"])}


def _name_code(trainer: Any, notes: dict[str, Any]) -> None:
    """Have the trace, and the step's notes, know the project's code that a trainer names."""
    from headrace.orchestration.steps import Named

    trace = current_trace()
    assert trace is not None
    if isinstance(trainer, Handle):
        # The best of a search: the same code, which may change where what was found does not.
        found = [name for node in trace.nodes if node.name == trainer._reference.step for name in node.uses]
        if found:
            notes["uses"] = found
        return
    for field_name in getattr(type(trainer), "references", ()):
        name = getattr(trainer, field_name)
        if isinstance(name, str) and ":" in name:
            trace.steps[name] = Named(name, f"{field_name} of {type(trainer).__name__}")
            notes.setdefault("uses", []).append(name)


@_verb("headrace.ingestion:ingest", {"dataset": "dataset"})
def ingest(
    pattern: Any,
    *,
    spans: str | Sequence[str] = "all",
    label: str | None = None,
    key: Sequence[str] = (),
    weight: str | None = None,
    time: str | None = None,
    sensitive: Sequence[str] = (),
    positive: str | int | float | bool | None = None,
    split: Mapping[str, int] | None = None,
    rename: Mapping[str, str] | None = None,
) -> Any:
    """Bring rows in as a data set, one span a file pattern's `{span}`; see `headrace.ingestion.ingest`.

    `pattern` is a path ("data/{span}.parquet", "data/{span}.csv") or a source (`hr.Csv("data/*.csv", nulls=["NA"])`).
    """


@_verb("headrace.statistics:analyze", {"statistics": "statistics"}, {"dataset": "dataset"})
def analyze(
    dataset: Any,
    *,
    slices: Sequence[Any] = (),
    min_slice_rows: int = 0,
    relations: bool = False,
    engine: Any = None,
) -> Any:
    """Describe every column of a data set, per span, split and slice; see `headrace.statistics.analyze`.

    Slices are columns, lists of columns, ranges (`{"distance": [500, 1000]}`) and conditions (`"dep_delay > 60"`);
    those with fewer than `min_slice_rows` rows are left out. `relations=True` also looks at how columns go together,
    and at what each says about the label.
    """


@_verb("headrace.validation:infer_schema", {"schema": "schema"}, {"statistics": "statistics"})
def infer_schema(statistics: Any) -> Any:
    """Propose a schema that the data described would pass; see `headrace.validation.infer_schema`."""


@_verb("headrace.orchestration.eager:load_schema", {"schema": "schema"}, {"otherwise": "schema"})
def load_schema(path: str | os.PathLike[str], *, otherwise: Any = None) -> Any:
    """The schema in a YAML file; where there is none, the one accepted last, else `otherwise`, "not reviewed".

    It writes nothing. In a pipeline the path starts at the folder of the pipeline's file, and what is found is looked
    up when a run is planned. Outside one there is no history: the file, else `otherwise`.

    Raises InvalidInput when there is neither.
    """


@_verb("headrace.orchestration.eager:previous", {"dataset": "dataset"}, {"dataset": "dataset"})
def previous(dataset: Any) -> Any:
    """The data set to compare this one with, or None; looked up when a run is planned.

    The newest accepted one of this pipeline that ends before it; where none does, as with a file that is delivered
    again and again, the last accepted one of the same spans with other content. Content that comes back finds what it
    found the first time. Outside a pipeline only what ends before counts.
    """


@_verb("headrace.orchestration.eager:champion", {"model": "model"})
def champion(endpoint: str) -> Any:
    """The model an endpoint serves, or None; in a plan that made it itself, the one it replaced."""


@_verb("headrace.orchestration.eager:latest", {"artifact": ANY})
def latest(pipeline: str, output: str) -> Any:
    """What another pipeline made last: `hr.latest("daily", "accepted")`; looked up when a run is planned.

    `output` names an output as verbs and steps have them, "validate.accepted" where several steps of that pipeline
    give one. Its digest is recorded with the run and counts in the plan: `headrace up` runs a pipeline when what it
    takes from another is a new one. What a gate has not judged is among it: `hr.champion` is what was let through.

    Raises InvalidInput when no run of that pipeline has given one yet.
    """


@_verb(
    "headrace.validation:validate",
    {"validation": "validation", "accepted": "dataset", "quarantined": "dataset"},
    {
        "dataset": "dataset",
        "schema": "schema",
        "previous": "dataset",
        "serving": "dataset",
        "statistics": "statistics",
    },
)
def validate(
    dataset: Any,
    schema: Any,
    *,
    previous: Any = None,
    serving: Any = None,
    environment: str = "training",
    quarantine: bool = False,
    statistics: Any = None,
    engine: Any = None,
) -> Any:
    """Compare a data set with a schema; `.accepted` exists only when it passed; see `headrace.validation.validate`."""


@_verb("headrace.transformation:transform", {"graph": "transform_graph"}, {"dataset": "dataset"})
def transform(features: Callable[..., Any], dataset: Any, *, engine: Any = None) -> Any:
    """Fit a function of features to a data set; see `headrace.transformation.transform`."""


@_verb("headrace.training:train", {"model": "model"}, {"graph": "transform_graph", "dataset": "dataset"})
def train(trainer: Any, graph: Any, dataset: Any, *, workers: int = 1, engine: Any = None) -> Any:
    """Fit a model on a transform graph's features; see `headrace.training.train`."""


@_verb(
    "headrace.orchestration.eager:tune",
    {"tuning": "tuning", "best": "trainer"},
    {"graph": "transform_graph", "dataset": "dataset"},
)
def tune(
    trainer: Any,
    graph: Any,
    dataset: Any,
    *,
    space: Mapping[str, Any] | None = None,
    trials: int = 20,
    seed: int = 0,
    workers: int = 1,
    metric: Any = None,
    searcher: Any = None,
    stopping: Any = None,
    timeout_s: float | None = None,
    max_rows: int | None = None,
    engine: Any = None,
) -> Any:
    """Try a trainer with other values; `.best` is the trainer that did best; see `headrace.tuning.tune`."""


@_verb("headrace.model.bulk:predict", {"predictions": "dataset"}, {"model": "model", "dataset": "dataset"})
def predict(model: Any, dataset: Any, *, keep: Sequence[str] = ()) -> Any:
    """What a model answers to every row of a data set, as a data set keyed as that one; see `headrace.model.bulk`.

    The answers are those that a server gives, byte for byte. `keep` names columns that are passed on beside the key.
    """


@_verb(
    "headrace.evaluation:evaluate",
    {"evaluation": "evaluation"},
    {"model": "model", "dataset": "dataset", "champion": "model"},
)
def evaluate(
    model: Any,
    dataset: Any,
    *,
    metrics: Sequence[Any],
    slices: Sequence[Any] = (),
    champion: Any = None,
    allow_training_rows: bool = False,
    find_slices: Any = False,
    query: str | None = None,
    engine: Any = None,
) -> Any:
    """Measure a model on held-out rows, overall and by slice; see `headrace.evaluation.evaluate`."""


@_verb("headrace.evaluation:evaluate_predictions", {"evaluation": "evaluation"}, {"table": "table"})
def evaluate_predictions(
    table: Any,
    *,
    label: str,
    prediction: str,
    weight: str | None = None,
    metrics: Sequence[Any],
    slices: Sequence[Any] = (),
    find_slices: Any = False,
    classes: Sequence[str | int] | None = None,
    query: str | None = None,
    engine: Any = None,
) -> Any:
    """Measure predictions made elsewhere; see `headrace.evaluation.evaluate_predictions`."""


@_verb(
    "headrace.inspection:inspect",
    {"inspection": "inspection"},
    {"model": "model", "dataset": "dataset", "graph": "transform_graph"},
)
def inspect(
    model: Any,
    dataset: Any,
    *,
    metric: Any = None,
    max_rows: int = 10_000,
    ablate: Any = False,
    trainer: Any = None,
    graph: Any = None,
    engine: Any = None,
) -> Any:
    """What a model makes of its columns, and how far a linear model gets; see `headrace.inspection.inspect`."""


@_verb(
    "headrace.evaluation:gate",
    {"verdict": "verdict", "leave": "verdict"},
    {"model": "model", "evaluation": "evaluation"},
)
def gate(model: Any, evaluation: Any, *, rules: Sequence[str], limits: Any = None) -> Any:
    """Judge a model by rules; what it refuses cannot be pushed; see `headrace.evaluation.gate`."""


@_verb("headrace.orchestration.eager:push", {"version": "value"}, {"model": "model", "verdict": "verdict"})
def push(model: Any, verdict: Any, *, endpoint: str) -> Any:
    """Put a model behind an endpoint, if its verdict allows it and nobody else did meanwhile; returns the version."""


@_verb("headrace.orchestration.eager:approval", {"approved": ANY}, passes=("thing",))
def approval(thing: Any, *, question: str = "", evidence: Sequence[Any] = (), timeout_s: float | None = None) -> Any:
    """Pass something on when a person has approved it: `hr.push(model, hr.approval(verdict), endpoint="late")`.

    The answer is bound to the digests of `thing` and of all `evidence`: when one of them changes the person is asked
    anew, and when an equal run comes again the answer holds. Of a verdict the leave to push is passed on, so that a
    person is asked only about what the gate let through; a verdict names its model and its evaluation by digest.

    Until it is answered, with `headrace approve RUN` or `headrace reject RUN`, what needs it waits, all else goes on,
    and the run ends as "waiting" (exit code 3). A no is a result, as a gate's: what needs it is blocked.

    Parameters
    ----------
    thing : handle
        What is passed on.
    question : str
        What the person is asked, in words.
    evidence : sequence of handles
        What else the person looks at, and the answer is bound to.
    timeout_s : float, optional
        Seconds after which nobody's answer is a no, "expired": a worker, `headrace up` or `headrace resume` notices,
        and the run ends as "rejected" (exit code 1). A new run asks anew. None = it waits for ever.

    Raises Misuse outside a pipeline: nobody is asked there.
    """


@_verb("headrace.orchestration.eager:when", {"chosen": ANY}, passes=("then", "otherwise"))
def when(figures: Any, condition: str, *, then: Any, otherwise: Any = None) -> Any:
    """Pass `then` on where a condition holds, else `otherwise`; without that, what needs it is skipped.

    A parameter of the pipeline is a plain value, for which Python's `if` is right; this is for what is known only when
    steps have run. `hr.train(..., hr.when(data, "rows >= 1000", then=data))` trains on enough rows alone. To be skipped
    is no failure: a run all of whose other steps went well has succeeded. Where both alternatives are made, each behind
    a condition of its own, the one that was skipped need not be there.

    Parameters
    ----------
    figures : handle
        What the condition is about: an evaluation (its metrics, by slice as in a gate's rules), a data set (`rows`,
        `spans`), statistics (`rows`), a validation (`errors`, `warnings`), a verdict (`refused`), or what a step
        returned: a number (`value`) or a dict of numbers (its keys).
    condition : str
        A rule, as `hr.gate` reads them: "roc_auc >= 0.85 on every carrier with 1000 rows". What cannot be judged, NaN
        or too few rows, does not hold.
    then, otherwise : handle
        Of one kind.

    Outside a pipeline it returns one of them, or None. Raises InvalidInput for a condition that cannot be read.
    """
