"""The card: what a model is, for people; written beside it, never read back."""

from __future__ import annotations

from headrace.model.signature import Signature

__all__ = ["card_of"]


def card_of(signature: Signature, digest: str, num_golden: int) -> str:
    """The card's Markdown: equal models, equal text (no time, no machine)."""
    lines = [
        f"# Model {digest[:12]}",
        "",
        f"- task: {signature.task}"
        + (f", learns `{signature.label}`" if signature.label else "")
        + f"; `prediction` is {signature.meaning}",
        *(
            [f"- classes, in the order of `prediction`: {', '.join(map(repr, signature.classes))}"]
            * bool(signature.classes)
        ),
        f"- fitted on {signature.num_rows:,} rows; {signature.num_dropped:,} left out because their label was null",
        f"- {len(signature.feature_names)} features from {len(signature.columns)} raw columns",
        f"- {num_golden} golden rows are answered again, byte for byte, before it is served",
        f"- digest: {digest}",
        "",
        "## Raw columns",
        "",
        "| column | kind | null allowed | from | to |",
        "|---|---|---|---|---|",
    ]
    for column in signature.columns:
        limits = " | ".join("" if limit is None else str(limit) for limit in (column.min, column.max))
        lines.append(f"| {column.name} | {column.kind} | {'yes' if column.is_nullable else 'no'} | {limits} |")
    if signature.trainer:
        lines += ["", "## Trainer", ""]
        lines += [f"- {name}: {value}" for name, value in sorted(signature.trainer.items())]
    if signature.fitted_parts:
        lines += ["", "## Fitted on", ""]
        lines += [f"- {part}: {value}" for part, value in sorted(signature.fitted_parts.items())]
    return "\n".join(lines) + "\n"
