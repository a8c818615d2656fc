"""Tracing: the graph is what was written, arguments are plain, mistakes are told at the user's line."""

import pytest

import headrace as hr
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.orchestration.handles import Reference

STEPS = """
    @hr.step
    def make(n: int, *, deep=None) -> list: return list(range(n))
    @hr.step
    def add(a, b=1): return a
"""


def test_graph_follows_data(project):
    """Steps are named after what they call, numbered from the second on; arguments hold references at any depth."""
    project.write(
        STEPS
        + """
    @hr.pipeline
    def p(n: int = 3):
        first = make(n)
        make(n, deep={"x": [first, 2]})
        add(first)
    """
    )
    graph = project.pipeline().trace(n=4)
    assert [node.name for node in graph.nodes] == ["make", "make_2", "add"]
    assert graph["make_2"].arguments == {"n": 4, "deep": {"x": [Reference("make", "output"), 2]}}
    assert graph["make_2"].needs == (Reference("make", "output"),)
    assert graph["add"].arguments == {"a": Reference("make", "output"), "b": 1}
    assert graph["add"].call == f"{project.stem}:add"
    assert graph["add"].line == project.line("add(first)")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("make({1, 2})", "n of make is a set"),
        ("make(3, deep={1: 2})", "has the key 1"),
        ("make(3, deep={'@': 2})", "has the key '@'"),
        ("make()", "lacks n"),
        ("make(3, depe=1)", "unexpected keyword argument 'depe'"),
        ("make(open)", "plain data"),
        ("if make(3): pass", "used as a condition"),
        ("p()", r"p\.run\(\)"),
    ],
)
def test_mistakes_have_a_line(project, body, message):
    """What cannot be recorded is a Misuse that names the pipeline's file and line."""
    project.write(
        STEPS
        + f"""
    @hr.pipeline
    def p():
        {body}
    """
    )
    with pytest.raises(Misuse, match=message) as caught:
        project.pipeline().trace()
    assert project.line(body) in str(caught.value)


def test_calling_a_pipeline_names_run(project):
    """Calling a pipeline raises, and the message is the line to write instead."""
    pipeline = project.write("""
        @hr.pipeline
        def flights(max_depth=8): pass
    """).pipeline()
    with pytest.raises(Misuse, match=r"flights\.run\(max_depth=6\)"):
        pipeline(max_depth=6)


def test_handles_of_another_trace(project):
    """A handle kept from an earlier call of the pipeline is refused."""
    project.write(
        STEPS
        + """
    kept = []
    @hr.pipeline
    def p():
        kept.append(make(3))
        add(kept[0])
    """
    )
    project.pipeline().trace()
    with pytest.raises(Misuse, match="handle of another"):
        project.pipeline().trace()


def test_parameters(project):
    """Parameters are plain values by name, with defaults; texts become what annotation or default says."""
    pipeline = project.write("""
        @hr.pipeline
        def p(must: int, rate=0.5, name: str = "x", on: bool = False, any=None): pass
    """).pipeline()
    assert pipeline.bind({"must": 1}) == {"must": 1, "rate": 0.5, "name": "x", "on": False, "any": None}
    parsed = [pipeline.parse(*item) for item in (("must", "3"), ("rate", "1"), ("name", "7"), ("on", "yes"))]
    assert parsed == [3, 1.0, "7", True]
    assert [pipeline.parse("any", text) for text in ("[1]", "x", "null")] == [[1], "x", None]
    with pytest.raises(InvalidInput, match="'must' has no value"):
        pipeline.bind({})
    with pytest.raises(UnknownName, match="did you mean 'rate'"):
        pipeline.bind({"must": 1, "rat": 2})
    with pytest.raises(InvalidInput, match="'three' is not of type int"):
        pipeline.parse("must", "three")
    with pytest.raises(InvalidInput, match="parameter 'any'"):
        pipeline.bind({"must": 1, "any": object()})


def test_a_pipeline_is_a_plain_function():
    """What is not a function at the top of a module, or takes *args, is refused."""

    def nested():
        pass

    for bad in (nested, lambda: None, print):
        with pytest.raises(Misuse, match="top level"):
            hr.pipeline(bad)


def test_files_and_names(project):
    """No file, no pipeline, two pipelines, a broken file, a name that is taken: each has its own message."""
    with pytest.raises(InvalidInput, match="no such file"):
        project.pipeline()
    with pytest.raises(InvalidInput, match="holds no pipeline"):
        project.write("").pipeline()
    project.write("""
        @hr.pipeline
        def one(): pass
        @hr.pipeline
        def two(): pass
    """)
    with pytest.raises(InvalidInput, match=r"name one of: .*\.py:one, .*\.py:two"):
        project.pipeline()
    assert project.pipeline("two").name == "two"
    with pytest.raises(UnknownName, match="no pipeline named 'three'"):
        project.pipeline("three")
    with pytest.raises(InvalidInput, match=r"NameError.*line 2"):
        project.write("x = y").pipeline()
    with pytest.raises(InvalidInput, match=r"SyntaxError.*line 2"):
        project.write("x = (").pipeline()
    taken = project.folder / "json.py"
    taken.write_text("")
    from headrace.orchestration import load_pipeline

    with pytest.raises(InvalidInput, match="loaded already"):
        load_pipeline(taken)
