"""Jobs that cannot be done: each ends as failed, with one sentence, and the workers go on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_model import VOCABULARY, save_tiny_model, tiny_network, tiny_tokenizer, write_documents
from transformers import GPT2Config, GPT2LMHeadModel

from avss_core.corpora import CorpusSpec
from avss_core.errors import CorpusError, ResourceError, SettingError
from avss_core.jobs import AnswersRequest, EvaluateRequest, HealRequest, Jobs, MitigateRequest, ProfileRequest
from avss_core.jobs.job import Job
from avss_core.jobs.requests import Request
from avss_core.models import ModelSpec
from avss_core.runs import Run, Store


@pytest.fixture
def text(tmp_path: Path) -> CorpusSpec:
    return CorpusSpec(str(write_documents(tmp_path / "text.jsonl", 4, 60)), part="all")


def failed(jobs: Jobs, request: Request, sentence: str, status: int | None = 2) -> Run:
    """The run of a request that fails with this sentence, alone on its line."""
    run = jobs.wait(jobs.submit(request).id)
    assert run.status == "failed"
    assert run.error is not None
    assert re.search(sentence, run.error), run.error
    assert "\n" not in run.error
    assert run.facts.get("exit_status") == status
    assert run.seconds is not None
    return run


def test_a_model_that_is_not_there(jobs: Jobs, text: CorpusSpec, tmp_path: Path) -> None:
    failed(jobs, ProfileRequest(ModelSpec(str(tmp_path / "none")), text), r"There is no folder .*none; give a folder")


def test_a_truncated_gguf(jobs: Jobs, text: CorpusSpec, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    failed(
        jobs, ProfileRequest(ModelSpec(str(tmp_path / "cut.gguf")), text), r"not a whole GGUF file .*download it again"
    )


def test_pickle_weights(jobs: Jobs, text: CorpusSpec, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save(tiny_network().state_dict(), folder / "pytorch_model.bin")
    failed(jobs, ProfileRequest(ModelSpec(str(folder)), text), r"only pickle weights .*convert them to safetensors")


def test_weights_that_are_no_numbers(jobs: Jobs, text: CorpusSpec, tmp_path: Path) -> None:
    network = tiny_network()
    with torch.no_grad():
        network.model.layers[1].mlp.up_proj.weight[0, 0] = float("nan")
    network.save_pretrained(tmp_path / "nan")
    tiny_tokenizer().save_pretrained(tmp_path / "nan")
    failed(
        jobs, ProfileRequest(ModelSpec(str(tmp_path / "nan")), text), r"not finite numbers .*layers\.1\.mlp\.up_proj"
    )


def test_activations_that_are_no_numbers(jobs: Jobs, text: CorpusSpec, tmp_path: Path) -> None:
    network = tiny_network()
    with torch.no_grad():
        network.model.layers[2].mlp.down_proj.weight.fill_(torch.finfo(torch.float32).max)
    network.save_pretrained(tmp_path / "huge")
    tiny_tokenizer().save_pretrained(tmp_path / "huge")
    request = ProfileRequest(ModelSpec(str(tmp_path / "huge"), dtype="float32"), text)
    failed(jobs, request, r"Block 2 .*not finite", status=1)


@pytest.mark.parametrize("content", ["", "\n \n\t\n"])
def test_a_text_without_text(jobs: Jobs, tiny_model: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "empty.txt").write_text(content)
    request = ProfileRequest(ModelSpec(str(tiny_model)), CorpusSpec(str(tmp_path / "empty.txt")))
    failed(jobs, request, r"empty\.txt (is empty|has no text)")


def test_a_text_that_is_not_there_is_told_before_anything_starts(
    store: Store, jobs: Jobs, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match=r"There is no file or folder .*none\.txt"):
        jobs.submit(ProfileRequest(ModelSpec(str(tiny_model)), CorpusSpec(str(tmp_path / "none.txt"))))
    assert store.runs() == []


def test_a_text_with_nothing_to_predict(jobs: Jobs, tiny_model: Path, tmp_path: Path) -> None:
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", 2, 20)), part="all", length=1)
    request = EvaluateRequest(ModelSpec(str(tiny_model)), text, "perplexity", ((),))
    failed(jobs, request, "no token to predict")


@pytest.mark.parametrize(
    ("removed", "sentence"),
    [((0, 1, 2), r"removes all 3 blocks; keep at least one"), ((3,), r"no block 3 .*blocks 0 to 2")],
)
def test_cuts_that_cannot_be(
    store: Store, jobs: Jobs, tiny_model: Path, text: CorpusSpec, removed: tuple[int, ...], sentence: str
) -> None:
    request = EvaluateRequest(ModelSpec(str(tiny_model)), text, "perplexity", ((), removed))
    run = failed(jobs, request, sentence)
    assert store.units(run.id) == [], "it is known before anything is evaluated"


@pytest.fixture
def gpt2(tmp_path: Path) -> ModelSpec:
    """A folder with a random GPT-2 of 32 positions."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(VOCABULARY), n_embd=32, n_head=4, n_layer=2, n_positions=32, eos_token_id=1)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    tiny_tokenizer().save_pretrained(tmp_path / "gpt2")
    return ModelSpec(str(tmp_path / "gpt2"), dtype="float32", device="cpu")


