"""`headrace tokens`: a secret is printed once, and nobody else's."""

import json

import pytest

from headrace.access import Tokens
from headrace.cli import main
from headrace.cli.commands import up


@pytest.fixture
def home(tmp_path, monkeypatch, capsys):
    """A project's folder, and a way to type `headrace tokens` in it: (exit code, out, err)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADRACE_HOME", raising=False)

    def type_in(*words):
        code = main(["tokens", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return type_in


def test_add_list_revoke(home, tmp_path):
    """What is added is listed without its secret, and opens nothing after it was ended."""
    code, out, err = home("add", "ada", "--role", "operator", "--read", "flights/*", "--read", "taxis/*")
    secret = out.strip()
    assert code == 0 and "shown once" in err
    assert Tokens(tmp_path / ".headrace").person(secret).reads == ("flights/*", "taxis/*")
    code, out, _ = home("ls")
    assert code == 0 and "operator" in out and "valid" in out and secret not in out
    assert home("revoke", "ada")[0] == 0
    assert json.loads(home("ls", "-o", "json")[1])[0]["state"] == "revoked"
    assert Tokens(tmp_path / ".headrace").person(secret) is None


def test_wrong_words(home):
    """Each is a usage error with what would be right."""
    code, _, err = home("revoke", "bob")
    assert code == 2 and "no token named 'bob'" in err
    assert home("add", "ada", "--read", "flights")[0] == 2
    home("add", "ada")
    code, _, err = home("add", "ada")
    assert code == 2 and "headrace tokens revoke ada" in err
    assert home("add", "bob", "--role", "boss")[0] == 2


def test_without_the_extra(monkeypatch, capsys):
    """Where Starlette is not installed `headrace up` goes on without pages, and says the line that installs it."""
    found = up.importlib.util.find_spec
    monkeypatch.setattr(up.importlib.util, "find_spec", lambda name: None if name == "starlette" else found(name))
    assert not up._has_pages()
    assert "pip install 'headrace[web]'" in capsys.readouterr().err
