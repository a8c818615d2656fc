"""Changes: in what two step keys differ, field by field, in words a person can act on."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.canonical import digest
from headrace.orchestration.tracing import entries

if TYPE_CHECKING:
    from headrace.store import KeyRow

__all__ = ["UNKNOWN", "Change", "compare", "shown"]

# Stands for the digest of an input that no step has made yet.
UNKNOWN = "?"
_WIDTH = 40


@dataclass(frozen=True)
class Change:
    """One field in which two keys differ.

    Parameters
    ----------
    what : str
        "input", "parameter", "feature", "code", "package", "file", "look-up", "span" or "step".
    name : str
        Which one: "dataset", "trainer.max_depth", "flights:clean", "xgboost".
    before, now : plain data
        The two values; None where there is none. Of code and files a digest, of an input that no step has made yet
        `UNKNOWN`.
    source : str
        Of an input: the output it is, "validate.accepted".
    where : str
        The user's line, where it is known: "flights.py, line 12".
    """

    what: str
    name: str
    before: Any
    now: Any
    source: str = ""
    where: str = ""

    @property
    def text(self) -> str:
        """In one line.

        >>> Change("parameter", "trainer.max_depth", 8, 6).text
        'trainer.max_depth: 8 -> 6'
        """
        place = f" ({self.where})" if self.where else ""
        if self.what == "input":
            name = self.source or self.name
            if self.now == UNKNOWN:
                return f"{name} may change"
            return f"{name} {_happened(self, 'is given now', 'is no longer given', 'changed')}"
        if self.what in ("code", "feature", "file", "span", "step"):
            names = {"code": f"code of {self.name}", "feature": f"feature {self.name!r}", "file": self.name}
            name = names.get(self.what, f"{self.what} {self.name}")
            return f"{name} {_happened(self, 'is new', 'is gone', 'changed')}{place}"
        return f"{self.name}: {' -> '.join(self.shown)}{place}"

    @property
    def shown(self) -> tuple[str, str]:
        """The two values as a table shows them; of two lists what only one of them holds.

        >>> Change("parameter", "metrics", ["brier", "roc_auc"], ["roc_auc", "f1"]).shown
        ('..., brier', '..., f1')
        """
        before, now = self.before, self.now
        if isinstance(before, list) and isinstance(now, list):
            only = [[item for item in mine if item not in others] for mine, others in ((before, now), (now, before))]
            if all(len(mine) < len(all_) for mine, all_ in zip(only, (before, now), strict=True)):
                first, second = (", ".join(["...", *map(shown, mine)]) for mine in only)
                return first, second
            if all(isinstance(item, str) for item in [*before, *now]):
                before, now = ", ".join(before) or None, ", ".join(now) or None
        return shown(before), shown(now)

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        plain = {"what": self.what, "name": self.name, "before": self.before, "now": self.now}
        return plain | {key: value for key in ("source", "where") if (value := getattr(self, key))}


def _happened(change: Change, new: str, gone: str, changed: str) -> str:
    return new if change.before is None else gone if change.now is None else changed


def shown(value: Any) -> str:
    """A value as a table shows it: a digest by its beginning, text as it is, anything long cut."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text.startswith("source ") or (len(text) == 64 and set(text) <= set("0123456789abcdef")):
        return text.removeprefix("source ")[:12]
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def compare(before: KeyRow, now: KeyRow) -> list[Change]:
    """In what two recorded keys of a step differ; inputs first, then what the user wrote, then packages.

    Cost: microseconds a field.
    """
    return [
        *_arguments(before, now),
        *_features(before, now),
        *_code(before, now),
        *_looked_up(before, now),
    ]


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) != now.get(name):
            yield name, before.get(name), now.get(name)


def _arguments(before: KeyRow, now: KeyRow) -> Iterator[Change]:
    flat = [dict(_leaves(row.parts["arguments"], "")) for row in (before, now)]
    changes = list(_differing(*flat))
    for name, old, new in changes:
        if _is_input(old) or _is_input(new):
            source = now.notes.get("inputs", {}).get(name) or before.notes.get("inputs", {}).get(name, "")
            yield Change("input", name, _digest_of(old), _digest_of(new), source)
    for name, old, new in changes:
        if not (_is_input(old) or _is_input(new)):
            yield Change("parameter", name, old, new)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """What a person would call one value: inputs, plain values, lists without inputs; objects by their parameters."""
    if isinstance(value, dict) and set(value) == {"class", "parameters"}:
        yield path, value["class"].rpartition(":")[2]
        yield from _leaves(value["parameters"], path)
    elif isinstance(value, dict) and set(value) == {"format", "nodes", "features"}:
        return  # an expression graph: compared feature by feature
    elif _is_input(value) or not isinstance(value, (dict, list)) or (isinstance(value, list) and not _holds(value)):
        yield path, value
    else:
        for name, item in entries(value, path):
            yield from _leaves(item, name)


