"""A whole job of kind "mitigate": answers first, then training, then the held-out questions asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_answers import made_up
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score

from avss_core.corpora import CorpusSpec
from avss_core.errors import RunError, SettingError
from avss_core.hallucination.honesty import Judged
from avss_core.hallucination.labels import relabel
from avss_core.hallucination.mitigation import MitigationSettings
from avss_core.jobs import AnswersRequest, Jobs, MitigateRequest
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.hand_labels import hand_labels_for
from avss_core.jobs.mitigate_controls import rate_against
from avss_core.jobs.mitigate_results import Mitigated, adapter_folder, losses_so_far, mitigated, trained_name
from avss_core.jobs.mitigate_table import before_after_rows
from avss_core.jobs.requests import request_of
from avss_core.models import ModelSpec
from avss_core.runs import Store


@pytest.fixture
def request_(tiny_model: Path, tmp_path: Path) -> MitigateRequest:
    file = tmp_path / "questions.jsonl"
    lines = [{"question": f"Who came in {1900 + number}?", "answers": ["no one"]} for number in range(60)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers = AnswersRequest(ModelSpec(str(tiny_model), dtype="float32"), CorpusSpec(str(file), part="all"), (), 4)
    settings = MitigationSettings(n_blocks=1, steps=5, answers=4, learning_rate=1e-2)
    return MitigateRequest(answers, settings, fluency=CorpusSpec(part="evaluate", max_tokens=400))


def test_a_request_survives_json(request_: MitigateRequest) -> None:
    again = request_of("mitigate", json.loads(json.dumps(request_.to_dict())))
    assert again == request_
    assert again.run_id() == request_.run_id()
    other = replace(request_, settings=replace(request_.settings, choice="random"))
    assert other.run_id() != request_.run_id()


def test_training_is_judged_on_questions_it_has_not_seen(store: Store, jobs: Jobs, request_: MitigateRequest) -> None:
    too_early = jobs.wait(jobs.submit(request_).id)
    assert (too_early.status, too_early.facts["exit_status"]) == ("failed", 2)
    assert "ask them first" in (too_early.error or "")

    taught, held_out = (jobs.wait(jobs.submit(one).id) for one in (request_.taught, request_.held_out))
    before = answers_frame(store, held_out.id)
    learned = answers_frame(store, taught.id)
    assert not set(before["question"]) & set(learned["question"])
    # A random model is never right: labels by hand take the place of the judge's. They are given where people see all
    # answers, in the run of all questions, and hold for the same answers in the runs of both halves.
    everything = jobs.wait(jobs.submit(request_.answers).id)
    for example in [*learned["example"][:12], *before["example"][:6]]:
        relabel(store, everything.id, example, "truthful")
    relabel(store, taught.id, learned["example"][0], "hallucinated")
    by_hand = hand_labels_for(store, request_.taught)
    assert by_hand == dict.fromkeys(learned["example"][1:12], "truthful") | {learned["example"][0]: "hallucinated"}
    request_ = replace(request_, by_hand=tuple(by_hand.items()))

    run = jobs.wait(jobs.submit(request_).id)
    assert (run.status, run.error) == ("done", None)
    assert run.n_units == len(store.units(run.id))
    losses = losses_so_far(store, run.id)
    assert losses["number"].tolist() == [1, 2, 3, 4, 5]
    assert np.isfinite(losses[["total", "contrast", "language", "margin"]]).all(axis=None)

    found = mitigated(store, run.id)
    assert found.before.frame["example"].tolist() == found.after.frame["example"].tolist() == before["example"].tolist()
    assert len(found.blocks) == 1
    assert found.truthful == 11
    assert found.enough
    asked_before, asked_after = found.before.frame, found.after.frame
    same = [one == other for one, other in zip(asked_before["answer"], asked_after["answer"], strict=True)]
    for judged in (found.before, found.after):
        expected = ["truthful" if place < 6 and same[place] else "hallucinated" for place in range(len(same))]
        assert judged.labels.tolist() == expected, "an answer that changed is judged by the judge on both sides"
    assert found.change.rate_before == found.change.rate_after
    assert found.helps is None, "the rate stayed as it was"
    assert "does not help beyond chance" in found.sentence
    # The trained block answers otherwise than before, and reads text otherwise.
    moved = [
        not np.allclose(one[found.blocks[0]], other[found.blocks[0]])
        for one, other in zip(found.before.frame["state_prompt"], found.after.frame["state_prompt"], strict=True)
    ]
    assert all(moved)
    assert found.fluency.ratio != 1.0
    assert [row["estimator"] for row in found.confidence] == ["before", "after"]
    by_name = {row["estimator"]: row for row in found.estimators}
    assert list(by_name)[-1] == "EAVSS"
    assert by_name["EAVSS"]["brier"] == found.confidence[1]["brier"]
    assert by_name["sequence_probability"]["brier"] == found.confidence[0]["brier"]
    expected = [np.exp(np.mean(values)) if len(values) else 0.0 for values in asked_after["logprobs"]]
    right = (found.after.labels == "truthful").to_numpy()
    assert by_name["EAVSS"]["brier"] == pytest.approx(np.mean((np.array(expected) - right) ** 2))
    assert by_name["EAVSS"]["n"] == len(asked_after)
    assert "asked again" in by_name["self_consistency"]["note"]
    assert (adapter_folder(store, run.id) / "adapter_model.safetensors").is_file()
    json.dumps(found.to_dict())

    right = Judged(asked_after.assign(answer="No one."), found.after.labels)
    better = replace(found, after=right)
    _check_before_and_after(better)
    nothing = float("nan")  # every question changes alike, so that resamples only repeat the change
    told = rate_against(better, found)
    assert told == pytest.approx({"difference": -1.0, "low": nothing, "high": nothing}, nan_ok=True)


def _check_before_and_after(one: Mitigated) -> None:
    """One row a metric; the change of the Brier score is a mean over questions, whose interval scipy can tell."""
    frame, labels = made_up(60)
    after = frame.assign(logprobs=[list(np.array(row) - 0.1 * (n % 3)) for n, row in enumerate(frame["logprobs"])])
    after.at[4, "logprobs"] = []
    one = replace(
        one,
        before=Judged(frame, labels),
        after=Judged(after.iloc[::-1].reset_index(drop=True), labels[::-1].reset_index(drop=True)),
    )
    rows = {row["metric"]: row for row in before_after_rows(one, q=0.3, p=0.9)}
    assert list(rows) == ["made-up rate", "H_model", "perplexity", "acc@30", "cov@90", "ece", "brier", "auroc"]
    right = (labels == "truthful").to_numpy(float)
    sure = [
        np.array([np.exp(np.mean(row)) if len(row) else 0.0 for row in each["logprobs"]]) for each in (frame, after)
    ]
    worse = (sure[1] - right) ** 2 - (sure[0] - right) ** 2
    found = rows["brier"]
    assert (found["n"], found["change"]) == (60, pytest.approx(worse.mean()))
    assert found["after"] == pytest.approx(np.mean((sure[1] - right) ** 2))
    known = bootstrap((worse,), np.mean, method="percentile", random_state=1).confidence_interval
    width = known.high - known.low
    np.testing.assert_allclose([found["change_low"], found["change_high"]], list(known), atol=0.1 * width)
    assert found["verdict"] == (None if known.low < 0 < known.high else "worse" if known.low > 0 else "better")
    assert rows["auroc"]["before"] == pytest.approx(roc_auc_score(right, sure[0]))
    assert (rows["perplexity"]["change"], rows["perplexity"]["neutral"]) == (one.fluency.ratio, 1)
    low = one.change.rate_change_low
    assert rows["made-up rate"]["change_low"] == (None if np.isnan(low) else low)
    assert rows["H_model"]["change"] == one.change.h_change
    same = replace(one, after=one.before)
    unchanged = before_after_rows(same)[-2]
    assert (unchanged["change"], unchanged["change_low"], unchanged["verdict"]) == (0, None, None)
    json.dumps(list(rows.values()), allow_nan=False)


def test_another_kind_of_run_is_refused(store: Store, jobs: Jobs, request_: MitigateRequest) -> None:
    asked = jobs.wait(jobs.submit(request_.held_out).id)
    with pytest.raises(RunError, match="not a mitigation"):
        mitigated(store, asked.id)


def test_only_the_blocks_of_highest_hcs_are_eavss() -> None:
    assert trained_name(MitigationSettings()) == "EAVSS"
    assert trained_name(MitigationSettings(choice="random")) == "trained (random blocks)"
    assert trained_name(MitigationSettings(blocks=(1,))) == "trained (named blocks)"


def test_what_cannot_be_asked_for(request_: MitigateRequest) -> None:
    with pytest.raises(SettingError, match="residual or update, not 'mlp'"):
        replace(request_, site="mlp")
    with pytest.raises(SettingError, match="seed must be 0 or more"):
        MitigationSettings(seed=-1)
