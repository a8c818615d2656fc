"""Changing a schema's file as little as can be: comments, order, blank lines and the person's writing stay.

The old file's nodes, which know where they stand, are held against the nodes of what is wanted; what differs becomes an
edit of the text. A value that means the same is not touched, however it is written. What is taken out goes with the
comment on its own line; comments on lines of their own stay.
"""

from __future__ import annotations

import re
from typing import Any

from headrace.errors import InvalidInput
from headrace.schema.moments import parse_moment
from headrace.schema.yaml_file import compose, tree_of, write_nodes

__all__ = ["revise_yaml"]

_TAG = "tag:yaml.org,2002:"
_WIDE = 1_000_000


def revise_yaml(data: bytes, plain: dict[str, Any], file: str) -> bytes:
    """The file's bytes, changed into those of a schema.

    Parameters
    ----------
    data : bytes
        A schema's file, as a person keeps it.
    plain : dict
        What it is to say (`Schema.to_plain`, and `is_reviewed` if false).
    file : str
        Named in errors.

    Returns bytes that read as `plain`; equal to `data` where it says so already. Features and checks are known by
    their names, values of a list by themselves.

    Raises InvalidInput for a file that is no schema, and where features or values would change places among
    themselves, which no edit can do and leave comments where they belong.

    >>> old = b"format: 1\\nfeatures:\\n  - {name: a, kind: text}  # of the carrier\\n"
    >>> new = {"format": 1, "features": [{"name": "a", "kind": "text", "min_present": 1.0}]}
    >>> print(revise_yaml(old, new, "s.yaml").decode().splitlines()[2])
      - {name: a, kind: text, min_present: 1.0}  # of the carrier

    Cost: some 0.2 ms a feature.
    """
    is_marked = data.startswith(b"\xef\xbb\xbf")
    root = compose(data, file)
    text = data.decode("utf-8-sig")
    editor = _Editor(text, file)
    editor.mapping(root, tree_of(plain))
    revised = editor.result().encode("utf-8")
    return (b"\xef\xbb\xbf" if is_marked else b"") + revised


