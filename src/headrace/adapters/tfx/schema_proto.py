"""Our schema and TFDV's: which field is which, and what only one of them can say.

| here | there |
|---|---|
| kind integer, number, text, struct | INT, FLOAT, BYTES, STRUCT |
| kind boolean | INT with a bool_domain |
| kind timestamp, duration, time | INT, microseconds |
| kind list | the type of its values |
| min_present | presence: min_fraction, and min_count 1 |
| min_values, max_values | value_count |
| domain; domain_from | string_domain; domain, and a string_domain of the schema |
| min, max; allow_nan, allow_infinite | int_domain or float_domain |
| tolerance of `domain` | distribution_constraints.min_domain_mass |
| limits of `num_distinct` | unique_constraints |
| not_in | not_in_environment, with default_environment |
| stage | lifecycle_stage |
| max_drift, max_skew | drift_comparator, skew_comparator; jensen_shannon is the root of theirs |
| dataset: min_rows, max_rows; min_ratio, max_ratio | dataset_constraints |

What the other cannot say stands beside it in an annotation, as a comment that begins with `headrace`: TFDV keeps it and
looks no further, and read back here it is there again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from headrace.canonical import to_canonical
from headrace.errors import HeadraceError
from headrace.schema import Feature, Schema

__all__ = ["schema_from_proto", "schema_to_proto"]

SOME = 1e-9  # the least presence that is asked for where the other asks for one value at all
_MARK = "headrace "
_TYPES = {"integer": "INT", "boolean": "INT", "number": "FLOAT", "text": "BYTES", "binary": "BYTES", "struct": "STRUCT"}
_TYPES |= {"timestamp": "INT", "duration": "INT", "time": "INT"}
_KINDS = {"INT": "integer", "FLOAT": "number", "BYTES": "text", "STRUCT": "struct", "TYPE_UNKNOWN": "other"}
_STAGES = {
    "planned": "PLANNED",
    "alpha": "ALPHA",
    "beta": "BETA",
    "deprecated": "DEPRECATED",
    "debug": "DEBUG_ONLY",
}
_STAGES_BACK = {word: name for name, word in _STAGES.items()} | {
    "UNKNOWN_STAGE": "production",
    "PRODUCTION": "production",
    "DISABLED": "deprecated",
    "VALIDATION_DERIVED": "production",
}
# Our measure -> their comparator, and the power that ours is raised to there: a distance is the root of a divergence.
_COMPARATORS = {
    "l_infinity": ("infinity_norm", 1),
    "normalized_difference": ("normalized_abs_difference", 1),
    "jensen_shannon": ("jensen_shannon_divergence", 2),
}
_READ = {
    "name",
    "type",
    "presence",
    "value_count",
    "shape",
    "domain",
    "int_domain",
    "float_domain",
    "string_domain",
    "bool_domain",
    "distribution_constraints",
    "unique_constraints",
    "in_environment",
    "not_in_environment",
    "lifecycle_stage",
    "drift_comparator",
    "skew_comparator",
    "annotation",
}
_OF_SCHEMA = {"feature", "string_domain", "default_environment", "dataset_constraints", "annotation"}
_ENVIRONMENTS = {"TRAINING": "training", "SERVING": "serving"}  # as the other's guides write them


def schema_to_proto(schema: Schema) -> tuple[Any, list[str]]:
    """The schema as a `Schema` message, and a line for each thing that it holds in a comment alone."""
    proto, notes = schema_pb2.Schema(), list[str]()
    for name, values in dict(schema.domains).items():
        proto.string_domain.add(name=name, value=values)
    if any(feature.not_in for feature in schema.features):
        proto.default_environment.extend(schema.environments)
    for feature in schema.features:
        one = proto.feature.add()
        _fill(one, feature)
        read = _plain_of(one, schema.environments, dict(schema.domains), [])
        kept = _beside(read, feature.to_plain())
        if kept:
            _remember(one.annotation, kept)
            words = [word for word in kept if word not in ("kind", "min", "max", "new_values")]
            if words:
                notes.append(f"feature {feature.name!r}: TFDV does not judge {', '.join(words)}; kept in a comment")
    limits = schema.dataset
    constraints = proto.dataset_constraints
    for ours, theirs in (("min_rows", "min_examples_count"), ("max_rows", "max_examples_count")):
        if getattr(limits, ours) is not None:
            setattr(constraints, theirs, getattr(limits, ours))
    for ours, theirs in (("min_ratio", "min_fraction_threshold"), ("max_ratio", "max_fraction_threshold")):
        if getattr(limits, ours) is not None:
            setattr(constraints.num_examples_drift_comparator, theirs, getattr(limits, ours))
    if not constraints.ListFields():
        proto.ClearField("dataset_constraints")
    plain = schema.to_plain()
    kept = _beside(_dataset_of(proto), plain.get("dataset", {}))
    kept |= {key: {"read": None, "is": plain[key]} for key in ("checks", "severity") if key in plain}
    if not schema.is_reviewed:
        kept["is_reviewed"] = {"read": None, "is": False}
    if kept:
        _remember(proto.annotation, kept)
        notes += [
            f"TFDV does not judge {key} of the data set; kept in a comment" for key in kept if key != "is_reviewed"
        ]
    return proto, notes


def _fill(one: Any, feature: Feature) -> None:
    one.name = feature.name
    kind = feature.values_kind if feature.kind == "list" else feature.kind
    one.type = schema_pb2.FeatureType.Value(_TYPES.get(str(kind), "BYTES"))
    if feature.min_present > 0.0:
        one.presence.min_count = 1
        if feature.min_present > SOME:
            one.presence.min_fraction = feature.min_present
    if feature.kind == "list":
        for key, limit in (("min", feature.min_values), ("max", feature.max_values)):
            if limit is not None:
                setattr(one.value_count, key, limit)
    elif feature.kind != "struct":
        one.value_count.min = one.value_count.max = 1
    if feature.domain_from is not None:
        one.domain = feature.domain_from
    elif feature.domain is not None:
        one.string_domain.name = feature.name
        one.string_domain.value.extend(feature.domain)
    elif feature.kind == "boolean":
        one.bool_domain.SetInParent()
    _fill_range(one, feature)
    share = feature.tolerated("domain")
    if share:
        one.distribution_constraints.min_domain_mass = 1.0 - share
    low, high = dict(feature.limits).get("num_distinct", (None, None))
    for key, end, fit in (("min", low, math.ceil), ("max", high, math.floor)):
        if end is not None:
            setattr(one.unique_constraints, key, fit(float(end)))
    one.not_in_environment.extend(feature.not_in)
    if feature.stage in _STAGES:
        one.lifecycle_stage = schema_pb2.LifecycleStage.Value(_STAGES[feature.stage])
    for comparator, thresholds in ((one.drift_comparator, feature.max_drift), (one.skew_comparator, feature.max_skew)):
        for distance, threshold in dict(thresholds).items():
            if distance in _COMPARATORS:
                theirs, power = _COMPARATORS[distance]
                getattr(comparator, theirs).threshold = float(threshold) ** power


def _fill_range(one: Any, feature: Feature) -> None:
    if feature.kind == "number" and (
        feature.min is not None or feature.max is not None or not feature.allow_nan or not feature.allow_infinite
    ):
        # Their limits are float32: rounded away from the range, so that nothing right becomes wrong.
        if feature.min is not None:
            one.float_domain.min = _float32(float(feature.min), -math.inf)
        if feature.max is not None:
            one.float_domain.max = _float32(float(feature.max), math.inf)
        if not feature.allow_nan:
            one.float_domain.disallow_nan = True
        if not feature.allow_infinite:
            one.float_domain.disallow_inf = True
    elif feature.min is not None or feature.max is not None:
        for key, limit in (("min", feature.min), ("max", feature.max)):
            if limit is not None:
                setattr(one.int_domain, key, int(limit))


def _float32(value: float, towards: float) -> float:
    with np.errstate(over="ignore"):
        near = np.float32(value)
        beyond = float(near) > value if towards < 0 else float(near) < value
        return float(np.nextafter(near, np.float32(towards)) if beyond else near)


def _beside(read: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What the message does not say as it is: key -> what it says, and what is."""
    keys = dict.fromkeys([*wanted, *read])
    return {key: {"read": read.get(key), "is": wanted.get(key)} for key in keys if read.get(key) != wanted.get(key)}