def _is_input(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"@"}


def _digest_of(value: Any) -> Any:
    return value["@"] if _is_input(value) else value


def _holds(value: Any) -> bool:
    """Whether an input is somewhere in it."""
    if _is_input(value):
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds(item) for item in items)


def _features(before: KeyRow, now: KeyRow) -> Iterator[Change]:
    old, new = (row.parts["arguments"].get("features") for row in (before, now))
    if not (isinstance(old, dict) and isinstance(new, dict) and "nodes" in old and "nodes" in new):
        return
    known = set(_node_digests(old))
    digests = _node_digests(new)
    was, is_now = _texts(old), _texts(new)
    places = now.notes.get("places") or [""] * len(digests)
    roots = dict(new["features"])
    for name in dict.fromkeys([*was, *is_now]):
        index = roots.get(name)
        if name in was and index is not None and digests[index] == was[name][0]:
            continue
        while index is not None and digests[index] not in known:
            below = [item for item in new["nodes"][index].get("inputs", ()) if digests[item] not in known]
            if not below:
                break
            index = below[0]  # down to the first node that the other graph lacks
        old_text, new_text = (texts[name][1] if name in texts else None for texts in (was, is_now))
        yield Change("feature", name, old_text, new_text, where="" if index is None else places[index])
    if list(was) != list(is_now) and set(was) == set(is_now):
        yield Change("parameter", "order of features", list(was), list(is_now))


def _texts(plain: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Feature -> digest of what it computes, and the same as the user would write it."""
    from headrace.transformation import Expressions

    graph, digests = Expressions.from_plain(plain), _node_digests(plain)
    return {name: (digests[index], graph.text(index)) for name, index in graph.features}


def _node_digests(plain: Mapping[str, Any]) -> list[str]:
    """Of each node the digest of all it computes, so that it does not matter where it stands in the list."""
    found: list[str] = []
    for node in plain["nodes"]:
        below = [found[index] for index in node.get("inputs", ())]
        found.append(digest([node["op"], node.get("parameters", {}), below]))
    return found


def _code(before: KeyRow, now: KeyRow) -> Iterator[Change]:
    old, new = before.parts["code"], now.parts["code"]
    if before.parts["call"] != now.parts["call"]:
        yield Change("parameter", "step calls", before.parts["call"], now.parts["call"])
    for name, was, is_now in _differing(old.get("definitions", {}), new.get("definitions", {})):
        places = [row.notes.get("definitions", {}).get(name) for row in (before, now)]
        yield Change("code", name.removesuffix(":"), was, is_now, where=_where(*places))
    for name, was, is_now in _differing(old.get("files", {}), new.get("files", {})):
        yield Change("file", name, was, is_now)
    packages = [
        {**({"headrace": code["headrace"]} if "headrace" in code else {}), **code.get("packages", {})}
        for code in (old, new)
    ]
    for name, was, is_now in _differing(*packages):
        yield Change("package", name, was, is_now)
    if before.parts["outputs"] != now.parts["outputs"]:
        yield Change("code", "its outputs", before.parts["outputs"], now.parts["outputs"])


def _where(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    """The line at which a definition begins to differ from what it was."""
    if now is None:
        return ""
    line = now["line"]
    if before is not None:
        texts = [[part.partition("#")[0].rstrip() for part in place["text"].split("\n")] for place in (before, now)]
        for tag, _, _, first, last in difflib.SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes():
            if tag != "equal" and any(part.strip() for part in texts[1][first:last] or ["deleted"]):
                line += min(first, len(texts[1]) - 1)
                break
    return f"{now['file']}, line {line}"


def _looked_up(before: KeyRow, now: KeyRow) -> Iterator[Change]:
    call = now.parts["call"]
    for name, was, is_now in _differing(before.parts["resolved"], now.parts["resolved"]):
        if call == "load_schema" and name == "sha256":
            yield Change("file", now.parts["arguments"]["path"], was, is_now)
        elif call == "ingest_span" and name == "sha256":
            files = now.notes.get("files", [])
            changed = [file for file, one in zip(files, is_now or [], strict=False) if one not in (was or [])]
            yield Change("file", ", ".join(changed) or ", ".join(files) or "its file", _whole(was), _whole(is_now))
        elif call == "push" and name == "replaces":
            yield Change("look-up", "live version", was, is_now)
        elif name == "waivers":
            before_names, now_names = ([item["name"] for item in value or []] for value in (was, is_now))
            yield Change("look-up", "waivers", before_names, now_names)
        elif not (call == "load_schema" and name == "from"):
            yield Change("look-up", name, was, is_now)


def _whole(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else digest(value)
