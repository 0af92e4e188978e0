"""The q and p that the EAVSS paper uses for each of its data sets (its table 2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A data set of the paper: its q and p as shares, and what its files are called (parts of names, lower case)."""

    data_set: str
    q: float
    p: float
    called: tuple[str, ...]


PRESETS: tuple[Preset, ...] = (
    Preset("NQ", 0.5, 0.5, ("nq_open", "natural_questions", "natural-questions", "nq-open")),
    Preset("SciQ", 0.5, 0.9, ("sciq",)),
    Preset("TriviaQA", 0.5, 0.6, ("trivia_qa", "triviaqa", "trivia-qa")),
    Preset("TruthfulQA", 0.5, 0.4, ("truthfulqa", "truthful_qa", "truthful-qa")),
    Preset("WikiQA", 0.5, 0.5, ("wiki_qa", "wikiqa", "wiki-qa")),
)


def preset_for(source: str) -> Preset | None:
    """The preset of a corpus by its name (a path or a hub id); None when it is none of the paper's sets."""
    name = source.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].lower()
    return next((one for one in PRESETS if any(part in name for part in one.called)), None)
