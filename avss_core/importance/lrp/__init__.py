"""Layer-wise relevance propagation. `scores.py`, `context.py` and the rules need torch and are imported by name."""

from avss_core.importance.lrp.causes import CAUSES
from avss_core.importance.lrp.methods import ALPHA_BETA, ATTNLRP, LRP, PATENTS
from avss_core.importance.lrp.result import LrpResult, merge_results
from avss_core.importance.lrp.settings import LrpSettings

__all__ = ["ALPHA_BETA", "ATTNLRP", "CAUSES", "LRP", "PATENTS", "LrpResult", "LrpSettings", "merge_results"]
