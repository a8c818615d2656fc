"""Case `refusals`: a model that nobody should serve is refused, each with its reason.

Nine real graphs whose golden rows are those of a harmless twin, as somebody would give who wants them served: one that
grows with every request, one many times slower than the champion, one that answers NaN for one carrier, one beyond
the range of a probability, one that fails for odd values, one that needs a column that requests lack, and three bombs
(16 GB of zeros from some hundred bytes, doubling 36 times, a loop that never ends). The gate's probe loads each by the
server's code in a process apart. The harmless twin is accepted. The one that grows is asked without a champion: to
know how often it was asked takes it time.

One JSON line a model: which findings refused it, the reason, and what was measured; exit code 1 where one was accepted,
was refused for another reason, or the twin was refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent.parent))

GROWS, NEEDS_MORE = "grows with every request", "a column that requests lack"


def cases() -> dict[str, tuple[Any, set[str]]]:
    """Name -> the model, and which findings must refuse it; none for the twin."""
    from tests.evaluation import probed

    from headrace.model import InputColumn, Model

    odd = Model(probed.fails_for_large_numbers(), probed.model().signature, sample=probed.sample())
    more = probed.model(columns=(*probed.COLUMNS, InputColumn("gate", "number", is_nullable=False)))
    return {
        "harmless": (probed.model(), set()),
        GROWS: (probed.model(probed.growing), {"request_growth_mb"}),
        "much slower": (probed.model(probed.slow, golden=None), {"latency_ratio", "throughput_ratio"}),
        "NaN for one carrier": (probed.model(probed.nan_for_one_carrier, golden=None), {"predictions"}),
        "beyond 0 to 1": (probed.model(probed.beyond, golden=None), {"predictions"}),
        "fails for odd values": (odd, {"malformed"}),
        NEEDS_MORE: (more, {"columns"}),
        "16 GB of zeros": (probed.model(probed.huge_constant), {"loads"}),
        "doubles 36 times": (probed.model(probed.doubling), {"loads"}),
        "loops for ever": (probed.model(probed.endless), {"loads"}),
    }


def report() -> Any:
    """The champion's evaluation, beside itself, by carrier."""
    from tests.evaluation import probed

    from headrace.dataset import Dataset
    from headrace.evaluation import evaluate

    generator = np.random.default_rng(1)
    x = np.round(generator.random(600), 2)
    carrier = np.where(np.arange(600) % 50 == 0, "UA", np.where(np.arange(600) % 2 == 0, "AA", "DL"))
    y = (generator.random(600) < x).astype(int)
    dataset = Dataset.from_arrow(pa.table({"x": x, "carrier": carrier, "gate": x, "y": y}), label="y")
    champion = probed.model()
    return champion, evaluate(champion, dataset, metrics=["brier"], slices=["carrier"], champion=champion)


def main() -> int:
    """All of them as JSON lines."""
    from headrace.evaluation import Limits
    from headrace.evaluation._probe import probe

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="a part of the models: above 1 only the twin and one more")
    parser.add_argument("--seed", type=int, default=0, help="taken as all proofs take it; nothing here is drawn")
    options = parser.parse_args()
    champion, about = report()
    chosen = list(cases().items())[: None if options.share == 1 else 2]
    is_well = True
    for name, (model, expected) in chosen:
        start = time.monotonic()
        other = None if name == GROWS else champion
        beside = dataclasses.replace(about, champion_digest=None if other is None else other.digest)
        findings, measured = probe(model, beside, Limits(memory_mb=600, timeout_s=20), other)
        wrong = [one for one in findings if not one.ok]
        refused = {one.metric for one in wrong}
        # What could not be asked any more is no reason.
        reasons = {one.metric: one.reason for one in wrong if one.is_judged or one.metric in expected}
        ok = expected <= refused and bool(refused) == bool(expected)
        ok &= "loads" in refused or set(reasons) == expected
        is_well &= ok
        figures = {key: round(value, 3) for key, value in measured.items() if key in refused}
        line = {"model": name, "refused": bool(wrong), "reasons": reasons, "measured": figures, "ok": ok}
        print(json.dumps({**line, "onnx_bytes": len(model.onnx), "seconds": round(time.monotonic() - start, 1)}))
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
