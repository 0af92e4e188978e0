"""Look for the blocks to remove by measuring. The scorers (`*_scorer.py`) and `watched.py` need torch."""

from avss_core.pruning.search.beam import BeamStep, beam_steps
from avss_core.pruning.search.greedy import GreedyStep, greedy_steps
from avss_core.pruning.search.iterative import AppendixH, IterativeStep, ScoresOf, iterative_steps
from avss_core.pruning.search.limits import Limits
from avss_core.pruning.search.next_step import next_step
from avss_core.pruning.search.problem import Problem
from avss_core.pruning.search.records import StepRecord, read_records
from avss_core.pruning.search.remembering import remembering
from avss_core.pruning.search.scoring import PERPLEXITY, Frames, LossOf, Metric
from avss_core.pruning.search.settings import Search, SearchSettings
from avss_core.pruning.search.step import Decision, Step, Stop, steps_table
from avss_core.pruning.search.task_metric import convergence_for, metric_of

__all__ = [
    "PERPLEXITY",
    "AppendixH",
    "BeamStep",
    "Decision",
    "Frames",
    "GreedyStep",
    "IterativeStep",
    "Limits",
    "LossOf",
    "Metric",
    "Problem",
    "ScoresOf",
    "Search",
    "SearchSettings",
    "Step",
    "StepRecord",
    "Stop",
    "beam_steps",
    "convergence_for",
    "greedy_steps",
    "iterative_steps",
    "metric_of",
    "next_step",
    "read_records",
    "remembering",
    "steps_table",
]
