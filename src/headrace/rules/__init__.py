"""Rules: what must hold of a model before it is trusted, as one line of text each."""

from headrace.rules._judge import Finding, Measurements, Slice, judge, judge_all, slice_text
from headrace.rules._parse import parse_rule
from headrace.rules._rule import Rule
from headrace.rules._value import Value
from headrace.rules._verdict import Verdict

__all__ = [
    "Finding",
    "Measurements",
    "Rule",
    "Slice",
    "Value",
    "Verdict",
    "judge",
    "judge_all",
    "parse_rule",
    "slice_text",
]
