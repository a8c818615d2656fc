"""What is tested of the store beside its contract holds on PostgreSQL too: studies, catalogue, `gc`."""

import inspect

import pytest

from headrace.store import Store
from tests.adapters.postgres.schemas import address
from tests.store import test_catalog, test_collecting, test_setting_aside, test_studies


@pytest.fixture
def store(server, tmp_path, request):
    """A new store, in the home of either name that those tests use, with the study that some begin with."""
    (tmp_path / "home").symlink_to(tmp_path / ".headrace")
    with Store.open(tmp_path / ".headrace", records=address(server, tmp_path)) as opened:
        if hasattr(test_studies, request.function.__name__):
            opened.open_study("late", {"space": 1})
        yield opened


for _module in (test_catalog, test_collecting, test_setting_aside, test_studies):
    for _name, _value in vars(_module).items():
        if not _name.startswith("test_") or "store" not in inspect.signature(_value).parameters:
            continue
        if "sqlite3" not in inspect.getsource(_value):  # those that look into the file
            globals()[_name] = _value