class _Editor:
    """Collects edits of one text, and makes them."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.edits: list[tuple[int, int, str]] = []

    def result(self) -> str:
        """The text with all edits made; of several at one place the insertions come first, in the order of asking."""
        pieces, place = [], 0
        for start, end, new in sorted(self.edits, key=lambda edit: (edit[0], edit[1] > edit[0])):
            pieces += [self.text[place:start], new]
            place = max(place, end)
        return "".join([*pieces, self.text[place:]])

    def refuse(self, node: Any, what: str) -> InvalidInput:
        return InvalidInput(
            f"{what} cannot change places and keep the comments",
            where=f"{self.file}, line {node.start_mark.line + 1}",
            fix="change the order there, or write the file anew: --replace",
        )

    # What stands where

    def end(self, node: Any) -> int:
        """Where a node's text ends: a block's is where its last value's is, not where the next thing begins."""
        if node.id == "scalar":
            if node.style in ("|", ">"):
                return int(node.start_mark.index) + len(self.text[node.start_mark.index : node.end_mark.index].rstrip())
            return int(node.end_mark.index)
        if node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        return self.end(last[1] if node.id == "mapping" else last)

    def line_end(self, index: int) -> int:
        """Where the line that holds a place ends, before its newline."""
        found: int = self.text.find("\n", index)
        found = len(self.text) if found < 0 else found
        return found - 1 if found and self.text[found - 1] == "\r" else found

    def line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    # New text

    def lines(self, node: Any, indent: int) -> str:
        """A node as lines of a block, all but the first indented."""
        found = write_nodes(node, _WIDE).rstrip("\n").split("\n")
        shift = len(found[0]) - len(found[0].lstrip(" "))
        found = [line[shift:] for line in found]
        return f"{self.newline}{' ' * indent}".join(found)

    def flow(self, node: Any) -> str:
        """A node on one line."""
        _flatten(node)
        if node.id == "scalar":
            return self.scalar(node)
        return write_nodes(node, _WIDE).strip()

    def scalar(self, node: Any) -> str:
        from ruamel.yaml.nodes import MappingNode, ScalarNode

        key = ScalarNode(_TAG + "str", "k")
        return write_nodes(MappingNode(_TAG + "map", [(key, node)], flow_style=False), _WIDE).strip()[3:]

    # Changes

    def change(self, old: Any, new: Any, indent: int) -> None:
        """Whatever stands there becomes what is wanted."""
        if old.id == new.id == "scalar":
            if not _is_same(old, new):
                self.edits.append((old.start_mark.index, self.end(old), self.scalar(new)))
        elif old.id != new.id:
            self.whole(old, new, indent)
        elif old.id == "mapping":
            self.mapping(old, new)
        else:
            self.sequence(old, new, indent)

    def whole(self, old: Any, new: Any, indent: int) -> None:
        """Another value altogether, written as ours are."""
        start, end = old.start_mark.index, self.end(old)
        if new.id != "scalar" and not new.flow_style and new.value:
            column = start - self.line_start(start)
            if self.text[start - column : start].strip():  # behind its key: ours begins on the next line
                column = indent + 2
                self.edits.append((start, start, f"{self.newline}{' ' * column}"))
            self.edits.append((start, end, self.lines(new, column)))
        else:
            self.edits.append((start, end, self.flow(new)))

    def mapping(self, old: Any, new: Any) -> None:
        """Keys that stay are changed, others leave or join, each after the one that it follows in our order."""
        there = {key.value: (key, value) for key, value in old.value}
        wanted = {key.value: (key, value) for key, value in new.value}
        kept = [key.value for key, _ in old.value if key.value in wanted]
        column = old.start_mark.column
        if not kept:
            self.whole(old, new, max(0, column - 2))
            return
        for name in kept:
            self.change(there[name][1], wanted[name][1], column)
        starts = [key.start_mark.index for key, _ in old.value]
        ends = [self.end(value) for _, value in old.value]
        self.remove(old, [key.value not in wanted for key, _ in old.value], starts, ends)
        places = {key.value: index for index, (key, _) in enumerate(old.value)}
        anchor: str | None = None
        for name, (key, value) in wanted.items():
            if name in there:
                anchor = name
                continue
            at = ends[places[anchor]] if anchor is not None else starts[places[kept[0]]]
            self.join(old, at, self.pair(key, value, column, is_flow=bool(old.flow_style)), column, anchor is None)

    def pair(self, key: Any, value: Any, column: int, *, is_flow: bool) -> str:
        from ruamel.yaml.nodes import MappingNode

        node = MappingNode(_TAG + "map", [(key, value)], flow_style=is_flow)
        return self.flow(node)[1:-1] if is_flow else self.lines(node, column)

    def join(self, old: Any, at: int, new: str, column: int, is_first: bool) -> None:
        """Insert an item after the one that ends at a place, or before the one that begins there."""
        if old.flow_style:
            self.edits.append((at, at, f"{new}, " if is_first else f", {new}"))
        elif is_first:
            self.edits.append((at, at, f"{new}{self.newline}{' ' * column}"))
        else:
            at, line = self.text.find("\n", at) + 1, f"{' ' * column}{new}"
            if at:
                self.edits.append((at, at, f"{line}{self.newline}"))
            else:  # the last line has no newline
                self.edits.append((len(self.text), len(self.text), f"{self.newline}{line}"))

    def sequence(self, old: Any, new: Any, indent: int) -> None:
        """Items that stay are changed, others leave or join where they are wanted."""
        there = {_identity(item): item for item in old.value}
        wanted = {_identity(item): item for item in new.value}
        kept = [name for name in there if name in wanted]
        if not kept or len(there) != len(old.value):
            self.whole(old, new, indent)
            return
        if [name for name in wanted if name in there] != kept:
            if "#" in self.text[old.start_mark.index : self.end(old)] or old.value[0].id == "mapping":
                raise self.refuse(old, "values of a list" if old.value[0].id == "scalar" else "items of a list")
            self.whole(old, new, indent)
            return
        starts = [item.start_mark.index for item in old.value]
        if not old.flow_style:
            starts = [self.text.rfind("-", 0, start) for start in starts]
        ends = [self.end(item) for item in old.value]
        column = starts[0] - self.line_start(starts[0]) if not old.flow_style else 0
        for name in kept:
            self.change(there[name], wanted[name], column + 2)
        names = list(there)
        self.remove(old, [name not in wanted for name in names], starts, ends)
        anchor: Any = None
        for name, item in wanted.items():
            if name in there:
                anchor = name
                continue
            at = starts[names.index(kept[0])] if anchor is None else ends[names.index(anchor)]
            if old.flow_style:
                written = self.flow(item)
            else:
                written = f"- {self.scalar(item) if item.id == 'scalar' else self.lines(item, column + 2)}"
            self.join(old, at, written, column, anchor is None)

    def remove(self, old: Any, is_gone: list[bool], starts: list[int], ends: list[int]) -> None:
        """Take items out, each with its line or its comma."""
        for index, gone in enumerate(is_gone):
            if not gone:
                continue
            start, end = starts[index], ends[index]
            later = [other for other in range(index + 1, len(starts)) if not is_gone[other]]
            if not old.flow_style:
                self.remove_lines(start, end, starts[index + 1] if index + 1 < len(starts) else None)
                continue
            following = starts[index + 1] if index + 1 < len(starts) else None
            if following is not None and "#" not in self.text[end:following] and later:
                self.edits.append((start, following, ""))
                continue
            before = ends[index - 1] if index else None
            if before is not None and not later and "#" not in self.text[before:start]:
                self.edits.append((before, end, ""))
                continue
            comma = re.compile(r"(?:\s|#[^\n]*\n)*,").match(self.text, end)
            self.edits.append((start, end, ""))
            if comma is not None:
                self.edits.append((comma.end() - 1, comma.end(), ""))

    def remove_lines(self, start: int, end: int, following: int | None) -> None:
        """Take a block's item out, with its lines; where it begins behind a dash, the next one moves up to that."""
        head = self.line_start(start)
        if self.text[head:start].strip():  # behind the dash of a list's item
            if following is not None:
                self.edits.append((start, following, ""))
            return
        tail = self.line_end(end)
        if tail < len(self.text):
            tail = self.text.index("\n", tail) + 1
            self.edits.append((head, tail, ""))
        else:
            self.edits.append((max(0, head - len(self.newline)), tail, ""))


def _identity(item: Any) -> Any:
    """What an item of a list is known by: a feature by its name, a value by itself."""
    if item.id == "mapping":
        names = [value.value for key, value in item.value if key.value == "name"]
        return ("name", *names)
    if item.id == "sequence":
        return tuple(_identity(one) for one in item.value)
    return item.value


def _is_same(old: Any, new: Any) -> bool:
    """Whether two scalars mean the same, however they are written."""
    kind, other = old.tag.removeprefix(_TAG), new.tag.removeprefix(_TAG)
    if other in ("int", "float"):
        if kind not in ("int", "float"):
            return False
        return int(old.value) == int(new.value) if kind == other == "int" else float(old.value) == float(new.value)
    if other == "timestamp":
        try:
            return parse_moment(old.value) == parse_moment(new.value)
        except InvalidInput:
            return False
    if other == "bool":
        return bool(kind == "bool" and old.value.lower() == new.value)
    return bool(kind == "str" and old.value == new.value)


def _flatten(node: Any) -> None:
    """Everything in it on one line."""
    if node.id == "scalar":
        return
    node.flow_style = True
    for item in node.value:
        for one in item if isinstance(item, tuple) else (item,):
            _flatten(one)
