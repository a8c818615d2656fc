"""What makes a column text: the values in it that are not of the kind that the schema says."""

from __future__ import annotations

from pathlib import PurePath

import pyarrow as pa

from headrace.dataset import Dataset
from headrace.dataset.csv_values import TYPES, find_strays
from headrace.dataset.nested import with_fields
from headrace.schema import Schema, kind_of
from headrace.validation._contract import Example, Strays
from headrace.validation._rows import NUM_EXAMPLES, row_index, without_roles

__all__ = ["strays_of"]

MOST = 100


def strays_of(dataset: Dataset, schema: Schema) -> dict[str, Strays]:
    """Feature -> what is not of its kind, for the features that are text where the schema says another kind.

    A column whose every value is of the kind, written as text, is not among them. Cost: nothing where columns are as
    they should be; else reading these until 100 values are found.
    """
    bare = without_roles(dataset)
    found = {}
    for feature in schema.features:
        if feature.kind == "text" or feature.kind not in TYPES:
            continue
        spans = []
        for span in bare.spans:
            shape = with_fields(span.arrow_schema, [feature.name])
            if feature.name in shape.names and kind_of(shape.field(feature.name).type) == "text":
                spans.append(span.name)
        num_values, num_strays, examples = 0, 0, list[Example]()
        hidden = feature.name in dataset.roles.sensitive
        for name in spans:
            one = bare.select_spans([name])
            for part in one.parts():
                start, file = 0, PurePath(one.spans[0].fragments[part.fragment_index].locator).name
                for rows in one.read(part, [feature.name]) if num_strays < MOST else ():
                    values = rows.batch.column(0).cast(pa.string())
                    places = find_strays(values, feature.kind, MOST - num_strays)
                    num_values += len(values) - values.null_count
                    num_strays += len(places)
                    for place in places[: NUM_EXAMPLES - len(examples)]:
                        value = None if hidden else values[place].as_py()
                        examples.append(Example(name, file, row_index(one, part, start + place), value))
                    start += rows.num_rows
        if num_strays:
            found[feature.name] = Strays(num_values, num_strays, tuple(examples))
    return found
