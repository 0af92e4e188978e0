"""Look for the blocks to remove by measuring. `perplexity_scorer.py` and `importance_scorer.py` need torch."""

from avss_core.pruning.search.beam import BeamStep, beam_steps
from avss_core.pruning.search.greedy import GreedyStep, greedy_steps
from avss_core.pruning.search.iterative import AppendixH, IterativeStep, ScoresOf, iterative_steps
from avss_core.pruning.search.limits import Limits
from avss_core.pruning.search.problem import Problem
from avss_core.pruning.search.remembering import remembering
from avss_core.pruning.search.scoring import PERPLEXITY, Frames, LossOf, Metric
from avss_core.pruning.search.step import Decision, Step, Stop, steps_table

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
    "Step",
    "Stop",
    "beam_steps",
    "greedy_steps",
    "iterative_steps",
    "remembering",
    "steps_table",
]
