"""Tokens: kept as a hash, ended at once, changed by one process at a time."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from headrace.access import Tokens


def test_what_is_kept(tmp_path):
    """Neither the secret nor a part of it is on the disk, and the file is its owner's alone."""
    tokens = Tokens(tmp_path)
    token, secret = tokens.add("ada", "admin", reads=["flights/*"], days=2)
    file = tmp_path / "access.json"
    kept = file.read_text()
    assert secret.rpartition("_")[2] not in kept and secret.partition("_")[2][:20] not in kept
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(secret) > 43 and Tokens(tmp_path).person(secret) == token.person


def test_wrong_secrets(tmp_path):
    """Nothing but the secret itself opens anything."""
    tokens = Tokens(tmp_path)
    token, secret = tokens.add("ada", "viewer")
    for wrong in ("", secret[:-1], secret + "a", secret.upper(), token.secret_hash, token.token_id, "ada", "\udcff"):
        assert tokens.person(wrong) is None


def test_an_end(tmp_path):
    """A token that is over, or revoked, opens nothing, in every process that looks; its name may be given again."""
    tokens, others = Tokens(tmp_path), Tokens(tmp_path)
    _, short = tokens.add("bob", "viewer", days=1e-9)
    assert others.person(short) is None
    token, secret = tokens.add("ada", "viewer")
    assert others.person(secret) and others.find(token.token_id)
    tokens.revoke(token.token_id)
    assert others.person(secret) is None and others.find(token.token_id) is None
    assert tokens.add("ada", "viewer")[1] != secret
    assert [one.name for one in others.all()] == ["bob", "ada", "ada"]


@pytest.mark.parametrize(
    ("name", "role", "more", "said"),
    [
        ("", "viewer", {}, "names nobody"),
        (" ", "viewer", {}, "names nobody"),
        ("a\nb", "viewer", {}, "names nobody"),
        ("x" * 81, "viewer", {}, "names nobody"),
        ("ada", "boss", {}, "no role named 'boss'"),
        ("ada", "viewer", {"days": 0}, "more than 0"),
        ("ada", "viewer", {"days": float("nan")}, "more than 0"),
        ("ada", "viewer", {"reads": ["flights"]}, "grants nothing"),
        ("ada", "viewer", {"reads": ["a/b/c"]}, "grants nothing"),
        ("twice", "viewer", {}, "has a token"),
    ],
)
def test_what_is_refused(tmp_path, name, role, more, said):
    """Each wrong word gets its own answer, and changes nothing."""
    tokens = Tokens(tmp_path)
    tokens.add("twice", "viewer")
    before = (tmp_path / "access.json").read_bytes()
    with pytest.raises((ValueError, LookupError), match=said):
        tokens.add(name, role, **more)
    assert (tmp_path / "access.json").read_bytes() == before


def test_many_at_once(tmp_path):
    """Those who add at the same time all have theirs."""
    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(lambda n: Tokens(tmp_path).add(f"p{n}", "viewer")[1], range(16)))
    tokens = Tokens(tmp_path)
    assert sorted(tokens.person(secret).name for secret in secrets) == sorted(f"p{n}" for n in range(16))


def test_a_file_that_cannot_be_read_lets_nobody_in(tmp_path):
    """Damage, or a newer version, is an error, never an open door."""
    tokens = Tokens(tmp_path)
    _, secret = tokens.add("ada", "admin")
    file = tmp_path / "access.json"
    kept = json.loads(file.read_text())
    for damaged in ("", "{}", "[]", json.dumps({**kept, "format": 3}), file.read_text()[:-20]):
        file.write_text(damaged)
        with pytest.raises(OSError, match=r"cannot be read|newer"):
            tokens.person(secret)
        with pytest.raises(OSError, match=r"cannot be read|newer"):
            _ = tokens.is_empty


def test_who_may_ask_what(tmp_path):
    """A token for endpoints opens these and no page; without one in the file its format is the old one."""
    tokens = Tokens(tmp_path)
    file = tmp_path / "access.json"
    tokens.add("ada", "viewer")
    assert json.loads(file.read_text())["format"] == 1 and tokens.asking() == {}
    token, secret = tokens.add("shop", "client", asks=["late", "price-*"])
    person = Tokens(tmp_path).person(secret)
    assert person.asks == ("late", "price-*") and person.may_ask("price-eu") and not person.may_ask("laten")
    assert not person.may("viewer") and not person.reads_all and not person.asks_all
    assert json.loads(file.read_text())["format"] == 2
    tokens.revoke("shop")
    assert token.secret_hash in tokens.asking()  # the door stays one
    assert [one.asks for one in tokens.all()] == [(), ("late", "price-*")]


@pytest.mark.parametrize(
    ("role", "asks", "said"),
    [("client", [], "may ask nothing"), ("client", ["a/b"], "no endpoint"), ("viewer", [""], "no endpoint")],
)
def test_endpoints_that_are_none(tmp_path, role, asks, said):
    """What names no endpoint is refused."""
    with pytest.raises(ValueError, match=said):
        Tokens(tmp_path).add("shop", role, asks=asks)


def test_clients_do_not_lock_the_pages(tmp_path):
    """A token that opens no page does not make pages of one's own machine ask for one."""
    tokens = Tokens(tmp_path)
    tokens.add("shop", "client", asks=["*"])
    assert tokens.is_empty
    tokens.add("ada", "viewer")
    assert not tokens.is_empty
