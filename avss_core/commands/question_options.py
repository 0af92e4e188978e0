"""Options of commands that ask a model questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from avss_core.commands import options as o
from avss_core.commands.option_groups import ModelOptions
from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.spec import CorpusSpec
from avss_core.hallucination.asking import answer_task
from avss_core.jobs import AnswersRequest
from avss_core.tasks import mapping_of, spec_of


@dataclass(frozen=True)
class QuestionOptions:
    """Which questions, and how they are asked."""

    corpus: o.CorpusName = "sample:closed_book"
    config: o.Config = None
    split: o.Split = None
    question_column: Annotated[str | None, typer.Option(help="Column of the questions.", show_default=False)] = None
    answers_column: Annotated[str | None, typer.Option(help="Column of the references.", show_default=False)] = None
    max_questions: Annotated[
        int | None,
        typer.Option(help="Most questions that are asked (of each half, where there are two).", min=1),
    ] = 300
    shots: Annotated[int, typer.Option(help="Solved examples before each question.")] = 3
    most_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 24

    def asked_of(self, model: ModelOptions) -> AnswersRequest:
        """The request that asks a model all of them."""
        spec = questions_spec(
            self.corpus, self.max_questions, self.config, self.split, self.question_column, self.answers_column
        )
        return AnswersRequest(model.spec, spec, most_tokens=self.most_tokens, shots=self.shots)


def questions_spec(
    corpus: str,
    max_questions: int | None,
    config: str | None = None,
    split: str | None = None,
    question_column: str | None = None,
    answers_column: str | None = None,
) -> CorpusSpec:
    """The questions that the options name: a data set known for closed-book questions by its name, or any source."""
    spec = spec_of(answer_task(), corpus, part="all", max_examples=max_questions)
    spec = replace(spec, config=config or spec.config, split=split or spec.split)
    if question_column is None and answers_column is None:
        return spec
    known: ColumnMapping = mapping_of(answer_task(), spec)
    question, answers = question_column or known.question, answers_column or known.answers
    return replace(spec, mapping=replace(known, question=question, answers=answers))