def test_windows_that_are_longer_than_the_model(store: Store, jobs: Jobs, gpt2: ModelSpec, text: CorpusSpec) -> None:
    short = replace(text, length=32)
    answers = AnswersRequest(gpt2, text, (), 4)
    for request in (
        ProfileRequest(gpt2, text),
        EvaluateRequest(gpt2, text, "perplexity", ((),)),
        HealRequest(gpt2, text, short, (1,)),
        HealRequest(gpt2, short, text, (1,)),
        MitigateRequest(answers, fluency=text),
    ):
        run = failed(jobs, request, r"has 60 tokens, more than the 32 positions of GPT2LMHeadModel; ask for windows of")
        assert store.units(run.id) == [], "it is known before anything is measured"
    assert jobs.wait(jobs.submit(ProfileRequest(gpt2, short)).id).status == "done"


def test_tasks_and_sites_that_do_not_exist_cannot_be_asked_for(tiny_model: Path, text: CorpusSpec) -> None:
    with pytest.raises(SettingError, match=r"no task 'poetry' \(there are: perplexity"):
        EvaluateRequest(ModelSpec(str(tiny_model)), text, "poetry", ((),))
    with pytest.raises(SettingError, match="no site 'soul'; the sites are residual"):
        ProfileRequest(ModelSpec(str(tiny_model)), text, ("soul",))


def test_a_failed_job_can_be_asked_for_again(jobs: Jobs, tiny_model: Path, text: CorpusSpec, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    request = ProfileRequest(ModelSpec(str(folder)), text)
    first = failed(jobs, request, "There is no folder")
    again = jobs.submit(request)
    assert (again.id, again.attempt, again.facts.get("exit_status")) == (first.id, 2, None)
    assert jobs.wait(again.id).status == "failed"


def send(store: Store, jobs: Jobs, workers: str, request: Request, run_id: str, spec: dict[str, object]) -> Run:
    """Enter a run and send it off, past what `submit` checks."""
    run = store.start_run(run_id, request.kind, spec, {"scheduler": workers})
    assert run is not None
    jobs._connections[workers].submit(Job.of(run, store))
    return jobs.wait(run.id)


def test_what_nobody_foresaw_is_told_with_a_traceback_in_the_facts(
    store: Store, jobs: Jobs, workers: str, tiny_model: Path, text: CorpusSpec
) -> None:
    request = ProfileRequest(ModelSpec(str(tiny_model)), text)
    run = send(store, jobs, workers, request, "e" * 16, request.to_dict() | {"sites": None})
    assert (run.status, run.facts.get("exit_status")) == ("failed", None)
    assert run.error == "Internal failure in this profile run: TypeError: 'NoneType' object is not iterable"
    assert "request_of" in run.facts["traceback"]


def test_a_text_that_changes_while_it_is_read(
    store: Store, jobs: Jobs, workers: str, tiny_model: Path, text: CorpusSpec
) -> None:
    request = ProfileRequest(ModelSpec(str(tiny_model)), text)
    run = send(store, jobs, workers, request, "a" * 16, request.to_dict())  # an id that is not of this text
    assert (run.status, run.facts["exit_status"]) == ("failed", 2)
    assert "was changed while it was being read" in (run.error or "")


def test_a_worker_that_has_another_store(
    store: Store, jobs: Jobs, workers: str, tiny_model: Path, text: CorpusSpec, tmp_path: Path
) -> None:
    request = ProfileRequest(ModelSpec(str(tiny_model)), text)
    run = store.start_run(request.run_id(), request.kind, request.to_dict(), {"scheduler": workers})
    assert run is not None
    jobs._connections[workers].submit(Job.of(run, Store(str(tmp_path / "other.db"))))
    lost = jobs.wait(run.id)
    assert lost.status == "interrupted"
    assert re.search(r"finds no run .*other\.db; give a --store that it shares", lost.error or "")


def test_an_attempt_that_was_given_up_does_nothing(
    store: Store, jobs: Jobs, workers: str, tiny_model: Path, text: CorpusSpec
) -> None:
    request = ProfileRequest(ModelSpec(str(tiny_model)), text)
    first = store.start_run(request.run_id(), request.kind, request.to_dict(), {"scheduler": workers})
    assert first is not None
    store.end_run(first.id, 1, "interrupted")
    second = jobs.submit(request)
    jobs._connections[workers].submit(Job.of(first, store))
    done = jobs.wait(second.id)
    assert (done.status, done.attempt) == ("done", 2)
    connection = jobs._connections[workers]
    assert jobs.progress(done.id) is not None
    assert connection.latest(first) is None, "it has not even begun"


def test_a_scheduler_that_does_not_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVSS_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.raises(
        ResourceError, match=r"scheduler at tcp://127\.0\.0\.1:9 \(AVSS_SCHEDULER\) does not answer; start it"
    ):
        Jobs.connect(store)
    monkeypatch.setenv("AVSS_SCHEDULER", "over there")
    with pytest.raises(SettingError, match=r"'over there' is not the address of a scheduler; .*tcp://127"):
        Jobs.connect(store)
