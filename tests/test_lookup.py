"""Look-up: a member is its file; nothing is imported before it is asked for."""

import subprocess
import sys

import pytest

from headrace import adapters, lookup
from headrace.errors import MissingExtra, UnknownName


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package from outside that offers a metric by entry point."""
    info = tmp_path / "outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[headrace.metric]\noutside_metric = outside_package:TheirMetric\n")
    (tmp_path / "outside_package.py").write_text("class TheirMetric:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    lookup._modules.cache_clear()
    yield
    lookup._modules.cache_clear()


def test_unknown_name_gets_the_nearest():
    """A typo is answered with the name that was meant."""
    with pytest.raises(UnknownName, match="no trainer named 'xgbost'; did you mean 'xgboost'"):
        lookup.find("trainer", "xgbost")


def test_a_file_is_a_member():
    """The class has the stem's name without underscores, in any case."""
    cls = lookup.find("trainer", "xgboost")
    assert cls.__name__ == "XGBoost"
    assert lookup.find_class("XGBoost") is cls


def test_entry_point_is_a_member(installed):
    """A package from outside joins by entry point, and is found like one of ours."""
    assert "outside_metric" in lookup.names("metric")
    assert lookup.find("metric", "outside_metric").__name__ == "TheirMetric"


def test_listing_imports_nothing():
    """`names` looks at file names only."""
    code = "import sys; from headrace import lookup; lookup.names('trainer'); print('xgboost' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_missing_third_party_gets_the_install_line(tmp_path, monkeypatch):
    """An adapter whose package is not installed says what to install; one of our own modules missing is a bug."""
    folder = tmp_path / "adapters" / "pretend"
    folder.mkdir(parents=True)
    (folder / "engine.py").write_text("import no_such_package_anywhere\n")
    (folder / "trainer.py").write_text("import headrace.no_such_room\n")
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(tmp_path / "adapters")])
    monkeypatch.setattr(lookup, "_ROOT", tmp_path)
    lookup._modules.cache_clear()
    with pytest.raises(MissingExtra) as caught:
        lookup.find("engine", "pretend")
    assert str(caught.value) == "pretend engine needs pretend: pip install 'headrace[pretend]'"
    with pytest.raises(ModuleNotFoundError, match="no_such_room"):
        lookup.find("trainer", "pretend")
    lookup._modules.cache_clear()


def test_private_files_and_lower_case_are_no_members():
    """`_x.py` is machinery, and `headrace.xgboost` is no class."""
    assert not [name for kind in lookup.KINDS for name in lookup.names(kind) if name.startswith("_")]
    assert lookup.find_class("xgboost") is None
    assert lookup.find_class("X_G_Boost") is None
