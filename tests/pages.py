"""The fences of a page: what is run, what is written to a file, what is only shown.

```python                 run, in the page's one namespace and folder
```python no-run          shown: it must compile
```python file=NAME       written to that file
```python with-file       run where the files of this page are part of the package (docs/extending)
```console                typed at a prompt, and its output compared
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Fence", "fences", "pages"]

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Fence:
    """One fence: its language, the mark behind it, and its text."""

    language: str
    mark: str
    text: str

    @property
    def file(self) -> str | None:
        """The path it is written to, where it is."""
        return self.mark.removeprefix("file=") if self.mark.startswith("file=") else None


def fences(page: Path) -> list[Fence]:
    """All fences of a page, in order."""
    return [Fence(*found) for found in _FENCE.findall(page.read_text(encoding="utf-8"))]


def pages() -> list[Path]:
    """README and every page of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
