"""A champion whose bytes changed: plan and run say so before anything is trained, and what they advise works."""

import pytest

from headrace.cli import main
from headrace.errors import StoreError
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.small import month


def test_the_advice_works(project, prepared, monkeypatch):
    """Refused at the champion's line; after the rollback it names, a new month is compared with a whole version."""
    monkeypatch.chdir(project.folder)
    months = prepared(project)
    months.deliver("04", month(4))
    assert months.run().endpoints == {"late": [1, 2]}
    with Store.open(load_settings(project.folder).home) as store:
        file = store.home.artifact(store.endpoint("late").model_digest) / "model.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    months.deliver("05", month(5))
    for work in (months.plan, months.run):
        with pytest.raises(StoreError, match="version 2 of endpoint 'late', the champion, is damaged") as caught:
            work()
        assert "line" in str(caught.value) and "`headrace endpoints rollback late --to 1`" in str(caught.value)
    assert main(["endpoints", "rollback", "late", "--to", "1"]) == 0
    result = months.run()
    assert result.ok and result.endpoints == {"late": [1, 2, 3]}
