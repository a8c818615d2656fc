"""@hr.step: what can be one, what its outputs are, what it does outside a pipeline."""

import pytest

import headrace as hr
from headrace.errors import InvalidInput, Misuse
from headrace.orchestration.steps import Step


def test_lambda_nested_and_methods_are_refused():
    """What another process could not import by name is refused at its own line."""

    class Holder:
        def method(self):
            pass

        @staticmethod
        def bare():
            pass

    def nested():
        pass

    async def later():
        pass

    for bad in (lambda x: x, nested, Holder.method, Holder().method, Holder.__dict__["bare"], later, Holder, print):
        with pytest.raises(Misuse, match="top level of a module"):
            hr.step(bad)
    with pytest.raises(Misuse, match=r"test_steps\.py, line \d+"):
        hr.step(nested)


def test_options_are_checked():
    """A retry or time-out that cannot be meant is refused when it is written."""
    with pytest.raises(InvalidInput, match="retries"):
        hr.step(retries=-1)(test_options_are_checked)
    with pytest.raises(InvalidInput, match="timeout_s"):
        hr.step(timeout_s=0)(test_options_are_checked)


def test_outside_a_pipeline_it_is_the_function(project):
    """Called anywhere else, a step is its function, name, docstring and all."""
    module = project.write('''
        @hr.step(retries=2)
        def double(x: int, *more, scale=2, **named) -> int:
            """Twice."""
            return x * scale + sum(more) + sum(named.values())
    ''').module()
    assert isinstance(module.double, Step)
    assert module.double(3) == 6
    assert module.double(3, 1, 2, scale=1, a=4) == 10
    assert (module.double.__name__, module.double.__doc__, module.double.patience.retries) == ("double", "Twice.", 2)


def test_kinds_follow_from_annotations(project):
    """The return annotation says an output's kind; a NamedTuple gives an output a field; none says nothing."""
    module = project.write("""
        from typing import Any, NamedTuple
        import pyarrow as pa

        class Two(NamedTuple):
            rows: pa.Table
            count: int

        @hr.step
        def plain() -> dict[str, int]: ...
        @hr.step
        def table() -> pa.Table: ...
        @hr.step
        def data() -> hr.Dataset: ...
        @hr.step
        def two() -> Two: ...
        @hr.step
        def unknown(): ...
        @hr.step
        def wrong() -> "NoSuchName": ...
    """).module()
    assert module.plain.outputs() == {"output": "value"}
    assert module.table.outputs() == {"output": "table"}
    assert module.data.outputs() == {"output": "dataset"}
    assert module.two.outputs() == {"rows": "table", "count": "value"}
    assert module.unknown.outputs() == module.wrong.outputs() == {"output": "any"}


def test_edited_after_import_is_refused(project):
    """A key must be of the code that runs: a file that changed after its import gives an error, not a stale key."""
    module = project.write("""
        @hr.step
        def one(): return 1
    """).module()
    module.one.code()
    project.file.write_text(project.file.read_text() + "# longer\n")
    with pytest.raises(InvalidInput, match="edited"):
        module.one.code()


def test_files_count(project):
    """`files` adds the bytes of what they match to the key; a pattern that matches nothing is an error."""
    source = """
        @hr.step(files=["words/*.txt"])
        def one(): return 1
    """
    with pytest.raises(InvalidInput, match=r"words/\*\.txt"):
        project.write(source).module().one.code()
    (project.folder / "words").mkdir()
    (project.folder / "words" / "a.txt").write_text("a")
    before = project.write(source).module().one.code()
    assert before["files"].keys() == {"words/a.txt"}
    (project.folder / "words" / "a.txt").write_text("b")
    assert project.module().one.code() != before
