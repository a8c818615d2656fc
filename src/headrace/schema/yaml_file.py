"""The schema's YAML file: plain data to text that people edit, and back, with the line of everything that is wrong.

Only nodes are read and written, never objects: no tag, alias or merge key has a meaning here, and a text that some
YAML reader could take for something else ("yes", "null", "1e3", "2013") is always quoted. Limits of timestamps are
RFC 3339 in UTC in the file and int64 microseconds in memory.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import KINDS
from headrace.schema.moments import format_moment, parse_moment

__all__ = ["FORMAT", "read_yaml", "write_yaml"]

FORMAT = 1

_HEADER = "# What the rows of a data set must look like; a key left out has its default (headrace.schema.Feature).\n"
_DEPTH = 8  # a schema has 4; without a limit the parser takes quadratic time, then all of the stack
_TAG = "tag:yaml.org,2002:"
_SCHEMA_KEYS = ("format", "is_reviewed", "features")
# key of a feature -> what its value is in the file
_FEATURE_KEYS = {
    "name": "text",
    "kind": "text",
    "min_present": "number",
    "domain": "texts",
    "min": "limit",
    "max": "limit",
    "allow_nan": "boolean",
    "not_in": "texts",
}
# Words that this or an older YAML takes for something other than text.
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
_PLAIN = re.compile(r"[A-Za-z_]([A-Za-z0-9_ ./-]*[A-Za-z0-9_])?")


def write_yaml(plain: dict[str, Any]) -> bytes:
    """Plain data of a schema (`Schema.to_plain`, and `is_reviewed` if false) as the bytes of its file.

    Equal data give equal bytes. Cost: some 0.1 ms a feature.

    >>> print(write_yaml({"format": 1, "features": [{"name": "no", "kind": "text"}]}).decode().split("features:")[1])
    <BLANKLINE>
      - name: "no"
        kind: text
    <BLANKLINE>
    """
    from ruamel.yaml import YAML

    order = [key for key in _SCHEMA_KEYS if key in plain]
    root = _mapping([(key, _features(plain[key]) if key == "features" else _scalar(plain[key])) for key in order])
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    sink = io.StringIO()
    yaml.serialize(root, sink)
    return (_HEADER + sink.getvalue()).encode("utf-8")


def _features(rows: list[dict[str, Any]]) -> Any:
    from ruamel.yaml.nodes import SequenceNode

    nodes = []
    for row in rows:
        pairs = []
        for key, what in _FEATURE_KEYS.items():
            if key not in row:
                continue
            value = row[key]
            if what == "texts":
                pairs.append((key, SequenceNode(_TAG + "seq", [_scalar(text) for text in value], flow_style=True)))
            elif what == "limit" and row["kind"] == "timestamp":
                pairs.append((key, _scalar_of_time(value)))
            else:
                pairs.append((key, _scalar(value)))
        nodes.append(_mapping(pairs))
    return SequenceNode(_TAG + "seq", nodes, flow_style=not nodes)


def _mapping(pairs: list[tuple[str, Any]]) -> Any:
    from ruamel.yaml.nodes import MappingNode

    return MappingNode(_TAG + "map", [(_scalar(key), value) for key, value in pairs], flow_style=False)


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

    def pairs(self, node: Any, known: tuple[str, ...], what: str) -> Iterator[tuple[str, Any, Any]]:
        found: set[str] = set()
        for key_node, value in self.check(node, "mapping", what).value:
            key = self.check(key_node, "scalar", "a key").value
            if key not in known:
                raise UnknownName("key", key, known, where=f"{self.file}, line {self.line(key_node)}")
            if key in found:
                raise self.wrong(key_node, f"key {key!r} appears twice in {what}")
            found.add(key)
            yield key, key_node, value

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
        if wanted == "texts":
            items = self.check(node, "sequence", what).value
            return [self.value(item, f"a value of {what}", "text") for item in items]
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
        for key, _, value in self.pairs(node, tuple(_FEATURE_KEYS), "a feature"):
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


def read_yaml(data: bytes, file: str) -> tuple[dict[str, Any], list[int]]:
    """The bytes of a schema's file as plain data, and the line each feature starts at (from 1).

    Parameters
    ----------
    data : bytes
        UTF-8.
    file : str
        Named in errors.

    Raises
    ------
    InvalidInput
        Not UTF-8, not YAML, a tag, an alias, a value of the wrong type, another format; with file and line.
    UnknownName
        An unknown key or kind; with file and line.

    >>> read_yaml(b"format: 1\\nfeatures:\\n  - {name: a, kind: text}\\n", "s.yaml")
    ({'format': 1, 'features': [{'name': 'a', 'kind': 'text'}]}, [3])
    """
    root, reader = _compose(data, file), _Reader(file)
    plain: dict[str, Any] = {}
    lines: list[int] = []
    for key, _, value in reader.pairs(root, _SCHEMA_KEYS, "a schema"):
        if key == "features":
            nodes = reader.check(value, "sequence", key).value
            lines = [reader.line(node) for node in nodes]
            plain[key] = [reader.feature(node) for node in nodes]
        else:
            plain[key] = reader.value(value, key, "integer" if key == "format" else "boolean")
        if key == "format" and plain[key] != FORMAT:
            raise reader.wrong(value, f"schema of format {plain[key]}", expected=f"format {FORMAT}")
    for key in ("format", "features"):
        if key not in plain:
            raise reader.wrong(root, f"a schema without {key}", expected="format: 1, and a list of features")
    return plain, lines


def _compose(data: bytes, file: str) -> Any:
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
