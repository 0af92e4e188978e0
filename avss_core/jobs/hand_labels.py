"""Labels by hand that were given to the same answers in another run. No torch here."""

from __future__ import annotations

from dataclasses import replace

from avss_core.corpora.spec import PARTS
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.requests import AnswersRequest
from avss_core.runs import Store


def hand_labels_for(store: Store, request: AnswersRequest) -> dict[str, str]:
    """example -> label by hand, for a finished run of answers: those given to it, and those given elsewhere.

    Elsewhere: where all of these questions, or the other half, were asked in the same way. Training asks each half in
    a run of its own, and what was put right among all answers holds there too. A label is taken over for the same
    answer to the same question alone, and one that was given to the run itself goes before.
    """
    found: dict[str, str] = {}
    answers = dict(_answers(store, request))
    for part in PARTS:
        other = replace(request, corpus=request.corpus.of_part(part))
        run = store.find_run(other.run_id())
        labels = {} if run is None or run.status != "done" else store.hand_labels(run.id)
        if labels:
            found |= {
                example: labels[example]
                for example, answer in _answers(store, other)
                if example in labels and answers.get(example) == answer
            }
    return found | store.hand_labels(request.run_id())


def _answers(store: Store, request: AnswersRequest) -> list[tuple[str, str]]:
    frame = answers_frame(store, request.run_id())
    return list(zip(frame["example"], frame["answer"], strict=True))
