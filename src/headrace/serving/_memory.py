"""Memory: whether a version fits beside those that serve, said before it is loaded: a refusal, not a killed worker."""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress
from pathlib import Path

from headrace.errors import HeadraceError

__all__ = [
    "NotEnoughMemory",
    "available_mb",
    "bound_memory",
    "check_memory",
    "is_out_of_memory",
    "needed_mb",
    "total_mb",
]

_MIB = float(1 << 20)
# Of the graph's bytes, beside these themselves: what ONNX Runtime makes of them, and the copy it makes that of.
# Measured with a table of 95 MiB (peak 304 MiB) and 150 trees of 3.3 MiB (20 MiB beside the files).
_OF_TREES, _OF_OTHERS = 6.0, 2.2
_FIXED_MB = 32.0
# Of the machine's memory, what its workers may take together where the setting says nothing; each at least so much.
_SHARE, _LEAST_MB = 0.8, 1024.0
_STACK_MB = 8.0


# What ONNX Runtime 1.32 says when it is given no memory, or asks for more than there are addresses; its classes share
# no base, and none is for this alone.
_NO_MEMORY = (
    "Failed to allocate memory",
    "bad_alloc",
    "bad allocation",
    "storage size overflowed",
    "SafeIntOnOverflow",
)


class NotEnoughMemory(HeadraceError, MemoryError):
    """A version, or what a request has it do, does not fit now; it may later."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether something failed because there was no memory for it.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError("Failed to allocate memory for 7 bytes"))
    (True, True)
    """
    return isinstance(error, MemoryError) or any(word in str(error) for word in _NO_MEMORY)


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
    weights = folder / "weights.safetensors"  # mapped, and packed by ONNX Runtime once more
    total += weights.stat().st_size if weights.exists() else 0
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


def bound_memory(worker_mb: int, num_workers: int, num_threads: int) -> float | None:
    """Have the system refuse this process memory beyond a bound: what asks for it fails, not the machine.

    A graph decides while it runs how much it takes, by what it is asked: no look at it beforehand can tell. The bound
    is RLIMIT_DATA, which counts what is written to and belongs to this process alone, whether it was written to yet or
    not; what is reserved today and not used, and stacks of threads to come, are allowed beside it.

    Parameters
    ----------
    worker_mb : int
        As the setting says: 0 = by what the machine has, -1 = no bound.
    num_workers : int
        Among whom that is shared out.
    num_threads : int
        That may be started later.

    Returns the bound in MiB; None where there is none, as on every system but Linux.
    """
    total = total_mb()
    if worker_mb < 0 or sys.platform != "linux" or (worker_mb == 0 and total is None):
        return None
    import resource

    bound = float(worker_mb) if worker_mb else max(_LEAST_MB, _SHARE * (total or 0.0) / num_workers)
    taken, used = _field("/proc/self/status", "VmData:"), _field("/proc/self/status", "RssAnon:")
    reserved = 0.0 if taken is None or used is None else max(0.0, taken - used) / 1024.0
    stack, hard = resource.getrlimit(resource.RLIMIT_STACK)[0], resource.getrlimit(resource.RLIMIT_DATA)[1]
    stacks = num_threads * (_STACK_MB if stack == resource.RLIM_INFINITY else stack / _MIB)
    limit = int((bound + reserved + stacks) * _MIB)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    return bound


def total_mb() -> float | None:
    """The memory of the machine, or of its container where that has less, in MiB; None where nobody says."""
    found = []
    total_kib = _field("/proc/meminfo", "MemTotal:")
    if total_kib is not None:
        found.append(total_kib / 1024.0)
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limit = _number(path)
        if limit is not None:
            found.append(limit / _MIB)
    return min(found, default=None)


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
