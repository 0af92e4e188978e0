"""What the model card tells that is not in the network: how blocks were chosen, and what was measured of the cut."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from avss_core.corpora.spec import CorpusSpec
from avss_core.pruning.gain_table import GainSettings
from avss_core.pruning.outcome import Outcome
from avss_core.tasks import PERPLEXITY

_PARTS = {
    "profile": "the documents that were also profiled",
    "evaluate": "documents kept apart from those that were profiled",
    "all": "all documents",
}


def text_name(corpus: CorpusSpec) -> str:
    """A text for people; of a local file or folder only its name: a card may be given to others."""
    return corpus.path.name if corpus.kind in ("file", "folder") else corpus.source


@dataclass(frozen=True)
class Measured:
    """An evaluated cut with the text that it was evaluated on."""

    outcome: Outcome
    corpus: CorpusSpec

    @property
    def text(self) -> str:
        """The text for people: `text_name`, and which part of it."""
        corpus = self.corpus
        names = [text_name(corpus), corpus.config, corpus.split]
        named = ", ".join(name for name in names if name)
        read = "" if self.windows else "the examples of"
        which = [
            _PARTS[corpus.part],
            f"subset {corpus.subset[0] + 1} of {corpus.subset[1]}" if corpus.subset else "",
            f"{read} the first {corpus.max_tokens:,} tokens".lstrip() if corpus.max_tokens else "",
            f"the first {corpus.max_examples:,} examples" if corpus.max_examples else "",
            f"in windows of at most {corpus.length} tokens" if self.windows else "",
        ]
        return f"{named}: {', '.join(part for part in which if part)}"

    @property
    def windows(self) -> bool:
        """Whether the text was read in windows; other tasks ask whole examples."""
        return self.outcome.after.task == PERPLEXITY


@dataclass(frozen=True, eq=False)
class Notes:
    """method: how the blocks were chosen ("AVSS at the residual, ε = 0.01"); the cut's own reason stands beside it.

    measured: evaluations of the cut. gain: the table of `gain.measure_gain`, with what each model did for it;
    gain_on: on what, such as "cpu in float32".
    """

    method: str = ""
    measured: tuple[Measured, ...] = ()
    gain: tuple[pd.DataFrame, GainSettings] | None = None
    gain_on: str = ""
