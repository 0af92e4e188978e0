"""A whole run of answers: what it leaves is what the same computation gives in this process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.corpora import CorpusSpec
from avss_core.errors import RunError
from avss_core.hallucination.answer_pass import measure_answers
from avss_core.hallucination.asking import question_prompt
from avss_core.jobs import AnswersRequest, Jobs
from avss_core.jobs.answers_results import answers_frame, answers_request
from avss_core.jobs.requests import request_of
from avss_core.models import ModelSpec
from avss_core.models.load import wrap
from avss_core.runs import Store
from avss_core.tasks import task_named
from avss_core.tasks.answers import score_answers
from avss_core.tasks.asked import prepare
from avss_core.variants.variant import Variant


@pytest.fixture
def questions(tmp_path: Path) -> CorpusSpec:
    file = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is number {n}?", "answers": ["a", f"{n}"]} for n in range(40)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return CorpusSpec(str(file), "all")


@pytest.mark.parametrize("removed", [(), (1,)])
def test_a_run_of_answers(
    store: Store, jobs: Jobs, tiny_model: Path, questions: CorpusSpec, removed: tuple[int, ...]
) -> None:
    request = AnswersRequest(ModelSpec(str(tiny_model), dtype="float32"), questions, removed, most_tokens=6)
    assert request_of("answers", json.loads(json.dumps(request.to_dict()))) == request
    run = jobs.wait(jobs.submit(request).id)
    assert (run.status, run.error) == ("done", None)
    assert (run.n_units or 0) > 1, "the questions have to make several shards for this test to say anything"

    frame = answers_frame(store, run.id)
    kept = [block for block in range(3) if block not in removed]
    assert frame["question"].tolist() == [f"What is number {n}?" for n in range(40)]
    assert frame["references"].tolist() == [["a", f"{n}"] for n in range(40)]
    assert set(frame["kept"]) == {",".join(map(str, kept))}
    assert frame["answer_ids"].map(len).tolist() == frame["logprobs"].map(len).tolist()
    assert all(logprob < 0 for row in frame["logprobs"] for logprob in row)

    model = wrap(tiny_network(), tiny_tokenizer())
    asked = prepare(task_named("closed_book"), questions, model.tokenizer)
    cut = AnswersRequest(request.model, questions, removed)
    expected = score_answers_here(model, asked, removed)
    assert frame["answer"].tolist() == expected
    prompt = question_prompt("What is number 7?", cut.shots)
    assert frame["prompt_ids"][7] == model.tokenizer(prompt)["input_ids"] == list(asked[7].ids)

    if not removed:
        pairs = [(tuple(p), tuple(a)) for p, a in zip(frame["prompt_ids"], frame["answer_ids"], strict=True)]
        for number in (0, 39):
            alone = measure_answers(model, [pairs[number][0]], [pairs[number][1]])
            np.testing.assert_allclose(frame["residual_sum_squares"][number], alone.squares["residual"][0], rtol=1e-4)
            assert np.abs(frame["update_below"][number] - alone.below["update"][0]).max() <= 1
            np.testing.assert_allclose(frame["state_prompt"][number], alone.state_prompt[0].astype(float), atol=2e-3)
    assert frame["state_answer"][0].shape == (len(kept), 32)


def test_answers_of_another_kind_of_run(store: Store) -> None:
    store.start_run("other", "profile", {})
    with pytest.raises(RunError, match="kind profile"):
        answers_request(store, "other")


def score_answers_here(model, asked, removed: tuple[int, ...]) -> list[str]:
    """The answers of the task closed_book, allowed as many tokens."""
    from dataclasses import replace

    task = replace(task_named("closed_book"), most_tokens=6)
    frame = score_answers(task, model, asked, [Variant.without(3, removed)], lambda tokens: None)
    return frame["answer"].tolist()
