"""What a model can do, as a number with an interval. `run.py` and what scores need torch and are imported by name."""

from avss_core.tasks.asked import Asked, prepare, read_task, shards_of_task
from avss_core.tasks.bootstrap import bootstrap_interval, ratio_interval
from avss_core.tasks.data_sets import DATA_SETS, DataSet, data_sets_of, mapping_of, spec_of, text_named
from avss_core.tasks.evaluation import Evaluation, retained
from avss_core.tasks.metric import Metric
from avss_core.tasks.preview import preview_task
from avss_core.tasks.registry import TASKS, task_named
from avss_core.tasks.task import AnswerTask, ChoiceTask, Task, TextTask

PERPLEXITY = "perplexity"

__all__ = [
    "DATA_SETS",
    "PERPLEXITY",
    "TASKS",
    "AnswerTask",
    "Asked",
    "ChoiceTask",
    "DataSet",
    "Evaluation",
    "Metric",
    "Task",
    "TextTask",
    "bootstrap_interval",
    "data_sets_of",
    "mapping_of",
    "prepare",
    "preview_task",
    "ratio_interval",
    "read_task",
    "retained",
    "shards_of_task",
    "spec_of",
    "task_named",
    "text_named",
]
