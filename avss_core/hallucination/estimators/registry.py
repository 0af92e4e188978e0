"""All estimators of confidence. To add one: a file that defines it, and its line here."""

from __future__ import annotations

from avss_core.errors import SettingError
from avss_core.hallucination.estimators.estimator import Estimator
from avss_core.hallucination.estimators.p_ik import P_IK
from avss_core.hallucination.estimators.p_true import P_TRUE
from avss_core.hallucination.estimators.self_consistency import SELF_CONSISTENCY
from avss_core.hallucination.estimators.sequence_probability import SEQUENCE_PROBABILITY
from avss_core.hallucination.estimators.verbalised import VERBALISED

# In the order of the papers' table 2; P(True) is ours.
ESTIMATORS: tuple[Estimator, ...] = (SEQUENCE_PROBABILITY, P_IK, VERBALISED, SELF_CONSISTENCY, P_TRUE)


def estimator_named(name: str) -> Estimator:
    """The estimator of that name; SettingError, naming those there are, when there is none."""
    found = next((one for one in ESTIMATORS if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in ESTIMATORS)
        raise SettingError(f"There is no estimator {name!r}; the estimators are {names}.")
    return found
