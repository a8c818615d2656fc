"""Settings: where a value comes from, what wins, and what is refused."""

from dataclasses import fields
from pathlib import Path

import pytest

from headrace import settings as module
from headrace.errors import InvalidInput, UnknownName
from headrace.settings import Settings, find_project, load_settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in [item.name for item in fields(Settings)] + ["profile"]:
        monkeypatch.delenv(f"HEADRACE_{name.upper()}", raising=False)


def write(folder, text, name="headrace.toml"):
    """A settings file."""
    (folder / name).write_text(text, encoding="utf-8")


def test_defaults_where_nothing_is_set(tmp_path):
    """Without a file the folder itself is the project, and the home lies in it."""
    assert load_settings(tmp_path) == Settings(home=tmp_path / ".headrace")


@pytest.mark.parametrize(("name", "low", "high"), [(name, *ends) for name, ends in module._LIMITS.items()])
def test_limits_hold_at_both_ends(tmp_path, name, low, high):
    """Each end of each limit is allowed, what lies beyond it is refused with the range, the name and the place."""
    for good in (low, high):
        write(tmp_path, f"{name} = {good}")
        assert getattr(load_settings(tmp_path), name) == good
    for bad in (low - 1, high + 1):
        write(tmp_path, f"{name} = {bad}")
        with pytest.raises(InvalidInput, match=rf"setting {name} = .* out of range \(.*headrace.toml\); expected"):
            load_settings(tmp_path)
        with pytest.raises(InvalidInput, match="out of range"):
            Settings(**{name: bad})


def test_every_numeric_setting_has_a_limit():
    """No number goes unchecked."""
    assert {item.name for item in fields(Settings) if item.type in ("int", "float")} == set(module._LIMITS)


def test_environment_wins_over_profile_over_file(tmp_path, monkeypatch):
    """The nearer to the person, the stronger."""
    write(tmp_path, "port = 1\nworkers = 1\nbody_mb = 1\n[profiles.laptop]\nport = 2\nworkers = 2")
    monkeypatch.setenv("HEADRACE_PORT", "3")
    monkeypatch.setenv("HEADRACE_PROFILE", "laptop")
    found = load_settings(tmp_path)
    assert (found.port, found.workers, found.body_mb) == (3, 2, 1)


