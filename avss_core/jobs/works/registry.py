"""All kinds of work. To add one: a file that defines it, and its line here."""

from __future__ import annotations

from avss_core.jobs.requests import AuthorsRequest, EvaluateRequest, ProfileRequest, RankRequest
from avss_core.jobs.works.authors import AuthorsWork
from avss_core.jobs.works.base import Work
from avss_core.jobs.works.evaluate import EvaluateWork
from avss_core.jobs.works.profile import ProfileWork
from avss_core.jobs.works.rank import RankWork

WORKS: dict[str, Work] = {
    ProfileRequest.kind: ProfileWork(),
    EvaluateRequest.kind: EvaluateWork(),
    RankRequest.kind: RankWork(),
    AuthorsRequest.kind: AuthorsWork(),
}
