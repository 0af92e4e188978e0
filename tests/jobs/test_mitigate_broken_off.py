"""A contrastive training that is cancelled and taken up again: one curve, the right network, nothing held in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from in_this_process import work_unit

from avss_core.corpora import CorpusSpec
from avss_core.errors import Cancelled
from avss_core.hallucination.mitigation import MitigationSettings
from avss_core.jobs import AnswersRequest, Jobs, MitigateRequest
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.mitigate_results import losses_so_far
from avss_core.jobs.resident import beside
from avss_core.models import ModelSpec
from avss_core.runs import Store

STEPS = 5
FIRST_ASKED = 1 + 3  # the unit that trains, then three with two steps of the curve each


@pytest.fixture
def request_(store: Store, jobs: Jobs, tiny_model: Path, tmp_path: Path) -> MitigateRequest:
    """The questions to learn from are answered, and half of the answers are right by hand."""
    file = tmp_path / "questions.jsonl"
    lines = [{"question": f"Who came in {1900 + number}?", "answers": ["no one"]} for number in range(40)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers = AnswersRequest(ModelSpec(str(tiny_model), dtype="float32"), CorpusSpec(str(file), part="all"), (), 4)
    settings = MitigationSettings(blocks=(1,), steps=STEPS, answers=2, learning_rate=1e-2)
    request = MitigateRequest(answers, settings, fluency=CorpusSpec(part="evaluate", max_tokens=100))
    taught = jobs.wait(jobs.submit(request.taught).id)
    examples = answers_frame(store, taught.id)["example"].tolist()
    request = replace(request, by_hand=tuple((example, "truthful") for example in examples[::2]))
    store.start_run(request.run_id(), "mitigate", request.to_dict())
    return request


def do(request: MitigateRequest, store: Store, number: int, say: Callable[[str], None] = lambda text: None) -> None:
    work_unit(store, request, number, say)


def stop_at(words: str) -> Callable[[str], None]:
    def say(text: str) -> None:
        if text.startswith(words):
            raise Cancelled("stopped")

    return say


def test_cancelled_and_taken_up_again(store: Store, request_: MitigateRequest) -> None:
    run, held = request_.run_id(), beside(request_.model)
    with pytest.raises(Cancelled):
        do(request_, store, 0, stop_at("training: step 5"))
    first = losses_so_far(store, run)
    assert first["number"].tolist() == [1, 2, 3, 4]
    assert not held

    seen = []

    def look(text: str) -> None:
        if text.startswith("training"):
            seen.append(losses_so_far(store, run))

    do(request_, store, 0, look)
    assert [len(rows) for rows in seen] == [4, 4, 2, 2, 4], "never rows of both beginnings"
    assert all(rows["curve"].nunique() == 1 for rows in seen)
    again = losses_so_far(store, run)
    assert again["number"].tolist() == [1, 2, 3, 4, 5]
    assert again["curve"].unique().tolist() == [seen[-1]["curve"][0]] != [first["curve"][0]]
    assert again["total"].tolist()[:4] == first["total"].tolist()

    # What is asked while the network is in memory is what the kept adapter gives after a cancel.
    assert held
    do(request_, store, FIRST_ASKED)
    asked = store.path_of(store.units(run)[-1].file)
    in_memory = asked.read_bytes()
    with pytest.raises(Cancelled):
        do(request_, store, FIRST_ASKED, stop_at("asking"))
    assert not held, "a run that is broken off holds no memory"
    do(request_, store, FIRST_ASKED)
    assert asked.read_bytes() == in_memory
    with pytest.raises(Cancelled):
        do(request_, store, FIRST_ASKED + 1, stop_at("measuring"))
    assert not held, "nor one that is broken off between two units"
    do(request_, store, FIRST_ASKED)

    # Of an earlier training of the same run, in a worker that waited.
    held["trained"] = replace(held["trained"], curve=0, network=None)
    do(request_, store, FIRST_ASKED)
    assert asked.read_bytes() == in_memory
    assert held["trained"].curve == again["curve"][0]
