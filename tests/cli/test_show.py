"""`headrace show`: pages from the command line."""

import json
from pathlib import Path

from tests.cli.test_looking import home  # noqa: F401  # the fixture
from tests.report.looked_at import check_page


def test_show_writes_pages_and_prints_the_path(home, tmp_path, monkeypatch):  # noqa: F811
    """Where no browser can be opened the path is all that is printed, and the page is there."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert home("run", "looked_at_flow.py")[0] == 0
    code, out, _ = home("show")
    assert code == 0
    path = tmp_path / ".headrace" / "pages"
    assert out.strip().startswith(str(path)) and out.endswith(".html\n")
    check_page(Path(out.strip()).read_text(encoding="utf-8"))


def test_show_writes_one_file_where_it_is_told(home, tmp_path):  # noqa: F811
    """`-o html FILE` writes that page alone; `-` is standard output; another format is refused."""
    home("run", "looked_at_flow.py")
    code, out, err = home("show", "two", "-o", "html", "two.html")
    assert (code, out) == (0, "") and "two.html" in err
    written = (tmp_path / "two.html").read_text(encoding="utf-8")
    assert check_page(written).text.count("2") and home("show", "two", "-o", "html", "-")[1] == written
    code, _, err = home("show", "two", "-o", "pdf", "two.pdf")
    assert code == 2 and "-o html FILE" in err


def test_show_says_what_it_cannot_show(home):  # noqa: F811
    """No store, no such step, a step that failed: one line, with what to do."""
    assert home("show")[0] == 4
    home("run", "looked_at_flow.py", "--set", "x=0")
    code, _, err = home("show", "tow")
    assert code == 2 and "did you mean 'two'" in err
    code, _, err = home("show", "one")
    assert code == 2 and "made nothing: it is failed" in err and "headrace show" in err
    code, out, _ = home("show", "-o", "html", "-")
    assert code == 0 and "one failed: " in check_page(out).text
    assert json.loads(home("status", "-o", "json")[1])[0]["state"] == "failed"
