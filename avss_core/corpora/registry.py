"""The sample sets that come with the project; a new one is a file in `assets/samples` and a line in `SAMPLES`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from avss_core.corpora.did_you_mean import did_you_mean
from avss_core.errors import CorpusError

SAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "samples"


@dataclass(frozen=True)
class SampleSet:
    """A set of texts or examples written for this project: one JSON object a line, the text in the field `column`."""

    name: str
    what: str
    licence: str
    column: str = "text"

    @property
    def source(self) -> str:
        """What a `CorpusSpec` calls it: `sample:NAME`."""
        return f"sample:{self.name}"

    @property
    def path(self) -> Path:
        """Where it lies, beside the package."""
        return SAMPLES_FOLDER / f"{self.name}.jsonl"


LICENCE = "Apache-2.0, written for this project"

SAMPLES: tuple[SampleSet, ...] = (
    SampleSet(
        name="essays",
        what="News-like, encyclopaedic, conversational, narrative and technical prose, and code with comments",
        licence=LICENCE,
    ),
    SampleSet(
        name="sentiment",
        what="Sentences of praise and of complaint, half and half, on 24 topics",
        licence=LICENCE,
    ),
    SampleSet(
        name="passages",
        what="Short encyclopaedic passages, each with questions that it answers",
        licence=LICENCE,
        column="context",
    ),
    SampleSet(
        name="closed_book",
        what="Questions of general knowledge in five degrees of difficulty, with the answers that count",
        licence=LICENCE,
        column="question",
    ),
    SampleSet(
        name="multiple_choice",
        what="Questions of common sense, vocabulary, science and everyday reading, with four choices each",
        licence=LICENCE,
        column="question",
    ),
)


def sample_set(name: str) -> SampleSet:
    """Find a sample set by its name (without `sample:`); raises CorpusError with the names there are."""
    by_name = {sample.name: sample for sample in SAMPLES}
    if name not in by_name:
        names = ", ".join(by_name)
        raise CorpusError(f'There is no sample set "{name}" (there are: {names}){did_you_mean(name, by_name)}')
    return by_name[name]
