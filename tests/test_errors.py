"""The error tree: what the docstring draws is what the classes are."""

import copy
import re

import pytest

from headrace import errors
from headrace.errors import HeadraceError, InvalidInput, NotAccepted, StoreError, UnknownName

BUILTINS = {"ValueError": ValueError, "LookupError": LookupError, "ImportError": ImportError, "TypeError": TypeError}
BUILTINS |= {"RuntimeError": RuntimeError, "OSError": OSError}
BUILTINS |= {"TimeoutError": TimeoutError, "PermissionError": PermissionError, "ConnectionError": ConnectionError}


def drawn():
    """(name, parent's name, builtin's name or None) for each line of the tree in the module's docstring."""
    path = ["HeadraceError"]
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ([|` -]+)(\w+)(?: \((\w+)\))?", line)
        if found and found[1].strip():
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            yield found[2], path[depth - 1], found[3]


def test_tree_equals_docstring():
    """Each class has the parent and the builtin that the drawing gives it, and none is missing from it."""
    rows = list(drawn())
    for name, parent, builtin in rows:
        cls = getattr(errors, name)
        assert cls.__bases__[0] is getattr(errors, parent)
        assert builtin is None or issubclass(cls, BUILTINS[builtin])
    assert sorted(["HeadraceError", *(name for name, _, _ in rows)]) == sorted(errors.__all__)


def test_every_error_is_also_a_builtin():
    """Code that knows nothing of headrace can catch each error by a builtin class."""
    for name in set(errors.__all__) - {"HeadraceError"}:
        assert issubclass(getattr(errors, name), tuple(BUILTINS.values()))


def test_message_joins_the_parts():
    """What, where, expected and fix are in the message, in that order, and stay as attributes."""
    error = InvalidInput("bad", where="row 3", expected="good", fix="do this")
    assert str(error) == "bad (row 3); expected good; do this"
    assert (error.what, error.where, error.expected, error.fix) == ("bad", "row 3", "good", "do this")


@pytest.mark.parametrize(
    "error",
    [
        StoreError("full", where="/x", fix="free some space"),
        UnknownName("metric", "brie", ["brier"]),
        NotAccepted("no", items=["a"]),
        errors.MissingExtra("beam engine", "Apache Beam", "beam"),
    ],
)
def test_copies_keep_everything(error):
    """An error that crosses a process of the standard library arrives with its message and its parts."""
    again = copy.copy(error)
    assert type(again) is type(error) and str(again) == str(error) and again.__dict__ == error.__dict__


def test_unknown_name_without_a_near_one_lists_all():
    """A name that is like none gets the list; a long list is left out."""
    assert str(UnknownName("op", "zzz", ["b", "a"])) == "no op named 'zzz'; there are: a, b"
    assert str(UnknownName("op", "zzz", [f"name{i}" for i in range(99)])) == "no op named 'zzz'"
    assert str(UnknownName("op", "zzz", [])) == "no op named 'zzz'"


def test_base_is_no_builtin_but_exception():
    """`except HeadraceError` catches what headrace raises on purpose, and nothing else."""
    assert HeadraceError.__bases__ == (Exception,)
