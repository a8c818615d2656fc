"""Memory: whether a version fits beside those that serve, said before it is loaded: a refusal, not a killed worker."""

from __future__ import annotations

import mmap
from contextlib import suppress
from pathlib import Path

from headrace.errors import HeadraceError

__all__ = ["NotEnoughMemory", "available_mb", "check_memory", "needed_mb"]

_MIB = float(1 << 20)
# Of the graph's bytes, beside these themselves: what ONNX Runtime makes of them, and the copy it makes that of.
# Measured with a table of 95 MiB (peak 304 MiB) and 150 trees of 3.3 MiB (20 MiB beside the files).
_OF_TREES, _OF_OTHERS = 6.0, 2.2
_FIXED_MB = 32.0


class NotEnoughMemory(HeadraceError, MemoryError):
    """A version does not fit now; it may later."""


def needed_mb(folder: Path) -> float:
    """How much memory the model in a folder takes at most while it is loaded, in MiB: an estimate from its files.

    Raises OSError where they cannot be read. Cost: one look through the graph's bytes.
    """
    total = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    graph = folder / "model.onnx"
    size = graph.stat().st_size if graph.exists() else 0
    has_trees = False
    if size:
        with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            has_trees = data.find(b"TreeEnsemble") >= 0
    return (total + size * (_OF_TREES if has_trees else _OF_OTHERS)) / _MIB + _FIXED_MB


def _number(path: str) -> float | None:
    with suppress(OSError, ValueError):
        return float(Path(path).read_text(encoding="ascii").split()[0])
    return None


def available_mb() -> float | None:
    """What this process may still take, in MiB: of the machine, and of its container; None where nobody says."""
    found = []
    free_kib = _field("/proc/meminfo", "MemAvailable:")
    if free_kib is not None:
        found.append(free_kib / 1024.0)
    # A container may have less; pages of files that nobody used lately are given back when they are needed.
    for limit_path, used_path, stat_path, cache in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            "/sys/fs/cgroup/memory/memory.stat",
            "total_inactive_file",
        ),
    ):
        limit, used = _number(limit_path), _number(used_path)
        if limit is not None and used is not None:
            found.append((limit - used + (_field(stat_path, cache) or 0.0)) / _MIB)
    return min(found, default=None)


def _field(path: str, name: str) -> float | None:
    with suppress(OSError, ValueError):
        for line in Path(path).read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
    return None


def check_memory(folder: Path, what: str, num_workers: int, available: float | None) -> None:
    """Raise NotEnoughMemory where the model in a folder does not fit.

    Parameters
    ----------
    folder : Path
        Of its files.
    what : str
        What is to be loaded, for the message.
    num_workers : int
        How many processes load it at the same time.
    available : float or None
        In MiB, as `available_mb` says; None = not known, and nothing is refused.
    """
    if available is None:
        return
    needed = needed_mb(folder) * num_workers
    if needed > available:
        processes = f" in {num_workers} processes" if num_workers > 1 else ""
        raise NotEnoughMemory(
            f"{what} needs about {needed:,.0f} MiB{processes} and {max(0.0, available):,.0f} MiB are free",
            fix="free memory, or keep fewer versions: headrace endpoints keep NAME --last N",
        )