def test_empty_variable_is_unset(tmp_path, monkeypatch):
    """`HEADRACE_PORT= headrace serve` means the default, as everywhere in a shell."""
    monkeypatch.setenv("HEADRACE_PORT", "")
    monkeypatch.setenv("HEADRACE_HOME", "")
    assert load_settings(tmp_path) == Settings(home=tmp_path / ".headrace")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "no setting named 'prot' .*did you mean 'port'"),
        ("[profiles.x]\nprot = 1", "profile x.*did you mean 'port'"),
        ("profiles = 3", "profiles = 3"),
        ("port = true", "port = True has the wrong type .*expected a whole number"),
        ("workers = 1.5", "workers = 1.5 has the wrong type"),
        ("poll_s = 'often'", "poll_s = 'often' has the wrong type .*expected a number"),
        ("home = 3", "home = 3 has the wrong type"),
        ("host = 3", "host = 3 has the wrong type"),
        ("poll_s = nan", "poll_s = nan"),
        ("port = \nhost = 'x'", "not TOML: .*line 1"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    """A bad key, type, value or line: the message says which, where, and what is right."""
    write(tmp_path, text)
    with pytest.raises((InvalidInput, UnknownName), match=message):
        load_settings(tmp_path)


def test_bad_variable_is_named(tmp_path, monkeypatch):
    """A value from the environment is blamed on its variable, not on the file."""
    monkeypatch.setenv("HEADRACE_PORT", "99999")
    with pytest.raises(InvalidInput, match="environment variable HEADRACE_PORT"):
        load_settings(tmp_path)


def test_unknown_profile_lists_those_there_are(tmp_path, monkeypatch):
    """A profile that does not exist is an error, with or without a file."""
    monkeypatch.setenv("HEADRACE_PROFILE", "stagin")
    with pytest.raises(UnknownName, match="no profile named 'stagin'"):
        load_settings(tmp_path)
    write(tmp_path, "[profiles.staging]\nport = 1")
    with pytest.raises(UnknownName, match="did you mean 'staging'"):
        load_settings(tmp_path)


def test_project_is_the_nearest_folder_with_settings(tmp_path):
    """headrace.toml or [tool.headrace] upward; a pyproject.toml without the table does not count."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    write(tmp_path / "a", "[project]\nname = 'x'", "pyproject.toml")
    write(tmp_path, "[tool.headrace]\nport = 7", "pyproject.toml")
    assert find_project(inner) == tmp_path
    assert load_settings(inner).port == 7
    assert load_settings(inner).home == tmp_path / ".headrace"


def test_home_in_the_file_starts_at_the_project_in_the_environment_here(tmp_path, monkeypatch):
    """A relative path means what the person who wrote it saw."""
    inner = tmp_path / "inner"
    inner.mkdir()
    write(tmp_path, "home = 'store'")
    monkeypatch.chdir(inner)
    assert load_settings().home == tmp_path / "store"
    monkeypatch.setenv("HEADRACE_HOME", "elsewhere")
    assert load_settings().home == inner / "elsewhere"
    monkeypatch.setenv("HEADRACE_HOME", "/abs")
    assert load_settings().home == Path("/abs")


def test_zero_workers_means_all_usable_cores():
    """`num_workers` is never 0."""
    assert Settings(workers=0).num_workers >= 1
    assert Settings(workers=3).num_workers == 3


def test_switches_are_words_in_the_environment(tmp_path, monkeypatch):
    """A switch is true or false in TOML, and a word or digit in the environment; anything else is refused."""
    write(tmp_path, "log_requests = false")
    assert load_settings(tmp_path).log_requests is False
    for text, value in {"1": True, "TRUE": True, "yes": True, "0": False, "no": False, "False": False}.items():
        monkeypatch.setenv("HEADRACE_LOG_REQUESTS", text)
        assert load_settings(tmp_path).log_requests is value
    monkeypatch.setenv("HEADRACE_LOG_REQUESTS", "perhaps")
    with pytest.raises(InvalidInput, match="log_requests"):
        load_settings(tmp_path)
    monkeypatch.delenv("HEADRACE_LOG_REQUESTS")
    write(tmp_path, "log_requests = 1")
    with pytest.raises(InvalidInput, match="log_requests"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("mysql://h/d", "records is mysql://"),
        ("h:5432/d", "without a scheme"),
        ("ann:hush@h/d", "without a scheme"),
        ("postgresql:///d", "names no host"),
        ("postgresql://h", "names no database"),
        ("postgresql://h/d#x", "'#'"),
        ("postgresql://[h/d", "no address"),
        ("postgresql://ann:hush@h/d", "holds a password"),
        ("postgresql://h/d?password=hush", "holds a password"),
        ("postgresql://h/d?sslpassword=hush", "holds a password"),
    ],
)
def test_records_are_an_address_without_a_password(tmp_path, monkeypatch, uri, told):
    """In a file, in the environment and in Python; a password is never repeated."""
    write(tmp_path, f'records = "{uri}"')
    with pytest.raises(InvalidInput, match=told) as caught:
        load_settings(tmp_path)
    assert "headrace.toml" in str(caught.value) and "hush" not in str(caught.value)
    write(tmp_path, "")
    monkeypatch.setenv("HEADRACE_RECORDS", uri)
    with pytest.raises(InvalidInput, match=f"{told}.*environment variable HEADRACE_RECORDS") as caught:
        load_settings(tmp_path)
    assert "hush" not in str(caught.value)
    with pytest.raises(InvalidInput, match=told):
        Settings(records=uri)


def test_a_folder_of_artifacts_starts_at_the_project(tmp_path, monkeypatch):
    """As every path in the file does; in the environment it starts where the person stands; a bucket is none."""
    (tmp_path / "deep").mkdir()
    write(tmp_path, 'artifacts = "../shared"\nrecords = "postgresql://ann@h/d?sslmode=require"')
    assert load_settings(tmp_path / "deep").artifacts == str(tmp_path.parent / "shared")
    monkeypatch.chdir(tmp_path / "deep")
    monkeypatch.setenv("HEADRACE_ARTIFACTS", "here")
    assert load_settings().artifacts == str(tmp_path / "deep" / "here")
    monkeypatch.setenv("HEADRACE_ARTIFACTS", "gs://bucket/x")
    assert load_settings().artifacts == "gs://bucket/x"
