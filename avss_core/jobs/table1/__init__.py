"""Table 1 in terms of jobs: which requests it needs, and how it is read from what they left in the store. No torch.

Everything is a run that other pages make and find as well: a ranking of one sample is a `RankRequest` on a subset of
the text, and all cuts of a row are one `EvaluateRequest`, so that they run as one prefix tree.
"""

from avss_core.jobs.table1.plan import Progress, Step, next_step, progress
from avss_core.jobs.table1.results import table1_frame

__all__ = ["Progress", "Step", "next_step", "progress", "table1_frame"]
