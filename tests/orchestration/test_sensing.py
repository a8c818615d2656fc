"""Sensing: files with pipelines are found, changes of files are seen, and what they mean is said in a few words."""

import os
import sys

import pytest

from headrace.orchestration.looking import look, look_apart
from headrace.orchestration.planning import make_plan
from headrace.orchestration.sensing import find_pipeline_files, signature, what_changed

FLOW = """
    @hr.step
    def count(text: str) -> int: return len(text)

    @hr.pipeline(schedule="0 6 * * *", time_zone="Europe/Zurich")
    def flow(text: str = "abc"):
        count(text)
        hr.analyze(hr.ingest("data/{span}.parquet", spans="last 2"))
"""


def test_files_with_pipelines_are_found(tmp_path):
    """By the decorator, in any spelling, broken or not; hidden folders, environments and mere mentions are left out."""
    wanted = {
        "a.py": "import headrace as hr\n@hr.pipeline\ndef p(): pass\n",
        "broken.py": "import headrace as hr\n@hr.pipeline\ndef p(:\n",
        "deep/b.py": "from headrace import pipeline\n@pipeline(schedule='0 6 * * *')\ndef p(): pass\n",
        "deep/c.py": "import headrace\n@headrace.pipeline()\ndef p(): pass\n",
    }
    others = {
        "mention.py": '"""A headrace pipeline."""\nimport headrace\n',
        "shut.py": "import headrace\n# @hr.pipeline\ndef p(:\n",
        "sklearn.py": "@make.pipeline\ndef p(): pass\n",
        ".hidden/d.py": wanted["a.py"],
        "env/pyvenv.cfg": "",
        "env/e.py": wanted["a.py"],
        "build/f.py": wanted["a.py"],
        "latin.py": "# \xe9 headrace pipeline\n",
    }
    for name, text in (wanted | others).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="latin-1")
    assert [file.relative_to(tmp_path).as_posix() for file in find_pipeline_files(tmp_path)] == list(wanted)


def test_a_signature_sees_every_change(tmp_path):
    """A file that comes, goes, grows, is touched or is replaced by one of its size and time changes the signature."""
    file, pattern = tmp_path / "x[1].parquet", [f"{tmp_path}/*.parquet"]
    seen = [signature(pattern)]
    file.write_text("one")
    os.utime(file, ns=(0, 1000))
    seen.append(signature(pattern))
    assert signature(pattern) == seen[-1]
    os.utime(file, ns=(0, 2000))
    seen.append(signature(pattern))
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(0, 2000))
    other.rename(file)
    seen.append(signature(pattern))
    file.write_text("longer")
    seen.append(signature(pattern))
    assert len(set(seen)) == len(seen)
    file.unlink()
    assert signature(pattern) == seen[0] == ()


def rows(folder, name, value=0):
    """A span's file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"x": [value]}), folder / f"{name}.parquet")


def test_what_changed(project):
    """Spans, schema files, code, files of steps, steps and their parameters: each is named; a window's tail is not."""
    source = FLOW.replace('"last 2")', '"last 2")').replace("count(text)", 'count(text); hr.load_schema("s.yaml")')
    (project.folder / "s.yaml").write_text("format: 1\nfeatures:\n  - {name: x, kind: integer}\n")
    rows(project.folder / "data", "1")
    rows(project.folder / "data", "2")

    def plan():
        made = make_plan(project.pipeline(), {}, None)
        return made.to_plain(), made.resolved

    def now(text=source):
        project.write(text)
        return what_changed(*before, *plan())

    project.write(source)
    before = plan()
    assert now() == ["a package has another version"]  # the last guess: nothing else differs
    rows(project.folder / "data", "3")
    assert now() == ["span 3 arrived"]
    rows(project.folder / "data", "2", value=7)
    assert now() == ["span 2 changed", "span 3 arrived"]
    (project.folder / "data" / "3.parquet").unlink()
    (project.folder / "data" / "1.parquet").unlink()
    assert now() == ["span 2 changed", "span 1 is gone"]
    (project.folder / "s.yaml").write_text("format: 1\nfeatures:\n  - {name: x, kind: number}\n")
    assert "s.yaml changed" in now()
    before = plan()
    assert now(source.replace("len(text)", "len(text) + 1")) == [f"code of {project.stem}:count changed"]
    assert now(source.replace('"abc"', '"abcd"')) == ["step count changed"]
    more = source.replace("count(text);", "count(text); count(text + text);")
    assert now(more) == ["step count_2 is new"]
    assert now(source.replace('"last 2"', '"last 1"')) == ["a package has another version"]  # one span is there


@pytest.mark.slow
def test_a_look_is_of_the_file_as_it_is(project):
    """Each look sees the file anew, says what its pipelines mean, what they depend on, and what is wrong with them."""
    file, home = project.file.resolve(), project.folder / ".headrace"
    rows(project.folder / "data", "1")
    (project.folder / "beside.py").write_text("VALUE = 1\n")
    project.write("    import beside\n    print('on standard output')\n" + FLOW)
    found = look_apart(file, home)
    (flow,) = found["pipelines"]
    assert (flow["name"], flow["parameters"]) == ("flow", {"text": "abc"})
    assert flow["schedule"] == ["0 6 * * *", "Europe/Zurich"]
    assert f"{project.folder}/data/*.parquet" in found["watch"]
    assert {entry[0] for entry in found["seen"]} >= {str(file), f"{project.folder}/beside.py"}
    assert tuple(map(tuple, found["seen"])) == signature(found["watch"])
    assert look_apart(file, home)["pipelines"] == found["pipelines"]
    project.write("    import beside\n" + FLOW.replace("len(text)", "len(text) + 1"))
    assert look_apart(file, home)["pipelines"][0]["identity"] != flow["identity"]
    project.write(FLOW.replace('text: str = "abc"', "text: str"))
    assert "parameter 'text' has no value" in look_apart(file, home)["pipelines"][0]["error"]
    project.write("1 / 0")
    found = look_apart(file, home)
    assert found["pipelines"] == [] and "ZeroDivisionError" in found["error"] and found["watch"]
    assert not home.exists()


def test_a_look_in_this_process(project):
    """The function behind it can be called as it is."""
    rows(project.folder / "data", "1")
    project.write(FLOW)
    found = look(project.file.resolve(), project.folder / ".headrace")
    assert [item["name"] for item in found["pipelines"]] == ["flow"] and project.stem in sys.modules
