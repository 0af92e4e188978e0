"""What a job is, where it runs, how far it is."""

from avss_core.jobs.client import Jobs
from avss_core.jobs.requests import AuthorsRequest, EvaluateRequest, ProfileRequest, RankRequest

__all__ = ["AuthorsRequest", "EvaluateRequest", "Jobs", "ProfileRequest", "RankRequest"]
