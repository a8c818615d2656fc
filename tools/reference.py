"""Writes the reference as Markdown pages, from the package itself: signatures, docstrings, settings, `--help`."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
import inspect
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docstrings import first_sentence, to_markdown

__all__ = ["public_names", "write_reference"]

# Page -> its title and the classes on it, beside those that are public names themselves: what verbs take and give.
_NOUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "dataset": ("Data sets", ("headrace.dataset:Dataset", "headrace.dataset:Roles", "headrace.dataset:Span")),
    "schema": ("Schemas", ("headrace.schema:Schema", "headrace.schema:Feature")),
    "statistics": (
        "Statistics",
        (
            "headrace.statistics:Statistics",
            "headrace.statistics:FeatureStatistics",
            "headrace.statistics:SliceStatistics",
        ),
    ),
    "validation": (
        "Validations",
        (
            "headrace.validation:Validation",
            "headrace.validation:Item",
            "headrace.validation:Example",
            "headrace.validation:Waiver",
        ),
    ),
    "transformation": (
        "Features",
        (
            "headrace.transformation:Columns",
            "headrace.transformation:Expression",
            "headrace.transformation:TransformGraph",
        ),
    ),
    "model": ("Models", ("headrace.model:Model",)),
    "tuning": (
        "Searches",
        (
            "headrace.training:Int",
            "headrace.training:Float",
            "headrace.training:Choice",
            "headrace.tuning:Tuning",
            "headrace.tuning:Trial",
            "headrace.tuning:Median",
            "headrace.tuning:Asha",
        ),
    ),
    "evaluation": (
        "Evaluations and verdicts",
        (
            "headrace.evaluation:Evaluation",
            "headrace.evaluation:SliceResults",
            "headrace.evaluation:Limits",
            "headrace.evaluation:WeakSlices",
            "headrace.evaluation:WeakSlice",
            "headrace.rules:Value",
            "headrace.rules:Verdict",
            "headrace.rules:Finding",
        ),
    ),
    "inspection": (
        "Inspections",
        ("headrace.inspection:Inspection", "headrace.inspection:Importance", "headrace.inspection:Dependence"),
    ),
    "client": (
        "Clients",
        ("headrace.client:Client", "headrace.client:AsyncClient", "headrace.client:Predictions"),
    ),
    "routing": (
        "Traffic and allocation",
        ("headrace.routing:Traffic", "headrace.routing:Allocation", "headrace.routing:Choice"),
    ),
}

# The plural that a page is called by, where it is not the kind and an s.
_PLURALS = {"policy": "policies", "records": "records"}

# Kind -> the page's title, and what a person who looks for a member of it should know first.
_KINDS: dict[str, tuple[str, str]] = {
    "op": ("Ops", "Recorded in a feature function: `ops.z_score(x.dep_delay)`. Operators are ops too."),
    "metric": ("Metrics", 'By name, `metrics=["roc_auc"]`, or as objects with parameters, `hr.RocAuc()`.'),
    "trainer": ("Trainers", "Given to `hr.train`, as objects: `hr.XGBoost(max_depth=8)`."),
    "check": ("Checks", "Run by `hr.validate`, all of them; a finding's `code` is the check's name."),
    "signature": (
        "Signatures of faults",
        'Looked for by `hr.validate` where there is a previous data set; a finding is named "drift_" and this.',
    ),
    "source": (
        "Sources",
        'Given to `hr.ingest`, where a path does not say enough: `hr.Csv("{span}.csv", delimiter=";")`.',
    ),
    "stream": (
        "Streams",
        'Given to `hr.ingest`, and followed by `headrace ingest --follow`: `hr.Kafka("flights", time="at")`.',
    ),
    "searcher": (
        "Searchers",
        'What `hr.tune` asks for the next trial: `searcher="optuna"`, or as objects, `hr.Optuna(num_random=20)`.',
    ),
    "policy": ("Policies", "Which version answers whom: see [a policy](../extending/policy.md)."),
    "exporter": ("Exporters", "Whose words `headrace export` writes; their fields are its `--set` options."),
    "exchange": ("Exchanges", "Whose files `headrace schemas export` writes, and `import` reads: schemas, statistics."),
    "engine": ("Engines", "Where folds and maps run: `engine=` of the verbs."),
    "launcher": ("Launchers", "What starts the processes that `hr.train(..., workers=2)` fits with."),
    "page": ("Report pages", "What `headrace show` and a notebook show of an artifact, by its kind."),
    "protocol": ("Protocols", "How requests are written; a server speaks all of them."),
    "listener": ("Listeners", "What a server has beside HTTP: `headrace serve --grpc-port 8602`."),
    "tracer": ("Tracers", "Whom a server tells of its requests: the setting `otel`."),
    "decoder": ("Decoders", "What makes pixels of a picture's bytes, before the graph: `ops.image` asks it."),
    "semantic": (
        "Semantic types",
        "What a column's values may be about: `statistics[name].semantic`, with the evidence.",
    ),
    "records": ("Records", "What holds a store's tables: the setting `records` says which."),
}


@dataclasses.dataclass
class _Entry:
    name: str
    page: str
    sentence: str

    @property
    def anchor(self) -> str:
        """Unique on the whole site: a check and a metric may have one name."""
        return "ref-" + re.sub(r"[^a-z0-9]+", "-", f"{self.page} {self.name}".lower()).strip("-")


def public_names() -> list[str]:
    """Every name that must have an entry: the table of `headrace`, its members, every error."""
    import headrace
    from headrace import errors, lookup

    names = [name for name in headrace.__all__ if name not in ("__version__", "ops")]
    for kind in _KINDS:
        names += [f"ops.{name}" for name in lookup.names(kind)] if kind == "op" else list(lookup.names(kind))
    return [*names, *errors.__all__]


def _target(entry: _Entry, level: int = 2) -> list[str]:
    return [f"({entry.anchor})=", f"{'#' * level} {entry.name}", ""]


def _signature(name: str, called: Callable[..., Any], *, hides: tuple[str, ...] = ("self", "cls")) -> list[str]:
    """A call as a fence, a parameter a line where it would be too long."""
    found = inspect.signature(called)
    found = found.replace(parameters=[item for item in found.parameters.values() if item.name not in hides])
    text = str(found).replace("typing.", "")
    text = re.sub(r"'([^',()]*)'(?=[,)\s\]]|$)", lambda match: match[1] if "=" not in match[1] else match[0], text)
    if len(name) + len(text) > 100:
        given = [str(item).replace("'", "") for item in found.parameters.values()]
        kinds = [item.kind for item in found.parameters.values()]
        if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
            given.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
        answer = found.return_annotation
        end = "" if answer is inspect.Signature.empty else f" -> {answer}"
        text = "(\n" + "".join(f"    {item},\n" for item in given) + ")" + end
    return ["```python", name + text, "```", ""]


def _class(cls: type[Any], entry: _Entry, level: int = 2) -> list[str]:
    """A class: how it is made, what it says of itself, and its public members."""
    out = _target(entry, level)
    if dataclasses.is_dataclass(cls) and not any(item.name.startswith("_") for item in dataclasses.fields(cls)):
        out += _signature(cls.__name__, cls)
    out += [to_markdown(cls.__doc__), ""]
    for name in dir(cls):
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        value = vars(owner).get(name)
        if name.startswith("_") or not owner.__module__.startswith("headrace"):
            continue
        inner = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if isinstance(value, property) or type(value).__name__ == "cached_property":
            inner = value.fget if isinstance(value, property) else value.func  # type: ignore[attr-defined]
            answer = inspect.signature(inner).return_annotation
            out += [f"{'#' * (level + 1)} {entry.name}.{name}", "", f"A property: `{answer}`.", ""]
        elif inspect.isfunction(inner):
            out += [f"{'#' * (level + 1)} {entry.name}.{name}", "", *_signature(name, inner)]
        else:
            continue
        out += [to_markdown(inner.__doc__), ""]
    return out


def _verbs(entries: list[_Entry]) -> str:
    """The functions of `hr`, with the signature and docstring of the room's own where a verb stands for one."""
    import headrace
    from headrace.orchestration.verbs import VERBS

    out = ["# Verbs", "", "What `hr.<name>` is: called as it is, or recorded as a step inside `@hr.pipeline`.", ""]
    for name in sorted(headrace._NAMES):
        called: Any = getattr(headrace, name)
        if inspect.isclass(called):
            continue
        room = VERBS[name].load() if name in VERBS else called
        # A verb that runs by the store has a signature of its own; its room's has what orchestration fills in.
        own = inspect.signature(called)
        is_plain = list(own.parameters) == list(inspect.signature(room).parameters)
        entry = _Entry(name, "verbs", first_sentence(room.__doc__))
        entries.append(entry)
        out += [*_target(entry), *_signature(f"hr.{name}", room if is_plain else called), to_markdown(room.__doc__), ""]
    return "\n".join(out)


