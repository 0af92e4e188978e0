"""P(IK), "I know": a probe on the question's hidden state says whether the answer will be right."""

from __future__ import annotations

from avss_core.errors import SettingError
from avss_core.hallucination.estimators.estimator import Estimator, Evidence, Needs
from avss_core.hallucination.logistic import Numbers
from avss_core.hallucination.probe import HOW, can_fit, out_of_fold
from avss_core.hallucination.states import states_of


def estimate(evidence: Evidence) -> Numbers:
    """p(right | state at the prompt's last token, one block's output), by probes that never saw the question, (n,).

    Raises SettingError for a block that there is not, and what `out_of_fold` raises.
    """
    states = states_of(evidence.answers, "state_prompt")
    block = states.shape[1] - 1 if evidence.block is None else evidence.block
    if not 0 <= block < states.shape[1]:
        raise SettingError(f"There is no block {block}; the model has blocks 0 to {states.shape[1] - 1}.")
    documents = evidence.answers["document"].to_numpy()
    found: Numbers = out_of_fold(states[:, [block]], evidence.correct, documents, evidence.seed)[:, 0]
    return found


P_IK = Estimator(
    name="p_ik",
    pretty_name="P(IK)",
    paper="Kadavath et al. 2022, Language Models (Mostly) Know What They Know",
    url="https://arxiv.org/abs/2207.05221",
    what="Probability of a right answer by a small classifier on the hidden state at the end of the question.",
    needs=Needs.LABELS,
    estimate=estimate,
    no_number="never",
    our_reading=f"{HOW} The last block's output unless another is chosen.",
    cannot=lambda evidence: can_fit(evidence.correct, evidence.answers["document"].to_numpy()),
)
