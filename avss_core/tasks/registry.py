"""All tasks. To add one: a file that declares it, and its line here."""

from __future__ import annotations

from avss_core.corpora.did_you_mean import did_you_mean
from avss_core.errors import SettingError
from avss_core.tasks import closed_book, multiple_choice, perplexity_table, qa, sentiment
from avss_core.tasks.task import Task

_ALL: tuple[Task, ...] = (
    perplexity_table.TASK,
    sentiment.TASK,
    multiple_choice.TASK,
    qa.TASK,
    closed_book.TASK,
)

TASKS: dict[str, Task] = {task.name: task for task in _ALL}


def task_named(name: str) -> Task:
    """The task of that name; SettingError, naming those there are, when there is none."""
    if name not in TASKS:
        raise SettingError(f"There is no task {name!r} (there are: {', '.join(TASKS)}){did_you_mean(name, TASKS)}")
    return TASKS[name]
