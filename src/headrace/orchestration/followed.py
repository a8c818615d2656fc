"""Followed: streams taken in beside `headrace up`; a process of its own, as `headrace ingest --follow` is.

python -m headrace.orchestration.followed PARENT FILE PIPELINE STREAM_ID...
"""

from __future__ import annotations

import signal
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from headrace import progress
from headrace.errors import HeadraceError
from headrace.orchestration.served import end_with_parent

__all__ = ["main"]


def main() -> None:
    """The child's process: follow until SIGTERM; what is held is committed first."""
    end_with_parent(int(sys.argv[1]))
    file, name, wanted = Path(sys.argv[2]), sys.argv[3], set(sys.argv[4:])
    try:
        _follow(file, name, wanted)
    except HeadraceError as error:
        progress.say(f"headrace: {error}")
        raise SystemExit(4) from None


def _follow(file: Path, name: str, wanted: set[str]) -> None:
    from headrace.orchestration.pipelines import load_pipeline
    from headrace.orchestration.stores import project_store
    from headrace.orchestration.streams import Following, streams_of
    from headrace.settings import load_settings

    with redirect_stdout(sys.stderr):
        pipeline = load_pipeline(file, name)
        streams = [stream for stream in streams_of(pipeline, {}) if stream.stream_id in wanted]
    with project_store(load_settings(pipeline.folder), read_only=False) as store:
        assert store is not None
        following = Following(store, streams, load_settings(pipeline.folder), _say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: following.stop())
        following.run(is_following=True)


def _say(event: dict[str, Any]) -> None:
    """Closed spans are worth a line; commits, of which there is one a second, are not."""
    if event["event"] == "closed":
        progress.say(f"{event['stream']}: span {event['span']} is closed: {event['rows']:,} rows")


if __name__ == "__main__":
    main()
