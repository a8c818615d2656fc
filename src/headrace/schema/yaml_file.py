"""The schema's YAML file: plain data to text that people edit, and back, with the line of everything that is wrong.

Only nodes are read and written, never objects: no tag, alias or merge key has a meaning here, and a text that some
YAML reader could take for something else ("yes", "null", "1e3", "2013") is always quoted. Limits of timestamps are
RFC 3339 in UTC in the file and int64 microseconds in memory. The format that is written is the first that can say it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import KINDS
from headrace.schema.moments import format_moment, parse_moment

__all__ = ["FORMATS", "compose", "format_of", "read_yaml", "tree_of", "write_nodes", "write_yaml"]

FORMATS = (1, 2)

_HEADER = "# What the rows of a data set must look like; a key left out has its default (headrace.schema.Feature).\n"
_DEPTH = 8  # a schema has 5; without a limit the parser takes quadratic time, then all of the stack
_TAG = "tag:yaml.org,2002:"
# key -> what its value is in the file
_SCHEMA_KEYS = {
    "format": "integer",
    "is_reviewed": "boolean",
    "dataset": "dataset",
    "domains": "lists",
    "checks": "checks",
    "severity": "words",
    "features": "features",
}
_DATASET_KEYS = {
    "min_rows": "integer",
    "max_rows": "integer",
    "min_ratio": "number",
    "max_ratio": "number",
    "max_span_gap": "integer",
    "unique": "rows of texts",
    "has_column_order": "boolean",
    "must_advance": "boolean",
}
_CHECK_KEYS = {"name": "text", "expression": "text", "severity": "text", "max_share": "number"}
_FEATURE_KEYS = {
    "name": "text",
    "kind": "text",
    "min_present": "number",
    "domain": "texts",
    "min": "limit",
    "max": "limit",
    "allow_nan": "boolean",
    "not_in": "texts",
    "min_present_in": "numbers",
    "allow_infinite": "boolean",
    "domain_from": "text",
    "new_values": "text",
    "pattern": "text",
    "min_length": "integer",
    "max_length": "integer",
    "min_values": "integer",
    "max_values": "integer",
    "values_kind": "text",
    "is_unique": "boolean",
    "order": "text",
    "limits": "ranges",
    "tolerance": "numbers",
    "severity": "words",
    "max_drift": "numbers",
    "max_skew": "numbers",
    "stage": "text",
    "role": "text",
    "is_sensitive": "boolean",
}
_OF_FORMAT_1 = ({"format", "features", "is_reviewed"}, set(list(_FEATURE_KEYS)[:8]))
# Words that this or an older YAML takes for something other than text.
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
_PLAIN = re.compile(r"[A-Za-z_]([A-Za-z0-9_ ./-]*[A-Za-z0-9_])?")


def format_of(plain: dict[str, Any]) -> int:
    """The first format that can say it.

    >>> format_of({"features": [{"name": "a", "kind": "text"}]})
    1
    """
    top, feature = _OF_FORMAT_1
    is_first = set(plain) <= top and all(set(row) <= feature for row in plain["features"])
    return 1 if is_first else 2


def write_yaml(plain: dict[str, Any]) -> bytes:
    """Plain data of a schema (`Schema.to_plain`, and `is_reviewed` if false) as the bytes of its file.

    Equal data give equal bytes. Cost: some 0.1 ms a feature.

    >>> print(write_yaml({"format": 1, "features": [{"name": "no", "kind": "text"}]}).decode().split("features:")[1])
    <BLANKLINE>
      - name: "no"
        kind: text
    <BLANKLINE>
    """
    return (_HEADER + write_nodes(tree_of(plain), 100)).encode("utf-8")


def write_nodes(root: Any, width: int) -> str:
    """A tree of nodes as text, its lines at most so wide where they can be."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.allow_unicode = True
    yaml.width = width
    yaml.indent(mapping=2, sequence=4, offset=2)
    sink = io.StringIO()
    yaml.serialize(root, sink)
    return sink.getvalue()


def tree_of(plain: dict[str, Any]) -> Any:
    """The nodes of a schema's file."""
    return _node(plain, _SCHEMA_KEYS)


def _node(row: dict[str, Any], keys: dict[str, str], *, is_flow: bool = False) -> Any:
    """A mapping's node, its keys in their order."""
    is_time = row.get("kind") == "timestamp"
    pairs = []
    for key, what in keys.items():
        if key in row:
            as_time = what == "limit" and is_time
            pairs.append((key, _scalar_of_time(row[key]) if as_time else _value_node(row[key], what)))
    return _mapping(pairs, is_flow=is_flow)


