"""What a model can do, as a number with an interval. `perplexity.py` needs torch and is imported by name."""

from avss_core.tasks.bootstrap import bootstrap_interval, ratio_interval
from avss_core.tasks.evaluation import Evaluation, retained
from avss_core.tasks.perplexity_table import TASK as PERPLEXITY

TASKS = (PERPLEXITY,)

__all__ = ["PERPLEXITY", "TASKS", "Evaluation", "bootstrap_interval", "ratio_interval", "retained"]