def _remember(annotation: Any, kept: dict[str, Any]) -> None:
    annotation.comment.append(_MARK + to_canonical(kept).decode())


def _recalled(annotation: Any, read: dict[str, Any]) -> dict[str, Any]:
    """What was read, with what a comment of ours knows better: not where the message was changed since."""
    found = dict(read)
    for comment in annotation.comment:
        if not comment.startswith(_MARK):
            continue
        try:
            kept = json.loads(comment.removeprefix(_MARK))
            pairs = [(key, value["read"], value["is"]) for key, value in kept.items()]
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        found |= {key: exact for key, said, exact in pairs if read.get(key) == said}
    return {key: value for key, value in found.items() if value is not None}


def schema_from_proto(proto: Any) -> tuple[Schema, list[str]]:
    """A `Schema` message as ours, and a line for each thing in it that has no meaning here."""
    notes: list[str] = []
    names = {field.name for field, _ in proto.ListFields()} - _OF_SCHEMA
    notes += [f"{name} of the schema has no meaning here" for name in sorted(names)]
    domains = {domain.name: tuple(dict.fromkeys(domain.value)) for domain in proto.string_domain}
    environments = set(proto.default_environment)
    for one in proto.feature:
        environments.update(one.in_environment, one.not_in_environment)
    if environments & set(_ENVIRONMENTS):
        notes.append("environments TRAINING and SERVING are called training and serving here")
    features = []
    for one in proto.feature:
        here = list(one.not_in_environment)
        joined = [*one.in_environment, *proto.default_environment, *here]
        here += [name for name in sorted(environments) if name not in joined]
        read = _plain_of(one, (), domains, notes)
        if here:
            read["not_in"] = [_ENVIRONMENTS.get(name, name) for name in here]
        plain = _recalled(one.annotation, read)
        try:
            features.append(Feature.from_plain(plain))
        except HeadraceError as error:
            if plain == read:
                raise
            notes.append(f"feature {one.name!r}: what its comment keeps does not go with it any more: {error}")
            features.append(Feature.from_plain(read))
    kept = _recalled(proto.annotation, _dataset_of(proto))
    others: dict[str, Any] = {key: kept.pop(key) for key in ("checks", "severity", "is_reviewed") if key in kept}
    is_reviewed = bool(others.pop("is_reviewed", True))
    rows = [feature.to_plain() for feature in features]
    others |= {"format": 2, "domains": domains, "dataset": kept, "features": rows}
    return Schema.from_plain(others, is_reviewed=is_reviewed), notes


