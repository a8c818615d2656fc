"""The glossary: every noun once, and none of the code base's own without a line."""

import re

from headrace import lookup
from headrace.orchestration.values import CLASSES
from tests.pages import ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| term |")
]
TERMS = [row[0].lstrip("| ") for row in ROWS]


def test_every_row_is_whole():
    """A term, what it is, where it lives, and what it is not."""
    assert len(ROWS) > 90
    for row in ROWS:
        assert len(row) == 4 and all(row), row


def test_every_term_stands_once():
    """One word, one meaning."""
    assert sorted(TERMS) == sorted(set(TERMS))


def test_every_room_is_there():
    """Each package of headrace has a noun in it, and no row names a room that is none."""
    rooms = {file.parent.name for file in (ROOT / "src" / "headrace").glob("*/__init__.py")}
    grounds = {"everywhere", "lookup", "settings"}
    named = {row[2] for row in ROWS}
    assert rooms - named == set()
    assert named - rooms - grounds == set()


def test_every_room_s_own_noun_is_a_term():
    """The room's name, or the noun that its first sentence begins with."""
    names = {"adapters": "adapter", "cli": "command line", "dataset": "data set", "rules": "rule", "slicing": "slice"}
    names |= {"testing": "conformance suite", "web": "site"}
    for file in (ROOT / "src" / "headrace").glob("*/__init__.py"):
        room = file.parent.name
        assert names.get(room, room) in TERMS, room


def test_every_kind_of_member_and_of_artifact_is_a_term():
    """What lookup finds, and what steps return."""
    assert set(lookup.KINDS) - set(TERMS) == set()
    known = {"dataset": "data set", "transform_graph": "transform graph"}
    assert {known.get(kind, kind) for kind in CLASSES} - set(TERMS) == set()


def test_what_it_is_confused_with_is_explained():
    """A term of ours that stands on the right is itself explained on the left."""
    ours = {
        "split",
        "slice",
        "span",
        "part",
        "finding",
        "item",
        "rule",
        "metric",
        "check",
        "waiver",
        "champion",
        "lane",
    }
    for row in ROWS:
        for word in re.findall(r"[a-z]+", row[3]):
            if word in ours:
                assert word in TERMS, row
