"""The room: it alone imports what the extra installs, and what it serves comes from the package."""

import re
import tomllib

from headrace.web.assets import address
from headrace.web.routes import ROUTES
from headrace.web.views import people
from tests.pages import ROOT

SOURCE = ROOT / "src" / "headrace"


def test_no_other_room_imports_the_extra():
    """Without Starlette and Jinja all else works: no other room names them in an import."""
    pattern = re.compile(r"^\s*(?:from|import) (?:starlette|jinja2|anyio|python_multipart)\b", re.MULTILINE)
    files = [file for file in SOURCE.rglob("*.py") if pattern.search(file.read_text(encoding="utf-8"))]
    assert {file.relative_to(SOURCE).parts[0] for file in files} == {"web"}


def test_what_it_needs_is_in_the_wheel():
    """Templates, style and script are package data."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        patterns = tomllib.load(stream)["tool"]["setuptools"]["package-data"]["headrace"]
    kept = {file for pattern in patterns for file in SOURCE.glob(pattern)}
    own = {file for file in (SOURCE / "web").rglob("*") if file.suffix in (".html", ".css", ".js")}
    assert own and own <= kept


def test_every_template_is_used():
    """A page that no view shows is not kept."""
    shown = {
        name
        for file in (SOURCE / "web").rglob("*.py")
        for name in re.findall(r'Page\(\s*"(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert {file.stem for file in (SOURCE / "web" / "templates").glob("*.html")} == shown | {"layout", "macros"}


def test_assets(pages):
    """They are served by name from a list, to anybody, to be kept: their address changes with what they hold."""
    for name in ("headrace.css", "headrace.js", "icon.svg"):
        answer = pages.client.get(address(name))
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    for name in ("nothing", "..%2f__init__.py", "../app.py", "web.css"):
        assert pages.client.get(f"/assets/{name}").status_code == 404
    style = pages.client.get(address("headrace.css")).text
    assert "http" not in style.replace("http://www.w3.org", "") and "@import" not in style and "url(" not in style


def test_the_theme_is_in_the_page(pages):
    """What a browser chose comes with the page, so that it does not flash; nothing else gets into it."""
    for chosen, said in (("dark", 'data-theme="dark"'), ("light", 'data-theme="light"'), ('x" onload="y', "")):
        page = pages.client.get("/runs", headers={"cookie": f"headrace_theme={chosen}"}).text
        head = page.partition(">")[2][:80]
        assert said in head if said else "data-theme" not in head and "onload" not in page


def test_live(pages):
    """Whether it lives is told to anybody, and nothing else."""
    assert any(route.view is people.live for route in ROUTES)
    pages.secret("admin")
    answer = pages.client.get("/health/live")
    assert (answer.status_code, answer.text) == (200, '{"live":true}\n')
