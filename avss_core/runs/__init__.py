"""What is kept of every run."""

from avss_core.runs.database import default_url
from avss_core.runs.run import Run, Unit
from avss_core.runs.store import Store

__all__ = ["Run", "Store", "Unit", "default_url"]
