"""Crawling: every page that can be reached by links, and what a browser would make of its markup."""

from html.parser import HTMLParser
from urllib.parse import urljoin

from tests.web.conftest import BASE

VOID = {"meta", "link", "input", "br", "hr", "img", "col", "path", "line", "rect", "circle"}


class Markup(HTMLParser):
    """The elements of a page with their attributes, its text, its links and what is wrong with it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.links, self.ids = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """An element begins."""
        given = dict(attrs)
        self.elements.append((tag, given))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if given.get("id"):
            self.ids.append(given["id"])

    def handle_data(self, data):
        """Text."""
        self.texts.append(data)

    @property
    def text(self):
        """All of it."""
        return "".join(self.texts)

    def faults(self):
        """What no page of ours may hold: scripts and style that are not ours, code in attributes, labels that lack."""
        found = []
        for tag, given in self.elements:
            if tag in ("img", "iframe", "object", "embed", "base", "style", "svg:script", "form:x"):
                found.append(f"<{tag}>")
            if tag == "script" and not (given.get("src") or "").startswith("/assets/"):
                found.append("a script that is not ours")
            if tag == "link" and not (given.get("href") or "").startswith("/"):
                found.append(f"a link to {given.get('href')}")
            for name, value in given.items():
                if name.startswith("on") or name == "style" or "javascript:" in (value or "").lower():
                    found.append(f"{tag} {name}={value}")
            if tag == "th" and not given.get("scope"):
                found.append("a heading of a table without a scope")
            if tag == "svg" and not ({"role", "aria-hidden"} & set(given)):
                found.append("a drawing without a role")
        fields = [given for tag, given in self.elements if tag in ("input", "select") and given.get("type") != "hidden"]
        labelled = {given.get("for") for tag, given in self.elements if tag == "label"}
        num_wrapped = sum(tag == "label" and "for" not in given for tag, given in self.elements)
        loose = [given for given in fields if given.get("id") not in labelled and not given.get("aria-label")]
        if len(loose) > num_wrapped:
            found.append(f"fields without a label: {loose}")
        if sum(tag == "h1" for tag, _ in self.elements) != 1:
            found.append("not one h1")
        if len(self.ids) != len(set(self.ids)):
            found.append(f"an id twice: {sorted(self.ids)}")
        return found


def crawl(client, start="/", most=400, leave=()):
    """Address -> Markup of every page that links lead to from one, but those that begin so; each must be there."""
    pending, pages = [start], {}
    while pending:
        path = pending.pop(0)
        if path in pages:
            continue
        assert len(pages) < most, "too many pages"
        answer = client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        if not answer.headers["content-type"].startswith("text/html"):
            pages[path] = None
            continue
        pages[path] = Markup(answer.text)
        for link in pages[path].links:
            target = urljoin(BASE + path, link)
            assert target.startswith(BASE + "/"), f"{path} leads away to {target}"
            local = target.removeprefix(BASE).partition("#")[0]
            if local not in pages and not local.startswith(tuple(leave)):
                pending.append(local)
    return pages
