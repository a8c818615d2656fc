"""Masking: values beside the names of sensitive columns, however they are printed; nothing else."""

import pytest

from headrace.access import mask

SECRET = "s3cret"


@pytest.mark.parametrize(
    "line",
    [
        "ssn=s3cret",
        "ssn = s3cret, age = 4",
        "ssn: s3cret",
        '{"ssn": "s3cret", "age": 4}',
        "{'ssn': 's3cret with spaces', 'age': 4}",
        "row['ssn'] = 's3cret'",
        "ssn -> s3cret",
        "the ssn is s3cret",
        "ssn=['s3cret', 's3cret']",
        'ssn="a \\" s3cret"',
        "ssn:\ts3cret",
        "bad row: ssn=s3cret; ssn=s3cret",
    ],
)
def test_values_are_masked(line):
    """The value is gone, what stands around it is not."""
    masked = mask(f"before {line} after", ["ssn", "name"])
    assert SECRET not in masked and "[masked]" in masked
    assert masked.startswith("before ") and masked.endswith(" after")


@pytest.mark.parametrize("line", ["lessn=3", "ssn2=3", "ssn", "ssn 3 rows", "my-ssn=3", "age=4"])
def test_other_words_stay(line):
    """A name that only looks alike is another's."""
    assert mask(line, ["ssn"]) == line


def test_nothing_is_sensitive():
    """Then a log is what it was."""
    assert mask("ssn=3", []) == "ssn=3"


def test_names_are_names():
    """A column's name is no pattern."""
    assert mask("a.c=1 abc=1 (x)=2", ["a.c", "(x)"]) == "a.c=[masked] abc=1 (x)=[masked]"
