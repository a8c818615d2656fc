"""A small pipeline on a store, as a process to be killed: `python pipeline.py HOME` makes or resumes the last run.

Three steps (features: two outputs; train: model and verdict; push: none), each logged to HOME/../executed.txt when
it really runs. The last line of standard output is what `identical` means: steps, outputs, versions.
"""

import json
import sys
from pathlib import Path

from headrace import disk
from headrace.store import Staged, Store
from headrace.testing.store_cases import Note

STEPS = {
    "features": [Note("rows"), Note("columns")],
    "train": [Note("model", kind="model"), Note("verdict", kind="verdict")],
    "push": [],
}


def claim(store):
    """The unfinished run, taken over, or a new one."""
    for row in store.runs(state="running", limit=1):
        store.take_run(row.run_id)
        return row.run_id
    return store.create_run("p", {"steps": list(STEPS)}, resolved={"live": None})


def execute(store, run_id, step, executed):
    """Begin, work, commit."""
    attempt = store.begin_attempt(run_id, step, f"key of {step}")
    with executed.open("a") as file:
        file.write(f"{step}\n")
    outputs = {}
    for note in STEPS[step]:
        folder = disk.make_folder(attempt.folder / note.text)
        note.save(folder)
        outputs[note.text] = Staged(note.kind, note.digest, folder)
    result = {}
    if step == "push":
        model, verdict = STEPS["train"]
        result["version"] = store.push("late", model.digest, verdict.digest, expected_version=None, run_id=run_id)
    store.commit(attempt, outputs, result, attempt.key)


def main(home):
    """Run or resume, then say what came out."""
    with Store.open(home) as store:
        run_id = claim(store)
        for step in STEPS:
            states = {row.state for row in store.attempts(run_id, step)}
            if not states & {"succeeded", "cached"}:
                execute(store, run_id, step, home.parent / "executed.txt")
        store.finish_run(run_id, "succeeded")
        print(outcome(store))


def outcome(store):
    """Steps with their outputs and results, and the endpoint's versions, in one canonical text."""
    done = [row for run in store.runs() for row in store.attempts(run.run_id) if row.state == "succeeded"]
    plain = [[row.step, {name: item.digest for name, item in row.outputs.items()}, row.result] for row in done]
    return json.dumps([plain, [move.version for move in store.moves("late")]], sort_keys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
