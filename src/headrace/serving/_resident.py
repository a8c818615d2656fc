"""What this process has in memory, and the most that it may: for a process whose only work is to be measured."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["limit_memory", "peak_mb", "resident_mb"]

_MIB = float(1 << 20)
_RESERVED_MB = 8192


def _status(name: str) -> float | None:
    """A field of /proc/self/status in MiB; None where there is no such file."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    found = [line for line in text.splitlines() if line.startswith(name + ":")]
    return int(found[0].split()[1]) / 1024.0 if found else None


def peak_mb() -> float:
    """The most that was resident since this process began."""
    import resource

    found = _status("VmHWM")
    if found is not None:
        return found
    unit = 1.0 if sys.platform == "darwin" else 1024.0  # bytes there, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MIB


def resident_mb() -> float:
    """What is resident now; the peak where that is not known, which grows with it."""
    found = _status("VmRSS")
    return peak_mb() if found is None else found


def limit_memory(memory_mb: float, timeout_s: float) -> None:
    """Have the kernel refuse more memory than that, beside what there is already, and more processor time."""
    import resource

    from headrace.contained import Limits, limit_this_process

    # Of what may be written to; of address space allocators and threads reserve more than they ever use.
    data_mb = (_status("VmData") or 4096.0) + memory_mb
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = int(data_mb) << 20
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    address_mb = (_status("VmSize") or 8192.0) + memory_mb + _RESERVED_MB
    # Whoever started it watches the time; this is for when that one is gone.
    limit_this_process(Limits(seconds=2.0 * timeout_s, memory_mb=int(address_mb)))
