"""Table 1 of the AVSS paper, as a question that can be asked again: which models, tasks and methods, how often.

A row is a model on a task's data set; a column is the whole model or a method. For every column but the first, the
blocks are ranked on each of r disjoint samples of the task's own text (the part that is profiled), the lowest share of
each ranking is removed, and what is left is asked the held-out questions. The cell is the mean over the r samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import SettingError
from avss_core.importance.registry import choose
from avss_core.models.spec import ModelSpec
from avss_core.tasks import data_sets_of, mapping_of, spec_of, task_named, text_named

ORIGINAL = "original"
PAPER_METHODS = ("gbis", "lrp", "cim", "avss")
METHODS = (*PAPER_METHODS, "avss@update", "avss_script", "block_influence", "ablation", "random")
TASKS = ("perplexity", "sentiment", "qa")
ENOUGH_REPEATS = 5  # as many as the papers take at least; a row of fewer is marked
REPEATS = ENOUGH_REPEATS
FRACTION = 0.25
CALIBRATION_TOKENS = 1000
HELD_OUT_TOKENS = 2000

# Which column is read as running text when blocks are ranked; examples are split into parts by the same text.
_TEXTS = ("context", "text", "question")


@dataclass(frozen=True)
class Row:
    """A model on a data set. held_out: the questions; calibration: the text to rank blocks on, all samples of it."""

    model: ModelSpec
    task: str
    data_set: str
    held_out: CorpusSpec
    calibration: CorpusSpec

    def sample(self, number: int, of: int) -> CorpusSpec:
        """One of so many disjoint samples of the text to rank blocks on; number from 0."""
        return replace(self.calibration, subset=(number, of))


@dataclass(frozen=True)
class Table1Study:
    """What the table is to hold.

    asked: tasks, `TASK` or `TASK:DATA` with a data set's name, a file or a hub id. methods: as `avss rank` takes them
    (`avss@update`). repeats: samples to rank on, at least 2. fraction: share of the blocks to remove. tokens: of each
    sample, and held out. calibration: one text to rank on for all tasks instead of each task's own. seed: of what is
    drawn at random, one more for each sample. Raises SettingError for what cannot be.
    """

    models: tuple[ModelSpec, ...]
    asked: tuple[str, ...] = TASKS
    methods: tuple[str, ...] = METHODS
    repeats: int = REPEATS
    fraction: float = FRACTION
    calibration_tokens: int | None = CALIBRATION_TOKENS
    held_out_tokens: int | None = HELD_OUT_TOKENS
    calibration: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check everything that can be known before a model is there."""
        if not self.models or not self.asked or not self.methods:
            raise SettingError("The table needs at least one model, one task and one method; name them.")
        if self.repeats < 2:
            raise SettingError(
                f"The table needs at least 2 samples to rank blocks on, for an interval; {self.repeats} is too few."
            )
        if not 0 < self.fraction < 1:
            raise SettingError(f"The share of blocks to remove must lie between 0 and 1; {self.fraction:g} does not.")
        object.__setattr__(self, "models", tuple(dict.fromkeys(self.models)))
        object.__setattr__(self, "asked", tuple(dict.fromkeys(self.asked)))
        object.__setattr__(self, "methods", tuple(dict.fromkeys(choose(name).name for name in self.methods)))
        self.rows()

    def rows(self) -> tuple[Row, ...]:
        """All rows: the tasks of the first model, then those of the next."""
        return tuple(self._row(model, asked) for model in self.models for asked in self.asked)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON types."""
        return {
            "models": [model.source for model in self.models],
            "tasks": list(self.asked),
            "methods": list(self.methods),
            "repeats": self.repeats,
            "fraction": self.fraction,
            "calibration_tokens": self.calibration_tokens,
            "held_out_tokens": self.held_out_tokens,
            "calibration": self.calibration,
            "seed": self.seed,
        }

    def _row(self, model: ModelSpec, asked: str) -> Row:
        name, _, data = asked.partition(":")
        task = task_named(name)
        data = data or data_sets_of(task)[0].name
        known = {one.source: one.name for one in data_sets_of(task)}
        held_out = spec_of(task, data, max_tokens=self.held_out_tokens)
        text = held_out if self.calibration is None else text_named(self.calibration)
        meaning = next((meaning for meaning in _TEXTS if meaning in task.needs), "text")
        own = mapping_of(task, held_out).columns_of(meaning)[0]
        calibration = replace(
            text,
            part="profile",
            column=own if self.calibration is None else text.column,
            max_tokens=self.calibration_tokens,
        )
        return Row(model, name, known.get(held_out.source, data), held_out, calibration)
