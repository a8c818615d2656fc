"""What every page promises, as checks that any test of a page makes: `check_page(html)` and `check_card(html)`."""

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

VOID = {"br", "col", "hr", "img", "input", "link", "meta"}


class Element:
    """One element: its name, its attributes, what is in it."""

    def __init__(self, name, attributes, parent):
        self.name, self.attributes, self.parent = name, dict(attributes), parent
        self.children, self.pieces = [], []

    @property
    def text(self):
        """All text in it."""
        return "".join(piece if isinstance(piece, str) else piece.text for piece in self.pieces)

    def all(self, name=None):
        """Every element in it of that name, in order."""
        for child in self.children:
            if name is None or child.name == name:
                yield child
            yield from child.all(name)

    @property
    def classes(self):
        """Its classes."""
        return (self.attributes.get("class") or "").split()


class Tree(HTMLParser):
    """The page as a tree; fails where an element is not closed in its place, or an attribute is given twice."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", (), None)
        self.feed(html)
        self.close()
        assert self.here is self.root, f"<{self.here.name}> is never closed"

    def handle_starttag(self, tag, attrs):
        """An element begins."""
        assert len({key for key, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        made = Element(tag, attrs, self.here)
        self.here.children.append(made)
        self.here.pieces.append(made)
        if tag not in VOID:
            self.here = made

    def handle_endtag(self, tag):
        """An element ends: the one that is open."""
        assert self.here.name == tag, f"</{tag}> closes <{self.here.name}>"
        self.here = self.here.parent

    def handle_data(self, data):
        """Text."""
        self.here.pieces.append(data)


def tree(html):
    """The page's root element."""
    return Tree(html).root


def check_card(html):
    """What holds of a page and of the short form alike; returns the tree."""
    root = tree(html)
    for element in root.all():
        for key, value in element.attributes.items():
            assert not key.startswith("on"), f"{key} would run a script"
            assert key != "style", "a style attribute is refused by the page's own policy"
            assert key != "src", "nothing is loaded"
            if key == "href":
                assert re.fullmatch(r"#[\w-]+|[0-9a-f]{64}\.html", value), f"{value} leads out of the page"
    for svg in root.all("svg"):
        if svg.attributes.get("aria-hidden") != "true":
            assert svg.attributes["role"] == "img"
            assert svg.children[0].name == "title" and svg.children[0].text.strip(), "a drawing without a name"
        numbers = [value for item in svg.all() for value in item.attributes.values() if value]
        assert not any(re.search(r"\b(nan|inf|None)\b", value) for value in numbers), "a drawing of no number"
    for table in root.all("table"):
        assert table.children[0].name == "caption" and table.children[0].text.strip()
        widths = {len([cell for cell in row.children if cell.name in ("td", "th")]) for row in table.all("tr")}
        assert len(widths) == 1, f"rows of {widths} cells"
    for head in root.all("th"):
        assert head.attributes.get("scope") in ("col", "row")
    for element in root.all():
        if element.attributes.get("tabindex") is not None:
            assert element.attributes["role"] == "region" and element.attributes["aria-label"].strip()
    style = "".join(item.text for item in root.all("style"))
    assert "url(" not in style and "@import" not in style and "http" not in style
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html), "control characters"
    html.encode("utf-8")
    return root


def check_page(html):
    """What holds of a whole page; returns the tree."""
    assert html.startswith("<!DOCTYPE html>\n<html lang=")
    root = check_card(html.removeprefix("<!DOCTYPE html>"))
    ids = [element.attributes["id"] for element in root.all() if "id" in element.attributes]
    assert len(set(ids)) == len(ids), "an id is there twice"
    for link in root.all("a"):
        target = link.attributes["href"]
        assert not target.startswith("#") or target[1:] in ids, f"{target} leads nowhere"
    assert (
        len(list(root.all("h1")))
        == len(list(root.all("main")))
        == len(list(root.all("title"))) - len([item for svg in root.all("svg") for item in svg.all("title")])
    )
    levels = [int(item.name[1]) for item in root.all() if re.fullmatch(r"h[1-6]", item.name)]
    assert levels[0] == 1 and all(now <= before + 1 for before, now in itertools.pairwise(levels))
    (policy,) = [m.attributes["content"] for m in root.all("meta") if "http-equiv" in m.attributes]
    assert policy.startswith("default-src 'none';")
    for name in ("style", "script"):
        (element,) = root.all(name)
        found = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{found}'" in policy
    (first,) = [a for a in root.all("a") if "skip" in a.classes]
    assert first.attributes["href"] == "#content"
    return root
