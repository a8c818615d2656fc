"""A step while it runs: how far it is, what it has printed, how the loss goes."""

import json

from headrace.progress import Done


def going(pages, step="train"):
    """A run that goes on here, with a step that runs."""
    run = pages.store.runs(limit=1)[0]
    made = pages.store.create_run(run.pipeline, run.plan, resolved=run.resolved)
    pages.store.begin_attempt(made, step, "a-key", inputs={})
    folder = pages.store.home.logs / made
    folder.mkdir()
    return made, folder


def test_how_far_it_is(pages):
    """Progress and printed lines are on the page, which is asked for again and again while it runs."""
    run, folder = going(pages)
    done = Done("trees", 50, 200, "trees", 10.0)
    (folder / "train.progress").write_text(json.dumps(done.to_plain()))
    (folder / "train.log").write_text("round 50\n")
    page = pages.client.get(f"/runs/{run}/steps/train").text
    assert '<progress max="200" value="50">' in page and "round 50" in page and 'data-live="1000"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert pages.data(f"/runs/{run}/steps/train")["progress"]["number"] == 50
    (folder / "train.progress").write_text("{")  # it is being written
    assert pages.data(f"/runs/{run}/steps/train")["progress"] is None
    other = pages.client.get(f"/runs/{run}/steps/evaluate")
    assert other.status_code == 200 and pages.data(f"/runs/{run}/steps/evaluate")["state"] == "not run"
    pages.store.finish_run(run, "failed")
    assert 'data-live="0"' in pages.client.get(f"/runs/{run}/steps/train").text


def test_how_the_loss_goes(pages):
    """What the trainer reports is drawn while it fits; of several attempts the newest counts."""
    run, folder = going(pages)
    records = [{"kind": "begin"}, {"kind": "step", "step": 0, "values": {"train": 99.0}}, {"kind": "begin"}]
    records += [{"kind": "step", "step": n, "values": {"train": 1 / (n + 1), "odd": "NaN"}} for n in range(1000)]
    text = "".join(json.dumps({"time_us": 0, **record}) + "\n" for record in records)
    (folder / "train.jsonl").write_text(text + '{"kind": "st')
    page = pages.client.get(f"/runs/{run}/steps/train").text
    assert "Loss by round" in page
    points = pages.data(f"/runs/{run}/steps/train")["training"]
    assert list(points) == ["train"] and points["train"][0] == [0, 1.0] and points["train"][-1] == [999, 0.001]
    assert len(points["train"]) < 500
    pages.store.finish_run(run, "failed")


def test_what_went_in_and_came_out(pages):
    """Inputs and outputs are linked to their pages, and a cached step to the run that did the work."""
    page = pages.data(f"/runs/{pages.run_id}/steps/train")
    assert {item["kind"] for item in page["outputs"].values()} == {"model"}
    digests = [item["digest"] for item in [*page["inputs"].values(), *page["outputs"].values()]]
    text = pages.client.get(f"/runs/{pages.run_id}/steps/train").text
    assert len(digests) >= 3 and all(f'href="/artifacts/{digest}"' in text for digest in digests)
    first = pages.run_id
    assert pages.months.run(trees=4).ok
    again = pages.data(f"/runs/{pages.run_id}/steps/train")
    assert (again["state"], again["made_by"]) == ("cached", first)
    assert "cached" in again["why"]
    assert pages.client.get(f"/runs/{first}/steps/nothing").status_code == 404
