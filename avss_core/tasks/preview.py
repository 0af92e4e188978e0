"""The first examples of a source as a task would ask them, for the eye."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from avss_core.corpora.preview import preview
from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.tasks.asked import read_task
from avss_core.tasks.task import AnswerTask, ChoiceTask, Task


def preview_task(task: Task, spec: CorpusSpec, shown: int = 5) -> pd.DataFrame:
    """Columns example, prompt, right, and for a choice also wrong, of the first examples; the rows of a text.

    What is known to be wrong with a mapping, or a column of text, is raised here as it would be when the task is run:
    CorpusError.
    """
    if not isinstance(task, ChoiceTask | AnswerTask):
        table = preview(spec, shown)
        read_corpus(replace(spec, max_tokens=1))  # it knows what is no text, and reads no further than to the first one
        return table
    rows = []
    for example in read_task(task, replace(spec, max_examples=shown)):
        row = {"example": example.id, "prompt": task.prompt(example)}
        if isinstance(task, ChoiceTask):
            said = [continuation.strip() for continuation in task.continuations(example)]
            right = task.right(example)
            row["right"] = " / ".join(said[number] for number in right)
            row["wrong"] = " / ".join(text for number, text in enumerate(said) if number not in right)
        else:
            row["right"] = " / ".join(example.answers)
        rows.append(row)
    return pd.DataFrame(rows)
