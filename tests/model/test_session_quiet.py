"""What opening a session does beside running graphs: nothing."""

import subprocess
import sys


def test_nothing_is_reported_about_its_use(tmp_path):
    """ONNX Runtime's telemetry is off: no device's id and no store of events appear in the home of who imports it."""
    code = "import headrace.model.session, onnxruntime; print(onnxruntime.get_available_providers()[-1])"
    quiet = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=quiet, capture_output=True, text=True, check=True)
    assert done.stdout == "CPUExecutionProvider\n"
    assert list(tmp_path.rglob("*")) == []
