"""Store: content-addressed artifacts, and the records of what made them. The protocol is written in `_contract`."""

from headrace.store import points
from headrace.store._asked import ApprovalRow, Asked
from headrace.store._attempts import Attempt
from headrace.store._collecting import Garbage
from headrace.store._contract import (
    ATTEMPT_STATES,
    RUN_STATES,
    Accepted,
    Artifact,
    AttemptRow,
    CacheRow,
    Catalogued,
    Endpoint,
    Event,
    Given,
    KeyRow,
    Lease,
    Made,
    Move,
    PipelineRow,
    Problem,
    RunRow,
    Savable,
    Snapshot,
    Staged,
    Waived,
)
from headrace.store._endpoints import check_endpoint_name
from headrace.store._home import Home, check_digest
from headrace.store._keeping import Keeping
from headrace.store._notices import Notice
from headrace.store._pins import Pin
from headrace.store._store import Store
from headrace.store._streams import StreamPart, StreamRow, StreamSpan
from headrace.store._studies import TRIAL_STATES, StudyRow, TakenTrial, TrialRow
from headrace.store._undoing import SetAside

__all__ = [
    "ATTEMPT_STATES",
    "RUN_STATES",
    "TRIAL_STATES",
    "Accepted",
    "ApprovalRow",
    "Asked",
    "Artifact",
    "Attempt",
    "AttemptRow",
    "CacheRow",
    "Catalogued",
    "Endpoint",
    "Event",
    "Garbage",
    "Given",
    "Home",
    "Keeping",
    "KeyRow",
    "Lease",
    "Made",
    "Move",
    "Notice",
    "Pin",
    "PipelineRow",
    "Problem",
    "RunRow",
    "Savable",
    "SetAside",
    "Snapshot",
    "Staged",
    "Store",
    "StudyRow",
    "TakenTrial",
    "TrialRow",
    "StreamPart",
    "StreamRow",
    "StreamSpan",
    "Waived",
    "check_digest",
    "check_endpoint_name",
    "points",
]
