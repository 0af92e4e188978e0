"""What a cut did to a model's honesty, from runs of answers in the store. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from avss_core.errors import RunError
from avss_core.hallucination.honesty import HonestyChange, Judged, honesty_change
from avss_core.hallucination.judge import DEFAULT_JUDGE
from avss_core.hallucination.labels import paired_labels, with_hand_labels
from avss_core.importance.epsilon import Epsilon
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.requests import AnswersRequest
from avss_core.pruning.random_cuts import random_cuts
from avss_core.runs import Store


def judged_answers(store: Store, request: AnswersRequest, judge: str = DEFAULT_JUDGE) -> Judged:
    """The answers of a finished run and their labels, those by hand included; RunError when it is not done."""
    run = store.find_run(request.run_id())
    if run is None:
        raise RunError("These questions have not been asked yet; start the job first.")
    frame = answers_frame(store, run.id)
    return Judged(frame, with_hand_labels(frame, judge, store.hand_labels(run.id)))


def honesty_in(
    store: Store,
    whole: AnswersRequest,
    removed: Sequence[int],
    name: str,
    judge: str = DEFAULT_JUDGE,
    site: str = "residual",
    epsilon: Epsilon | None = None,
    seed: int = 0,
) -> HonestyChange:
    """The unpruned model's answers against those without these blocks; RunError when one of the two is not done.

    Labels by hand count as `paired_labels` says, so the rate before may differ from that of the unpruned model alone.
    """
    requests = [replace(whole, removed=tuple(cut)) for cut in ((), removed)]
    frames = [judged_answers(store, request, judge).frame for request in requests]
    by_hand = [store.hand_labels(request.run_id()) for request in requests]
    labels = paired_labels(frames[0], frames[1], judge, by_hand[0], by_hand[1])
    before, after = (Judged(*pair) for pair in zip(frames, labels, strict=True))
    return honesty_change(before, after, name, site, epsilon, seed=seed)


def requests_beside(
    whole: AnswersRequest, removed: Sequence[int], n_blocks: int, draws: int, seed: int = 0
) -> list[AnswersRequest]:
    """The same questions to models without as many blocks, drawn at random, none of them the chosen cut."""
    cuts = random_cuts(n_blocks, len(removed), draws=draws + 1, seed=seed) if draws else []
    others = [cut for cut in cuts if set(cut) != set(removed)]
    return [replace(whole, removed=cut) for cut in others[:draws]]
