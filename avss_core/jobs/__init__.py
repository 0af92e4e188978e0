"""What a job is, where it runs, how far it is."""

from avss_core.jobs.client import Jobs
from avss_core.jobs.requests import EvaluateRequest, ProfileRequest

__all__ = ["EvaluateRequest", "Jobs", "ProfileRequest"]
