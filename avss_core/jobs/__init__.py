"""What a job is, where it runs, how far it is."""

from avss_core.jobs.client import Jobs
from avss_core.jobs.requests import (
    AnswersRequest,
    AuthorsRequest,
    ConfidenceRequest,
    EvaluateRequest,
    ExportRequest,
    GainRequest,
    GenerateRequest,
    HealRequest,
    MitigateRequest,
    ProfileRequest,
    RankRequest,
    SearchRequest,
)

__all__ = [
    "AnswersRequest",
    "AuthorsRequest",
    "ConfidenceRequest",
    "EvaluateRequest",
    "ExportRequest",
    "GainRequest",
    "GenerateRequest",
    "HealRequest",
    "Jobs",
    "MitigateRequest",
    "ProfileRequest",
    "RankRequest",
    "SearchRequest",
]
