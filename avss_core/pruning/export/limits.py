"""What an exported model must not be trusted with, said in its card. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

from avss_core.pruning.export.notes import Measured
from avss_core.pruning.export.snippet import CAUSAL


def limits(measured: Sequence[Measured], changes: str, auto_class: str) -> list[str]:
    """One or two sentences a limit, those that follow from how it was evaluated first."""
    lines = []
    if measured:
        lengths = [each.corpus.length for each in measured if each.windows]
        longest = f"; no text longer than {max(lengths)} tokens was looked at" if lengths else ""
        lines.append(
            "The numbers above are of the named text alone. Other languages, subjects and tasks can lose far more"
            f"{longest}."
        )
        lines.append("The intervals say how much the choice of documents matters, and nothing of other kinds of text.")
    if any(each.corpus.part != "evaluate" for each in measured):
        lines.append("It was judged on text that may have been used to choose the blocks, which flatters it.")
    if not changes:
        lines.append("Nothing was trained after the cut, so the blocks after a gap get inputs they never saw before.")
    if auto_class == CAUSAL:
        lines.append(
            "Perplexity is of text that is given. In text that the model writes itself one wrong token leads to the "
            "next, so read what it writes before you rely on it."
        )
    lines.append("What is wrong with the original (bias, made-up facts) is in this model too; the cut can add to it.")
    return lines
