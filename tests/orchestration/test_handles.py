"""Handles: everything but passing on and declared outputs is an error at the user's line."""

import operator

import pytest

from headrace.errors import Misuse
from headrace.orchestration.handles import Handle, Reference
from headrace.orchestration.tracing import tracing


@pytest.fixture
def handle():
    """A handle with two outputs beside its own."""
    with tracing("p") as trace:
        return trace.record("validate", {}, {"validation": "validation", "accepted": "dataset"})


@pytest.mark.parametrize(
    "use",
    [
        bool,
        iter,
        len,
        list,
        hash,
        str,
        int,
        float,
        abs,
        operator.neg,
        lambda handle: handle[0],
        lambda handle: f"{handle}",
        lambda handle: "%s" % handle,  # noqa: UP031  # the old way formats too
        lambda handle: handle == 3,
        lambda handle: handle != 3,
        lambda handle: handle < 3,
        lambda handle: handle + 1,
        lambda handle: 1 + handle,
        lambda handle: 3 in handle,
        lambda handle: handle(),
        lambda handle: handle and True,
        lambda handle: handle.ok,
        lambda handle: handle.acepted,
    ],
)
def test_no_other_use(handle, use):
    """A use that would need the value is a Misuse that names this file and says what to do instead."""
    with pytest.raises(Misuse, match=r"test_handles\.py, line \d+.*@hr\.step"):
        use(handle)


def test_declared_outputs(handle):
    """A declared output is a handle on it; a name that is none is answered with those there are."""
    assert handle.accepted._reference == Reference("validate", "accepted")
    with pytest.raises(Misuse, match=r"\.validation, \.accepted"):
        _ = handle.quarantined
    with pytest.raises(Misuse, match="no output 'accepted'"):
        _ = handle.accepted.accepted


def test_tools_may_look(handle):
    """What debuggers ask of any object is answered, not refused."""
    assert repr(handle) == "<handle of validate.validation>"
    assert not hasattr(handle, "__array__")
    assert isinstance(handle, Handle)
