"""Proposal: what a first pipeline over some rows would be, and why; from statistics alone, as a file that runs.

    proposal = propose(statistics, name="churn", pattern="churn.parquet")
    pipeline_text(proposal)                     # the pipeline's file
    proposal.label.reason, proposal.left_out    # what to say about it

It is a room of its own because it is neither a face (`headrace init` only prints it, as a page may one day) nor part of
orchestration: it reads statistics and writes text, and no step, run or store is involved. It knows verbs and ops by the
names that users type, and imports none of them.
"""

from headrace.proposal._features import FeatureChoice, LeftOut
from headrace.proposal._file import pipeline_text
from headrace.proposal._label import Label, choose_label
from headrace.proposal._leaks import find_leaks, look_at_rows
from headrace.proposal._nulls import find_null_words
from headrace.proposal._pattern import check_name, find_pattern, name_of
from headrace.proposal._proposal import Proposal, propose

__all__ = [
    "FeatureChoice",
    "Label",
    "LeftOut",
    "Proposal",
    "check_name",
    "choose_label",
    "find_leaks",
    "find_null_words",
    "find_pattern",
    "look_at_rows",
    "name_of",
    "pipeline_text",
    "propose",
]
