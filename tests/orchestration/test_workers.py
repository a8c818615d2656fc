"""Workers and a trainer's code in a traced pipeline: what is in a step's key, and what is not."""

import headrace as hr


def features(x):
    """One feature."""
    return {"a": x.a}


CASE = {"trainer": None, "tunes": False}


@hr.pipeline
def late():
    """Fit the case's trainer, or the best that a search finds of it, by two workers."""
    data = hr.ingest("data.csv", label="late", key=["id"], split={"train": 8, "eval": 2})
    graph = hr.transform(features, data)
    trainer = CASE["trainer"]
    chosen = hr.tune(trainer, graph, data, trials=2).best if CASE["tunes"] else trainer
    hr.train(chosen, graph, data, workers=2)


def traced(trainer, *, tunes=False):
    """The train step of that pipeline."""
    CASE.update(trainer=trainer, tunes=tunes)
    return late.trace()["train"]


def test_the_number_of_workers_counts_where_it_shows(monkeypatch):
    """XGBoost's trees may differ by it; a trainer that says it cannot be seen has it beside its key."""
    node = traced(hr.XGBoost())
    assert node.arguments["workers"] == 2 and "workers" not in node.notes
    monkeypatch.setattr(hr.XGBoost, "shows_ranks", False)
    node = traced(hr.XGBoost())
    assert "workers" not in node.arguments and node.notes["workers"] == 2


def test_the_best_of_a_search_is_a_trainer_like_any_other():
    """A handle says nothing of itself while the pipeline is traced; its number of workers counts."""
    assert traced(hr.XGBoost(), tunes=True).arguments["workers"] == 2


def test_code_that_a_trainer_names_counts_for_the_best_of_a_search_too(monkeypatch):
    """What a search found may stay as it was while the code of the module changes: training must know."""
    monkeypatch.setattr(hr.XGBoost, "references", ("objective",))
    monkeypatch.setattr(hr.XGBoost, "__post_init__", lambda self: None)
    trainer = hr.XGBoost(objective="tests.orchestration.test_workers:features")
    for tunes in (False, True):
        assert traced(trainer, tunes=tunes).uses == ("tests.orchestration.test_workers:features",)
