"""What can be asked of the workers. A request has a content hash, which is the id of its run. No torch here."""

from __future__ import annotations

from typing import Any

from avss_core.errors import RunError
from avss_core.jobs.requests.answers import AnswersRequest
from avss_core.jobs.requests.authors import AuthorsRequest
from avss_core.jobs.requests.base import Request
from avss_core.jobs.requests.confidence import ConfidenceRequest
from avss_core.jobs.requests.evaluate import EvaluateRequest
from avss_core.jobs.requests.export import ExportRequest
from avss_core.jobs.requests.gain import GainRequest
from avss_core.jobs.requests.generate import GenerateRequest
from avss_core.jobs.requests.heal import HealRequest
from avss_core.jobs.requests.mitigate import MitigateRequest
from avss_core.jobs.requests.profile import ProfileRequest
from avss_core.jobs.requests.rank import RankRequest
from avss_core.jobs.requests.search import SearchRequest

__all__ = [
    "REQUESTS",
    "AnswersRequest",
    "AuthorsRequest",
    "ConfidenceRequest",
    "EvaluateRequest",
    "ExportRequest",
    "GainRequest",
    "GenerateRequest",
    "HealRequest",
    "MitigateRequest",
    "ProfileRequest",
    "RankRequest",
    "Request",
    "SearchRequest",
    "request_of",
]

REQUESTS: tuple[type[Request], ...] = (
    ProfileRequest,
    EvaluateRequest,
    RankRequest,
    AuthorsRequest,
    ExportRequest,
    GainRequest,
    GenerateRequest,
    HealRequest,
    SearchRequest,
    AnswersRequest,
    ConfidenceRequest,
    MitigateRequest,
)


def request_of(kind: str, spec: dict[str, Any]) -> Request:
    """The request that a run was made from; RunError for a kind that this version does not know."""
    for request in REQUESTS:
        if request.kind == kind:
            return request.from_dict(spec)
    raise RunError(f"Runs of kind {kind!r} are not known to this version of the program; update it.")
