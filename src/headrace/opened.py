"""The store that code of this context works with: that of `with hr.open_store(dir):`, else its pipeline's project's.

It is a `headrace.store.Store`; rooms below and above that one meet here, and nothing is imported for it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

__all__ = ["OPENED", "asked_store", "with_project"]

# Set by `with hr.open_store(dir):` alone.
OPENED: contextvars.ContextVar[Any] = contextvars.ContextVar("headrace_store", default=None)

Open = Callable[[], AbstractContextManager[Any]]
_project: contextvars.ContextVar[Open | None] = contextvars.ContextVar("headrace_project_store", default=None)


@contextmanager
def with_project(opens: Open) -> Iterator[None]:
    """Inside, `asked_store` opens this store where none is open: while a pipeline is traced."""
    token = _project.set(opens)
    try:
        yield
    finally:
        _project.reset(token)


def asked_store() -> AbstractContextManager[Any]:
    """The store to read from; None where there is none."""
    store, opens = OPENED.get(), _project.get()
    return nullcontext(store) if store is not None or opens is None else opens()
