"""Data sets that a task is known to read: where they are, and which of their columns means what. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.spec import CorpusSpec
from avss_core.tasks.perplexity_table import TASK as PERPLEXITY
from avss_core.tasks.task import Task

_AS_CALLED = ColumnMapping()


@dataclass(frozen=True)
class DataSet:
    """A data set for one task.

    source, config, split, column: as in a CorpusSpec. what: one line for the page.
    """

    name: str
    task: str
    source: str
    what: str
    mapping: ColumnMapping = _AS_CALLED
    config: str | None = None
    split: str | None = None

    def spec(
        self, part: str = "evaluate", max_examples: int | None = None, max_tokens: int | None = None
    ) -> CorpusSpec:
        """The corpus to evaluate on."""
        return CorpusSpec(
            self.source,
            part,
            config=self.config,
            split=self.split,
            max_tokens=max_tokens,
            max_examples=max_examples,
        )


_NESTED = ColumnMapping(each="questions")

DATA_SETS: tuple[DataSet, ...] = (
    DataSet("essays", "perplexity", "sample:essays", "Prose and code, written for this project"),
    DataSet("sentiment", "sentiment", "sample:sentiment", "240 sentences, written for this project"),
    DataSet("multiple_choice", "multiple_choice", "sample:multiple_choice", "160 questions, written for this project"),
    DataSet("passages", "qa", "sample:passages", "197 questions on 66 passages, written for this project", _NESTED),
    DataSet("closed_book", "closed_book", "sample:closed_book", "440 questions, written for this project"),
    DataSet("pile", "perplexity", "NeelNanda/pile-10k", "The Pile: its first 10,000 documents"),
    DataSet("hackernews", "perplexity", "timaeus/pile-hackernews", "The Pile: Hacker News threads"),
    DataSet(
        "sst2",
        "sentiment",
        "stanfordnlp/sst2",
        "Stanford Sentiment Treebank: sentences of film reviews",
        ColumnMapping(text="sentence", labels=(("0", "negative"), ("1", "positive"))),
        split="validation",
    ),
    DataSet(
        "squad",
        "qa",
        "rajpurkar/squad",
        "SQuAD 1.1: questions on paragraphs of Wikipedia",
        ColumnMapping(answers="answers.text"),
        split="validation",
    ),
    DataSet(
        "nq_open",
        "closed_book",
        "google-research-datasets/nq_open",
        "Natural Questions, open: what people asked a search engine",
        ColumnMapping(answers="answer"),
        split="validation",
    ),
    DataSet(
        "trivia_qa",
        "closed_book",
        "mandarjoshi/trivia_qa",
        "TriviaQA: quiz questions with aliases of their answers",
        ColumnMapping(answers="answer.aliases"),
        config="rc.nocontext",
        split="validation",
    ),
    DataSet(
        "sciq",
        "closed_book",
        "allenai/sciq",
        "SciQ: school science, to be answered without choices",
        ColumnMapping(answers="correct_answer"),
        split="test",
    ),
    DataSet(
        "truthful_qa",
        "closed_book",
        "truthfulqa/truthful_qa",
        "TruthfulQA: questions that popular errors answer",
        ColumnMapping(answers="correct_answers"),
        config="generation",
        split="validation",
    ),
    DataSet(
        "sciq",
        "multiple_choice",
        "allenai/sciq",
        "SciQ: school science, four choices",
        ColumnMapping(choices=("correct_answer", "distractor1", "distractor2", "distractor3"), answer=None),
        split="test",
    ),
    DataSet(
        "truthful_qa",
        "multiple_choice",
        "truthfulqa/truthful_qa",
        "TruthfulQA (MC1): questions that popular errors answer",
        ColumnMapping(choices="mc1_targets.choices", answer="mc1_targets.labels"),
        config="multiple_choice",
        split="validation",
    ),
    DataSet(
        "wiki_qa",
        "multiple_choice",
        "microsoft/wiki_qa",
        "WikiQA: which sentence of an article answers the question",
        ColumnMapping(choices="answer", answer="label", group="question_id"),
        split="test",
    ),
)


def data_sets_of(task: Task) -> tuple[DataSet, ...]:
    """The data sets that are known for a task, the sample first."""
    return tuple(known for known in DATA_SETS if known.task == task.name)


def spec_of(task: Task, named: str, **fields: object) -> CorpusSpec:
    """The corpus that is meant by `named`: a data set of this task by its name or source, else any source.

    fields: of the CorpusSpec, to set beside it. Held out ("evaluate") unless they say otherwise.
    """
    known = next((known for known in data_sets_of(task) if named in (known.name, known.source)), None)
    spec = CorpusSpec(named, "evaluate") if known is None else known.spec()
    return replace(spec, **fields)  # type: ignore[arg-type]


def text_named(named: str, **fields: object) -> CorpusSpec:
    """The text that is meant by `named`: one that perplexity is known to read by its name or source, else any source.

    A file or folder of that name comes first. fields: of the CorpusSpec, to set beside it; what is None stays as the
    text is known. The part to profile unless they say otherwise. Raises CorpusError when nothing is named.
    """
    text = CorpusSpec(named)
    if text.kind == "hub":
        text = spec_of(PERPLEXITY, named, part=text.part)
    return replace(text, **{name: value for name, value in fields.items() if value is not None})  # type: ignore[arg-type]


def mapping_of(task: Task, spec: CorpusSpec) -> ColumnMapping:
    """Which column means what: as the spec says, else as the data set is known, else as the columns are called."""
    if spec.mapping is not None:
        return spec.mapping
    known = (known.mapping for known in data_sets_of(task) if known.source == spec.source)
    return next(known, _AS_CALLED)