def _value_node(value: Any, what: str) -> Any:
    from ruamel.yaml.nodes import SequenceNode

    if what in ("features", "checks"):
        keys = _FEATURE_KEYS if what == "features" else _CHECK_KEYS
        return SequenceNode(_TAG + "seq", [_node(row, keys) for row in value], flow_style=not value)
    if what == "dataset":
        return _node(value, _DATASET_KEYS)
    if what == "texts":
        return SequenceNode(_TAG + "seq", [_scalar(text) for text in value], flow_style=True)
    if what == "rows of texts":
        return SequenceNode(_TAG + "seq", [_value_node(texts, "texts") for texts in value], flow_style=False)
    if what == "lists":
        return _mapping([(name, _value_node(texts, "texts")) for name, texts in value.items()])
    if what == "ranges":
        ends = {"min": "number", "max": "number"}
        return _mapping([(name, _node(pair, ends, is_flow=True)) for name, pair in value.items()], is_flow=True)
    if what in ("numbers", "words"):
        return _mapping([(name, _scalar(one)) for name, one in value.items()], is_flow=True)
    return _scalar(value)


def _mapping(pairs: list[tuple[str, Any]], *, is_flow: bool = False) -> Any:
    from ruamel.yaml.nodes import MappingNode

    return MappingNode(_TAG + "map", [(_scalar(key), value) for key, value in pairs], flow_style=is_flow)


def _scalar(value: str | bool | int | float) -> Any:
    from ruamel.yaml.nodes import ScalarNode

    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
        return ScalarNode(_TAG + "str", value, style=None if plain else '"')
    if isinstance(value, bool):
        return ScalarNode(_TAG + "bool", "true" if value else "false")
    if isinstance(value, int):
        return ScalarNode(_TAG + "int", str(value))
    text = repr(value)
    if "." not in text:  # older YAML takes 1e+16 for text
        text = text.replace("e", ".0e")
    return ScalarNode(_TAG + "float", text)


def _scalar_of_time(micros: int) -> Any:
    from ruamel.yaml.nodes import ScalarNode

    text = format_moment(micros)
    return _scalar(micros) if text is None else ScalarNode(_TAG + "timestamp", text)


_MAPPED = {"numbers": "number", "words": "text", "lists": "texts", "ranges": "ends"}