def _kind(kind: str, entries: list[_Entry]) -> str:
    """All members of a kind; one whose third party is not installed here is read without being imported."""
    from headrace import lookup
    from headrace.errors import MissingExtra

    title, words = _KINDS[kind]
    out = [f"# {title}", "", words, ""]
    for name in lookup.names(kind):
        try:
            cls: type[Any] | None = lookup.find(kind, name)
        except MissingExtra:
            cls = None
        doc = cls.__doc__ if cls is not None else _unimported(kind, name)
        entry = _Entry(f"ops.{name}" if kind == "op" else name, _PLURALS.get(kind, f"{kind}s"), first_sentence(doc))
        entries.append(entry)
        out += _target(entry)
        if cls is not None:
            out += _signature(cls.__name__, cls)
        out += [to_markdown(doc), ""]
    return "\n".join(out)


def _unimported(kind: str, name: str) -> str:
    from headrace import lookup

    (class_name, module) = next(
        (class_name, module)
        for class_name, module in lookup.class_names(kind).items()
        if class_name.lower() == name.replace("_", "") or module.split(".")[-2] == name
    )
    file = Path(lookup.__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return ast.get_docstring(node) or ""
    return ""


def _errors(entries: list[_Entry]) -> str:
    from headrace import errors

    out = ["# Errors", "", to_markdown(errors.__doc__), ""]
    for name in errors.__all__:
        cls = getattr(errors, name)
        entry = _Entry(name, "errors", first_sentence(cls.__doc__))
        entries.append(entry)
        out += [*_target(entry), f"Also a `{_builtin(cls)}`.", "", to_markdown(cls.__doc__), ""]
    return "\n".join(out)


def _builtin(cls: type[Any]) -> str:
    return next(base.__name__ for base in cls.__mro__ if base.__module__ == "builtins")


def _settings() -> str:
    """One entry a setting: its default, its limits, its variable."""
    from headrace import settings

    words = to_markdown(settings.Settings.__doc__)
    said = dict(re.findall(r"^`(\w+)` : [^\n]*\n: (.+?)(?=\n\n|\Z)", words, re.MULTILINE | re.DOTALL))
    out = ["# Settings", "", to_markdown(settings.__doc__), ""]
    for item in dataclasses.fields(settings.Settings):
        made = item.default_factory() if item.default is dataclasses.MISSING else item.default  # type: ignore[misc]
        default = str(made).lower() if isinstance(made, bool) else made
        limits = settings._LIMITS.get(item.name)
        bounds = f", {limits[0]:,} to {limits[1]:,}" if limits else ""
        out += [f"## {item.name}", "", said[item.name], ""]
        out += [f"{item.type}{bounds}; default `{default}`; variable `HEADRACE_{item.name.upper()}`", ""]
    return "\n".join(out)


def _help(arguments: list[str]) -> str:
    from headrace.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main([*arguments, "--help"])
    if code:
        raise SystemExit(f"headrace {' '.join(arguments)} --help ended with {code}")
    return out.getvalue().rstrip()


def _command_line() -> str:
    """Every command's own `--help`, and that of the verbs below it."""
    from headrace.cli._main import COMMANDS
    from headrace.cli.parsing import parser_of, verbs_of

    os.environ.update(COLUMNS="96", NO_COLOR="1")
    out = ["# Command line", "", "```text", _help([]), "```", ""]
    for name, line in COMMANDS.items():
        text = _help([name])
        out += [f"## headrace {name}", "", _sentence(line), "", "```text", text, "```", ""]
        for verb in verbs_of(parser_of(name, line)):
            out += [f"### headrace {name} {verb}", "", "```text", _help([name, verb]), "```", ""]
    return "\n".join(out)


def _sentence(line: str) -> str:
    return line[0].upper() + line[1:] + "."


def _index(entries: list[_Entry], pages: dict[str, str]) -> str:
    out = ["# Reference", "", "Written from the docstrings of the package, so it says what the code says.", ""]
    out += ["| name | what it is |", "|---|---|"]
    for entry in entries:
        sentence = entry.sentence.replace("|", r"\|")
        out.append(f"| [{entry.name}]({entry.page}.md#{entry.anchor}) | {sentence} |")
    out += ["", "```{toctree}", ":hidden:", "", *pages, "```", ""]
    return "\n".join(out)


def write_reference(folder: Path) -> list[str]:
    """Write all pages into a folder; returns the names that have an entry.

    The index takes the place of the page that stands in for it in a clone.
    """
    from headrace import lookup

    entries: list[_Entry] = []
    pages = {"verbs": _verbs(entries)}
    for page, (title, targets) in _NOUNS.items():
        out = [f"# {title}", ""]
        for target in targets:
            module, _, name = target.partition(":")
            cls = getattr(importlib.import_module(module), name)
            entry = _Entry(name, page, first_sentence(cls.__doc__))
            entries.append(entry)
            out += _class(cls, entry)
        pages[page] = "\n".join(out)
    for kind in _KINDS:
        if lookup.names(kind):
            pages[_PLURALS.get(kind, f"{kind}s")] = _kind(kind, entries)
    pages["errors"] = _errors(entries)
    pages["settings"] = _settings()
    pages["command-line"] = _command_line()
    folder.mkdir(parents=True, exist_ok=True)
    for page, text in {**pages, "index": _index(entries, pages)}.items():
        (folder / f"{page}.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    return [entry.name for entry in entries]


if __name__ == "__main__":
    made = write_reference(Path(sys.argv[1]))
    missing = sorted(set(public_names()) - set(made))
    if missing:
        raise SystemExit(f"no reference entry for {', '.join(missing)}")
