"""The pipeline's file: a proposal as the Python a person would have written, and will change."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Sequence

from headrace.proposal._features import FeatureChoice
from headrace.proposal._proposal import Proposal

__all__ = ["pipeline_text"]

_WIDTH = 110
_MANY = 12  # features beyond so many are written as lists
_A_LIST = 4
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

_MISSING = "{x}.is_null()"
# template -> (constant, what its columns have in common)
_LISTS = {
    "ops.z_score({x})": ("NUMBERS", "numbers"),
    "ops.bucketize({x}, num_buckets=50)": ("LONG_TAILED", "numbers with a long tail"),
    "{x}": ("AS_THEY_ARE", "few values, or true and false"),
    "ops.vocabulary({x})": ("CATEGORIES", "texts of few values"),
    _MISSING: ("GAPS", "null in many rows"),
}


def pipeline_text(proposal: Proposal) -> str:
    """The file's text, set to be read: what is alike on one line, lines up to 110 characters but for their comments.

    Names of columns that are no Python names are written as `x["such names"]`; what a comment says of a column was seen
    in the data. Equal proposals, equal text.
    """
    lists = dict(_lists(proposal.features)) if len(proposal.features) > _MANY else {}
    uses_ops = any("ops." in item.template for item in proposal.features)
    lines = [
        f'"""{proposal.name}: proposed by `headrace init` from {proposal.num_rows:,} rows; yours to change."""',
        "",
        "import headrace as hr",
        *(["from headrace import ops"] if uses_ops else []),
        "",
        *_constants(lists),
        "",
        "def features(x):",
        "    return {",
        *_features(proposal.features, lists),
        "    }",
        *_left_out(proposal),
        "",
        "",
        "@hr.pipeline",
        f"def {proposal.name}(max_depth: int = 4):",
        *_body(proposal),
    ]
    return "\n".join(lines) + "\n"


def _lists(features: Sequence[FeatureChoice]) -> Iterator[tuple[str, list[FeatureChoice]]]:
    """Template -> its features, where there are enough of them for a list."""
    for template in _LISTS:
        members = [item for item in features if item.template == template and item.name == _key(item)]
        if len(members) >= _A_LIST:
            yield template, members


def _key(item: FeatureChoice) -> str:
    """What a feature in a list is called."""
    return f"{item.column}_missing" if item.template == _MISSING else item.column


def _constants(lists: dict[str, list[FeatureChoice]]) -> Iterator[str]:
    for template, members in lists.items():
        name, _ = _LISTS[template]
        yield from _wrapped(f"{name} = [", [quoted(item.column) for item in members], "]")
    if lists:
        yield ""


def _features(features: Sequence[FeatureChoice], lists: dict[str, list[FeatureChoice]]) -> Iterator[str]:
    for template, members in lists.items():
        constant, what = _LISTS[template]
        key = 'f"{name}_missing"' if template == _MISSING else "name"
        expression = template.replace("{x}", "x[name]")
        yield f"        **{{{key}: {expression} for name in {constant}}},  # {len(members)} columns: {what}"
    for item in features:
        if item not in lists.get(item.template, ()):
            expression = item.template.replace("{x}", _access(item.column))
            yield f"        {quoted(item.name)}: {expression},  # {item.reason}"


def _left_out(proposal: Proposal) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for item in proposal.left_out:
        reasons.setdefault(item.reason, []).append(quoted(item.column))
    said = [f"{', '.join(columns)} ({reason})," for reason, columns in reasons.items()]
    if said:
        yield from _filled(["Left out:", *said[:-1], f"{said[-1][:-1]}."], "    # ")


def _wrapped(opening: str, items: Sequence[str], closing: str, *, indent: str = "") -> Iterator[str]:
    """A list or a call: on one line if it fits, else its items on as few as there need be, between the brackets."""
    whole = f"{indent}{opening}{', '.join(items)}{closing}"
    if len(whole) <= _WIDTH:
        yield whole
        return
    yield indent + opening
    yield from _filled([f"{item}," for item in items], f"{indent}    ")
    yield indent + closing


def _filled(pieces: Sequence[str], prefix: str) -> Iterator[str]:
    """Pieces with a space between, on lines that begin with the prefix."""
    line = prefix
    for piece in pieces:
        if line != prefix and len(line) + len(piece) > _WIDTH:
            yield line.rstrip()
            line = prefix
        line += f"{piece} "
    yield line.rstrip()


def _body(proposal: Proposal) -> Iterator[str]:
    label = proposal.label
    source = quoted(proposal.pattern)
    if proposal.nulls:
        source = f"hr.Csv({source}, nulls={_list(proposal.nulls)})"
    roles = [source, f"label={quoted(label.name)}"]
    if label.positive is not None:
        roles.append(f"positive={quoted(label.positive) if isinstance(label.positive, str) else repr(label.positive)}")
    if proposal.key:
        roles.append(f"key={_list(proposal.key)}")
    if proposal.time:
        roles.append(f"time={quoted(proposal.time)}")
    if proposal.sensitive:
        roles.append(f"sensitive={_list(proposal.sensitive)}")
    roles.append(f"split={json.dumps(proposal.split)}")
    yield from _wrapped("raw = hr.ingest(", roles, ")", indent="    ")
    yield f"    schema = hr.load_schema({quoted(proposal.schema_file)}, otherwise=hr.infer_schema(hr.analyze(raw)))"
    yield "    examples = hr.validate(raw, schema, previous=hr.previous(raw)).accepted"
    yield "    graph = hr.transform(features, examples)"
    objective = ', objective="reg:squarederror"' if label.task == "regression" else ""
    yield f"    model = hr.train(hr.XGBoost(max_depth=max_depth{objective}), graph, examples)"
    judged = ["model", "examples", f"metrics={_list(proposal.metrics)}"]
    if proposal.slices:
        judged.append(f"slices={_list(proposal.slices)}")
    judged.append(f"champion=hr.champion({quoted(proposal.endpoint)})")
    yield from _wrapped("report = hr.evaluate(", judged, ")", indent="    ")
    judged = ["model", "report", f"rules={_list(proposal.rules)}"]
    yield from _wrapped("verdict = hr.gate(", judged, ")", indent="    ")
    yield f"    hr.push(model, verdict, endpoint={quoted(proposal.endpoint)})"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"


def _access(column: str) -> str:
    """`x.name` where that can be written, else `x["any name"]`: Python reads other letters in a form of its own."""
    return f"x.{column}" if _NAME.fullmatch(column) and not keyword.iskeyword(column) else f"x[{quoted(column)}]"


def quoted(text: str) -> str:
    """A text as a Python literal, in double quotes where it can be read as it is.

    >>> quoted("mean radius"), quoted("a\\nb")
    ('"mean radius"', "'a\\\\nb'")
    """
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else ascii(text)