class _Reader:
    """Nodes to plain data; every refusal names the file and the line."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.seen: set[int] = set()

    def line(self, node: Any) -> int:
        return int(node.start_mark.line) + 1

    def wrong(self, node: Any, what: str, *, expected: str = "", fix: str = "") -> InvalidInput:
        return InvalidInput(what, where=f"{self.file}, line {self.line(node)}", expected=expected, fix=fix)

    def check(self, node: Any, kind: str, what: str) -> Any:
        """The node, if it is of that shape, said in full (no alias) and without a tag of its own."""
        if id(node) in self.seen:
            raise self.wrong(node, "an alias (*name) is used", expected="every value written out")
        self.seen.add(id(node))
        if node.id != kind:
            words = {"mapping": "keys with values", "sequence": "a list", "scalar": "one value"}
            raise self.wrong(node, f"{what} is {words[node.id]}", expected=words[kind])
        return node

    def pairs(self, node: Any, known: Iterable[str], what: str) -> Iterator[tuple[str, Any, Any]]:
        found: set[str] = set()
        known = list(known)
        for key_node, value in self.check(node, "mapping", what).value:
            key = self.check(key_node, "scalar", "a key").value
            if known and key not in known:
                raise UnknownName("key", key, known, where=f"{self.file}, line {self.line(key_node)}")
            if key in found:
                raise self.wrong(key_node, f"key {key!r} appears twice in {what}")
            found.add(key)
            yield key, key_node, value

    def row(self, node: Any, keys: dict[str, str], what: str, needed: tuple[str, ...] = ()) -> dict[str, Any]:
        row = {key: self.value(value, key, keys[key]) for key, _, value in self.pairs(node, keys, what)}
        for key in needed:
            if key not in row:
                raise self.wrong(node, f"{what} without {key}", expected=" and ".join(needed))
        return row

    def scalar(self, node: Any, what: str) -> Any:
        node = self.check(node, "scalar", what)
        tag, text = node.tag.removeprefix(_TAG), node.value
        try:
            if tag == "int":
                return int(text)
            if tag == "float":
                return float(text)
        except ValueError:
            raise self.wrong(node, f"{what} = {text} is no number", expected="digits, as in 12 or 0.5") from None
        if tag == "bool":
            return text.lower() == "true"
        if tag == "null":
            raise self.wrong(node, f"{what} has no value", fix="leave the key out, or put a text in quotes")
        return text

    def value(self, node: Any, what: str, wanted: str) -> Any:
        if wanted in ("texts", "rows of texts"):
            items = self.check(node, "sequence", what).value
            return [self.value(item, f"a value of {what}", "text" if wanted == "texts" else "texts") for item in items]
        if wanted in _MAPPED:
            inner = _MAPPED[wanted]
            return {key: self.value(value, f"{what}: {key}", inner) for key, _, value in self.pairs(node, (), what)}
        if wanted in ("ends", "dataset"):
            return self.row(node, {"min": "number", "max": "number"} if wanted == "ends" else _DATASET_KEYS, what)
        value = self.scalar(node, what)
        if wanted == "limit":
            return value
        types: tuple[type, ...] = {"text": (str,), "number": (int, float), "boolean": (bool,), "integer": (int,)}[
            wanted
        ]
        if not isinstance(value, types) or (isinstance(value, bool) and wanted != "boolean"):
            fix = f'put it in quotes: "{node.value}"' if wanted == "text" else ""
            raise self.wrong(node, f"{what} = {node.value}", expected=f"{wanted} value", fix=fix)
        if wanted == "text" and node.style is None and node.tag == _TAG + "timestamp":
            raise self.wrong(node, f"{what} = {value}", expected="text value", fix=f'put it in quotes: "{value}"')
        return value

    def feature(self, node: Any) -> dict[str, Any]:
        row: dict[str, Any] = {}
        nodes: dict[str, Any] = {}
        for key, _, value in self.pairs(node, _FEATURE_KEYS, "a feature"):
            row[key], nodes[key] = self.value(value, key, _FEATURE_KEYS[key]), value
        for key in ("name", "kind"):
            if key not in row:
                raise self.wrong(node, f"a feature without {key}", expected="name and kind")
        if row["kind"] not in KINDS:
            raise UnknownName("kind", row["kind"], KINDS, where=f"{self.file}, line {self.line(nodes['kind'])}")
        for key in ("min", "max"):
            if isinstance(row.get(key), str):
                if row["kind"] != "timestamp":
                    raise self.wrong(nodes[key], f"{key} = {row[key]}", expected=f"a limit of kind {row['kind']}")
                try:
                    row[key] = parse_moment(row[key])
                except InvalidInput as error:
                    raise self.wrong(nodes[key], f"{key}: {error.what}", expected=error.expected) from None
        return row


def read_yaml(data: bytes, file: str) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """The bytes of a schema's file as plain data, and the lines (from 1) where features, checks and dataset start.

    Parameters
    ----------
    data : bytes
        UTF-8, of any format there was.
    file : str
        Named in errors.

    Raises
    ------
    InvalidInput
        Not UTF-8, not YAML, a tag, an alias, a value of the wrong type, another format; with file and line.
    UnknownName
        An unknown key or kind; with file and line.

    >>> read_yaml(b"format: 1\\nfeatures:\\n  - {name: a, kind: text}\\n", "s.yaml")
    ({'format': 1, 'features': [{'name': 'a', 'kind': 'text'}]}, {'features': [3], 'checks': [], 'dataset': [0]})
    """
    root, reader = compose(data, file), _Reader(file)
    plain: dict[str, Any] = {}
    lines: dict[str, list[int]] = {"features": [], "checks": [], "dataset": [0]}
    for key, key_node, value in reader.pairs(root, _SCHEMA_KEYS, "a schema"):
        if key in ("features", "checks"):
            nodes = reader.check(value, "sequence", key).value
            lines[key] = [reader.line(node) for node in nodes]
            if key == "features":
                plain[key] = [reader.feature(node) for node in nodes]
            else:
                plain[key] = [reader.row(node, _CHECK_KEYS, "a check", ("name", "expression")) for node in nodes]
        else:
            plain[key] = reader.value(value, key, _SCHEMA_KEYS[key])
            if key == "dataset":
                lines[key] = [reader.line(key_node)]
        if key == "format" and plain[key] not in FORMATS:
            raise reader.wrong(value, f"schema of format {plain[key]}", expected=f"format 1 to {FORMATS[-1]}")
    for key in ("format", "features"):
        if key not in plain:
            raise reader.wrong(root, f"a schema without {key}", expected="format: 1, and a list of features")
    return plain, lines


def compose(data: bytes, file: str) -> Any:
    """The tree of nodes, with nothing constructed from it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

    yaml = YAML(typ="safe", pure=True)
    try:
        text = data.decode("utf-8-sig")
        depth = 0
        for event in yaml.parse(io.StringIO(text)):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > _DEPTH:
                where = f"{file}, line {event.start_mark.line + 1}"
                raise InvalidInput("nested too deep", where=where, expected="a list of features")
            # Tags are refused before anything else looks at them.
            tag = getattr(event, "tag", None)
            if isinstance(event, AliasEvent) or (tag is not None and str(tag) != "!"):
                what = "an alias (*name)" if isinstance(event, AliasEvent) else f"a tag ({tag})"
                raise InvalidInput(
                    f"{what} is used",
                    where=f"{file}, line {event.start_mark.line + 1}",
                    expected="plain values" + (", texts in quotes" if isinstance(event, ScalarEvent) else ""),
                )
        root = YAML(typ="safe", pure=True).compose(io.StringIO(text))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInput("not UTF-8", where=f"{file}, line {line}", fix="save the file as UTF-8") from error
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark is not None else text[: getattr(error, "position", 0)].count("\n") + 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise InvalidInput(f"not YAML: {problem}", where=f"{file}, line {line}", fix="correct that line") from error
    if root is None:
        raise InvalidInput("the file is empty", where=file, expected="format: 1, and a list of features")
    return root
