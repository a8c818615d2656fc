"""What of a schema is judged here: the features of an environment, shared domains written out; and what it learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headrace.dataset import Dataset
from headrace.schema import Feature, Schema
from headrace.validation._contract import RowCheck
from headrace.validation.amending import met_values

__all__ = ["hiding", "judged_schema", "with_new_values"]


def hiding(dataset: Dataset, schema: Schema) -> Dataset:
    """The data set, what its schema says is sensitive being so: nothing that is found shows such a value."""
    known = {name for span in dataset.spans for name in span.arrow_schema.names}
    more = [name for name in schema.sensitive if name in known and name not in dataset.roles.sensitive]
    if not more:
        return dataset
    return replace(dataset, roles=replace(dataset.roles, sensitive=(*dataset.roles.sensitive, *more)))


def judged_schema(dataset: Dataset, schema: Schema, environment: str) -> Schema:
    """The features of this environment, each with the domain that it shares and the presence that is asked for there.

    The label may be null, since such a row is counted instead. Checks and sets of columns that name a feature of
    another environment are left out.
    """
    features = []
    for feature in schema.features:
        if feature.is_in(environment):
            present = dict(feature.min_present_in).get(environment, feature.min_present)
            domain = schema.domain_of(feature.name)
            one = replace(feature, domain=domain, domain_from=None, min_present=float(present))
            if feature.name == dataset.roles.label:
                one = replace(one, min_present=0.0, allow_nan=True)
            features.append(one)
    names = {feature.name for feature in features}
    unique = tuple(columns for columns in schema.dataset.unique if names.issuperset(columns))
    return Schema(
        tuple(features),
        is_reviewed=schema.is_reviewed,
        dataset=replace(schema.dataset, unique=unique),
        checks=tuple(check for check in schema.checks if names.issuperset(check.condition.columns)),
        severity=schema.severity,
    )


def with_new_values(schema: Schema, wrong: Sequence[tuple[RowCheck, Feature]], dataset: Dataset) -> Schema:
    """The schema that accepted data carry: values met join the domains of features that say `new_values: add`."""
    for check, feature in wrong:
        if check.code == "domain" and feature.new_values == "add":
            known = schema.domain_of(feature.name) or ()
            met = met_values(dataset, feature.name) - set(known)
            schema = schema.with_domain(feature.name, (*known, *sorted(met)))
    return schema
