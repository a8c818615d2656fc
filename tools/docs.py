"""`make docs`: the pages of docs/ and a reference written from the package, as a site in site/ that is read offline.

The pages are copied to build/docs, the reference is written beside them, Sphinx makes HTML of both, and what came out
is checked: every link inside the site leads somewhere, nothing is asked of another host, every public name has an
entry. `--check` makes the site elsewhere and throws it away.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reference import public_names, write_reference

__all__ = ["build", "problems"]

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".venvs" / "docs"

# What a browser asks for by itself when it shows a page; a link that a person may follow is not among them.
_ASKS = {("script", "src"), ("img", "src"), ("source", "src"), ("iframe", "src"), ("link", "href"), ("object", "data")}
_FOREIGN_CSS = re.compile(r"""(?:@import\s*|url\(\s*)["']?(?:https?:)?//[^"')]+""")


class _Page(HTMLParser):
    """The ids a page has, the links it holds, and what a browser would ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.asked: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids, links and requests."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            if tag == "a" and name == "href" and value:
                self.links.append(value)
            if (tag, name) in _ASKS and value:
                self.asked.append(value)


def build(site: Path) -> None:
    """Make the site; any warning of Sphinx ends the run, and so does a public name without an entry."""
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "docs"
        shutil.copytree(ROOT / "docs", pages)
        missing = sorted(set(public_names()) - set(write_reference(pages / "reference")))
        if missing:
            raise SystemExit(f"docs: no reference entry for {', '.join(missing)}")
        shutil.rmtree(site, ignore_errors=True)
        command = [str(ENVIRONMENT / "bin" / "python"), "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
        done = subprocess.run([*command, "-d", str(Path(folder) / "doctrees"), str(pages), str(site)])
        if done.returncode:
            raise SystemExit(f"docs: sphinx ended with {done.returncode}")


def problems(site: Path) -> list[str]:
    """What is wrong with a site: links that lead nowhere, and requests to other hosts; one line each."""
    pages = {file: _Page(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        name = file.relative_to(site)
        for asked in page.asked:
            if urlsplit(asked).netloc:
                found.append(f"{name}: asks {asked}")
            elif not asked.startswith(("data:", "#")) and not (file.parent / unquote(urlsplit(asked).path)).exists():
                found.append(f"{name}: asks for {asked}, which is not there")
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.exists():
                found.append(f"{name}: links to {link}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                found.append(f"{name}: links to {link}, which has no such place")
    for file in sorted([*site.rglob("*.css"), *site.rglob("*.svg")]):
        found += [f"{file.relative_to(site)}: asks {match}" for match in _FOREIGN_CSS.findall(file.read_text("utf-8"))]
    return found


def main() -> None:
    """Build, check, say where it is."""
    if not (ENVIRONMENT / "bin" / "python").exists():
        raise SystemExit("docs: no .venvs/docs; make docs, or: sh tools/environment.sh docs")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site" if "--check" in sys.argv else ROOT / "site"
        build(site)
        found = problems(site.resolve())
        if found:
            raise SystemExit("\n".join(["docs:", *found]))
        num_pages = len(list(site.rglob("*.html")))
        size_mb = sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) / 1e6
        took = time.monotonic() - start
        print(f"docs: {num_pages} pages, {size_mb:.1f} MB in {took:.1f} s; open {site / 'index.html'}")


if __name__ == "__main__":
    main()
