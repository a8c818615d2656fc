"""A finding names the file and the line that a person delivered."""

import pytest

from headrace.orchestration.runner import run_pipeline

CSV = """
    @hr.pipeline
    def flow():
        raw = hr.ingest("data.csv")
        schema = hr.load_schema("schema.yaml", otherwise=hr.infer_schema(hr.analyze(raw)))
        hr.validate(raw, schema, previous=hr.previous(raw)).accepted
"""


@pytest.mark.parametrize(("first", "place"), [("a", "row 3, line 5)"), ('"a\nb"', "row 3)")])
def test_a_word_among_numbers(project, first, place):
    """The word, its row in the file, and its line where each row is a line; else no line is told."""
    project.write(CSV)
    file = project.folder / "data.csv"
    text = "\n".join(["x,t", f"0.5,{first}", *(f"{row * 4 + 0.5},a" for row in range(1, 60))]) + "\n"
    file.write_text(text)
    assert run_pipeline(project.pipeline(), {}, in_process=True).ok
    file.write_text(text.replace("\n12.5,", "\nforty,"))
    result = run_pipeline(project.pipeline(), {}, in_process=True)
    (told,) = result.steps["validate"].result["items"]
    assert result.state == "rejected"
    assert told.endswith(f"1 of 60 values is no number, the first 'forty' (data.csv, {place}")
