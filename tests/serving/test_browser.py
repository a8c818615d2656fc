"""The page to try an endpoint in a real browser."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.serving.conftest import running
from tests.web.browser.teller import PYTHON, find_chromium


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_answers_and_says_why(pushed):
    """Light and dark, wide and narrow, by the keyboard: no error, no other host, what is wrong is marked and told."""
    if not PYTHON.exists() or find_chromium() is None:
        pytest.skip("NO BROWSER: sh tools/environment.sh browser, and apt-get install chromium")
    with running(pushed.home) as (client, _):
        url = str(client.base_url).rstrip("/")
        command = [str(PYTHON), str(Path(__file__).with_name("browse.py")), url, find_chromium()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        told = json.loads(done.stdout)
    assert told["faults"] == []
    light, dark = told["seen"]["light"], told["seen"]["dark"]
    assert 0 <= float(light["prediction"]) <= 1 and light["prediction"] == dark["prediction"]
    assert light["rows"] == dark["rows"] == len(pushed.model.columns)
    assert light["background"] != dark["background"]
    for one in (light, dark):
        assert (one["is_wider"], one["unlabelled"], one["marked"]) == (False, 0, "hour")
