"""All kinds of work. To add one: a file that defines it, and its line here."""

from __future__ import annotations

from avss_core.jobs.requests import AuthorsRequest, EvaluateRequest, ProfileRequest, RankRequest
from avss_core.jobs.requests.answers import AnswersRequest
from avss_core.jobs.requests.confidence import ConfidenceRequest
from avss_core.jobs.requests.export import ExportRequest
from avss_core.jobs.requests.gain import GainRequest
from avss_core.jobs.requests.generate import GenerateRequest
from avss_core.jobs.requests.heal import HealRequest
from avss_core.jobs.requests.mitigate import MitigateRequest
from avss_core.jobs.requests.search import SearchRequest
from avss_core.jobs.works.answers import AnswersWork
from avss_core.jobs.works.authors import AuthorsWork
from avss_core.jobs.works.base import Work
from avss_core.jobs.works.confidence import ConfidenceWork
from avss_core.jobs.works.evaluate import EvaluateWork
from avss_core.jobs.works.export import ExportWork
from avss_core.jobs.works.gain import GainWork
from avss_core.jobs.works.generate import GenerateWork
from avss_core.jobs.works.heal import HealWork
from avss_core.jobs.works.mitigate import MitigateWork
from avss_core.jobs.works.profile import ProfileWork
from avss_core.jobs.works.rank import RankWork
from avss_core.jobs.works.search import SearchWork

WORKS: dict[str, Work] = {
    ProfileRequest.kind: ProfileWork(),
    EvaluateRequest.kind: EvaluateWork(),
    RankRequest.kind: RankWork(),
    AuthorsRequest.kind: AuthorsWork(),
    ExportRequest.kind: ExportWork(),
    GainRequest.kind: GainWork(),
    GenerateRequest.kind: GenerateWork(),
    HealRequest.kind: HealWork(),
    SearchRequest.kind: SearchWork(),
    AnswersRequest.kind: AnswersWork(),
    ConfidenceRequest.kind: ConfidenceWork(),
    MitigateRequest.kind: MitigateWork(),
}