def _dataset_of(proto: Any) -> dict[str, Any]:
    constraints, found = proto.dataset_constraints, dict[str, Any]()
    for ours, theirs in (("min_rows", "min_examples_count"), ("max_rows", "max_examples_count")):
        if constraints.HasField(theirs):
            found[ours] = getattr(constraints, theirs)
    comparator = constraints.num_examples_drift_comparator
    for ours, theirs in (("min_ratio", "min_fraction_threshold"), ("max_ratio", "max_fraction_threshold")):
        if comparator.HasField(theirs):
            found[ours] = float(getattr(comparator, theirs))
    return found


def _plain_of(one: Any, environments: Iterable[str], domains: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """A feature's message as plain data of ours, defaults left out."""

    def tell(what: str) -> None:
        notes.append(f"feature {one.name!r}: {what}")

    for field, _ in one.ListFields():
        if field.name not in _READ:
            tell(f"{field.name} has no meaning here")
    inner = _KINDS[schema_pb2.FeatureType.Name(one.type)]
    row: dict[str, Any] = {"name": one.name, "kind": inner}
    low, high = _valency(one)
    if (low, high) != (1, 1) and inner != "struct" and (one.HasField("value_count") or one.HasField("shape")):
        row |= {"kind": "list", "values_kind": inner, "min_values": low, "max_values": high}
    elif one.HasField("bool_domain") and inner == "integer":
        row["kind"] = "boolean"
    is_ours = any(comment.startswith(_MARK) for comment in one.annotation.comment)
    if not one.HasField("value_count") and not one.HasField("shape") and inner != "struct" and not is_ours:
        tell("how many values a row has is not said: taken as one")
    if one.HasField("presence"):
        fraction = one.presence.min_fraction
        row["min_present"] = fraction if fraction > 0 else SOME if one.presence.min_count > 0 else 0.0
        if one.presence.min_count > 1:
            tell(f"presence.min_count {one.presence.min_count} has no meaning here: some rows must have it")
    _read_domain(one, row, domains, tell)
    if one.HasField("distribution_constraints"):
        tolerated = 1.0 - one.distribution_constraints.min_domain_mass
        if tolerated > 0 and ("domain" in row or "domain_from" in row):
            row["tolerance"] = {"domain": round(tolerated, 15)}
    if one.HasField("unique_constraints"):
        ends = {key: float(getattr(one.unique_constraints, key)) for key in ("min", "max")}
        present = {key: value for key, value in ends.items() if one.unique_constraints.HasField(key)}
        if row["kind"] in ("list", "struct", "other"):
            tell("unique_constraints of a list have no meaning here")
        elif present:
            row["limits"] = {"num_distinct": present}
    stage = schema_pb2.LifecycleStage.Name(one.lifecycle_stage)
    if _STAGES_BACK[stage] != "production":
        row["stage"] = _STAGES_BACK[stage]
    for ours, theirs in (("max_drift", one.drift_comparator), ("max_skew", one.skew_comparator)):
        found = {
            word: float(getattr(theirs, name).threshold) ** (1 / power)
            for word, (name, power) in _COMPARATORS.items()
            if theirs.HasField(name)
        }
        if found:
            row[ours] = found
    if one.not_in_environment and list(environments):
        row["not_in"] = list(one.not_in_environment)
    defaults = {"min_present": 0.0, "min_values": None, "max_values": None}
    return {key: value for key, value in row.items() if key not in defaults or value != defaults[key]}


def _valency(one: Any) -> tuple[int | None, int | None]:
    """How many values a row may have; of a fixed shape, all of it."""
    if one.HasField("shape"):
        size = math.prod(int(dim.size) for dim in one.shape.dim)
        return (size, size)
    count = one.value_count
    return (
        int(count.min) if count.HasField("min") else None,
        int(count.max) if count.HasField("max") and count.max > 0 else None,
    )


def _read_domain(one: Any, row: dict[str, Any], domains: dict[str, Any], tell: Any) -> None:
    kind = row["kind"]
    if one.HasField("domain") and one.domain in domains and kind == "text":
        row["domain_from"] = one.domain
    elif one.HasField("string_domain") and kind == "text":
        row["domain"] = list(dict.fromkeys(one.string_domain.value))
    elif one.HasField("int_domain") and kind == "integer":
        row |= {key: int(getattr(one.int_domain, key)) for key in ("min", "max") if one.int_domain.HasField(key)}
        if one.int_domain.is_categorical:
            tell("is_categorical has no meaning here")
    elif one.HasField("float_domain") and kind == "number":
        domain = one.float_domain
        row |= {
            key: float(getattr(domain, key))
            for key in ("min", "max")
            if domain.HasField(key) and math.isfinite(getattr(domain, key))
        }
        row |= {"allow_nan": False} if domain.disallow_nan else {}
        row |= {"allow_infinite": False} if domain.disallow_inf else {}
    elif any(one.HasField(name) for name in ("domain", "string_domain", "int_domain", "float_domain")):
        tell(f"a domain of {kind} values has no meaning here")
    if one.HasField("bool_domain") and (one.bool_domain.true_value or one.bool_domain.false_value):
        words = [word for word in (one.bool_domain.true_value, one.bool_domain.false_value) if word]
        if kind == "text":
            row["domain"] = words
        else:
            tell("true_value and false_value have no meaning here")
