"""Beside: the versions that a worker holds beside the one it serves, why, and what whoever asks may see of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.serving.core import Refusal, Served, Serving

__all__ = ["Beside"]

Key = tuple[str, int]


class Beside:
    """What is held, and what for.

    Parameters
    ----------
    serving : Serving
        `held`, `labels`, `loading` and `refused_beside` in it are written here.
    held : mapping of (endpoint, version) to Served or None
        What is loaded; None while it loads. Shared with whoever loads.

    A version that was kept is freed only when all that are to be kept are loaded, or cannot be: new before old. One
    that a label stands for stays until the label has moved.
    """

    def __init__(self, serving: Serving, held: dict[Key, Served | None]) -> None:
        self._serving, self._held = serving, held
        self.why: dict[Key, set[str]] = {}
        self.preparing: set[Key] = set()  # what is to be served instead of what serves
        self._versions: dict[str, frozenset[int]] = {}
        self._labels: dict[str, dict[str, int]] = {}

    def keep(self, endpoint: str, versions: Sequence[int], labels: Mapping[str, int]) -> None:
        """What is to be held for who asks by number or label, from now on."""
        self._versions[endpoint] = frozenset(versions)
        self._labels[endpoint] = dict(labels)
        refused = self._serving.refused_beside.get(endpoint, {})
        left = {version: one for version, one in refused.items() if version in versions}
        self._serving.refused_beside = {**self._serving.refused_beside, endpoint: left}
        self.show(endpoint)

    def refuse(self, key: Key, digest: str, reason: str) -> None:
        """A version could not be loaded."""
        if "keep" in self.why.pop(key, ()):
            known = self._serving.refused_beside
            refusal = Refusal(key[1], digest, reason)
            self._serving.refused_beside = {**known, key[0]: {**known.get(key[0], {}), key[1]: refusal}}

    def show(self, endpoint: str) -> None:
        """Have whoever asks see what there is: each dict is replaced whole, since other threads read it."""
        serving = self._serving
        mine = {version: one for (name, version), one in self._held.items() if name == endpoint}
        kept = {
            version: one
            for version, one in mine.items()
            if one is not None and "keep" in self.why.get((endpoint, version), ())
        }
        live = serving.endpoints.get(endpoint)
        there = {*kept, *(() if live is None else (live.version,))}
        before = serving.labels.get(endpoint, {})
        labels = {}
        for label, version in self._labels.get(endpoint, {}).items():
            found = version if version in there else before.get(label, version)
            if found in there:
                labels[label] = found
        refused = {
            version: one for version, one in serving.refused_beside.get(endpoint, {}).items() if version not in there
        }
        serving.labels = {**serving.labels, endpoint: labels}
        serving.held = {**serving.held, endpoint: kept}
        serving.refused_beside = {**serving.refused_beside, endpoint: refused}
        loading = {version for version, one in mine.items() if one is None}
        loading |= {version for name, version in self.preparing if name == endpoint and version not in there}
        serving.loading = {**serving.loading, endpoint: loading}

    def take_unneeded(self) -> list[Served]:
        """What nothing needs any more; it is held no longer."""
        found = []
        for endpoint in {name for name, _ in self._held} | set(self._versions):
            self.show(endpoint)
            mine = [key for key in self._held if key[0] == endpoint]
            is_loading = any(self._held[key] is None and "keep" in self.why.get(key, ()) for key in mine)
            labelled = set(self._serving.labels.get(endpoint, {}).values())
            wanted = self._versions.get(endpoint, frozenset())
            for key in mine:
                served, reasons = self._held[key], self.why.get(key, set())
                if served is None:
                    continue
                if "keep" in reasons and key[1] not in wanted and key[1] not in labelled and not is_loading:
                    reasons.discard("keep")
                if not reasons:
                    found.append(served)
                    del self._held[key]
                    self.why.pop(key, None)
            self.show(endpoint)
        return found
