"""Which store a call works with: that of `with hr.open_store(dir):`, else that of the pipeline's project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.calls import user_line
from headrace.errors import Misuse
from headrace.opened import OPENED
from headrace.settings import Settings, load_settings

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["current_store", "open_store", "project_store", "required_store"]


@contextmanager
def open_store(home: str | Path | None = None) -> Iterator[Store]:
    """Work with the store in a folder: eager `push`, `previous` and `champion` need one, `flights.run()` uses it.

    Parameters
    ----------
    home : path, optional
        The store's folder, made when missing; by default that of the project around the working folder (`.headrace`).

    Returns
    -------
    Store
        Open until the `with` statement ends.

    Raises
    ------
    StoreError
        When the folder cannot be made or written.

    >>> import tempfile, headrace as hr
    >>> with tempfile.TemporaryDirectory() as folder, hr.open_store(folder):
    ...     print(hr.champion("late"))
    None
    """
    from headrace.store import Store

    settings = load_settings()
    if home is not None:
        settings = replace(settings, home=Path(home))
    with Store.of(settings) as store:
        token = OPENED.set(store)
        try:
            yield store
        finally:
            OPENED.reset(token)


def current_store() -> Store | None:
    """The store of the `with hr.open_store(dir):` this call is in, or None."""
    store: Store | None = OPENED.get()
    return store


def required_store(verb: str) -> Store:
    """The same; Misuse, at the user's line, when there is none."""
    store: Store | None = OPENED.get()
    if store is None:
        raise Misuse(
            f"hr.{verb} outside a pipeline needs a store",
            where=user_line(),
            fix=f"with hr.open_store(dir): hr.{verb}(...)",
        )
    return store


@contextmanager
def project_store(settings: Settings, *, read_only: bool = False) -> Iterator[Store | None]:
    """The store to work with; None when it is to be read and there is none yet."""
    from headrace.store import Home, Store

    store = OPENED.get()
    if store is not None:
        yield store
        return
    if read_only and not settings.records and not Home(settings.home).is_begun:
        yield None
        return
    with Store.of(settings, read_only=read_only) as opened:
        yield opened
