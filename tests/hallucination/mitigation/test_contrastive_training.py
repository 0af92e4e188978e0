"""Contrastive training of a tiny model: what learns, what stays, what its adapter fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from peft import PeftModel
from tiny_model import tiny_network, tiny_tokenizer
from torch import nn

from avss_core.errors import CorpusError, CutError, SettingError
from avss_core.hallucination.mitigation import MitigationSettings, choose_blocks
from avss_core.hallucination.mitigation.for_cut import adapter_for_cut
from avss_core.hallucination.mitigation.teach import ContrastiveTraining, Told
from avss_core.models.load import LoadedModel, wrap
from avss_core.variants.physical import pruned_network

SETTINGS = MitigationSettings(steps=6, answers=4, rank=4, learning_rate=3e-3)


@pytest.fixture
def model() -> LoadedModel:
    return wrap(tiny_network(blocks=4), tiny_tokenizer())


@pytest.fixture
def told() -> list[Told]:
    random = np.random.default_rng(0)
    prompts = [(5, 6, 7, *random.integers(2, 200, 3 + row % 3).tolist()) for row in range(12)]
    answers = [tuple(random.integers(2, 200, 2 + row % 2).tolist()) for row in range(12)]
    return [
        Told(prompt, answer, row % 2 == 0, 3) for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True))
    ]


def changed_blocks(original: nn.ModuleList, network: nn.ModuleList) -> set[int]:
    """Blocks with a weight that is not the same."""
    pairs = enumerate(zip(original, network, strict=True))
    return {
        index
        for index, (one, other) in pairs
        if any(not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    }


def test_only_the_chosen_blocks_learn_and_the_original_stays(model: LoadedModel, told: list[Told]) -> None:
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    training = ContrastiveTraining(model, told, (1, 2), SETTINGS)
    steps = list(training.steps())
    network, _ = training.finish()
    assert changed_blocks(model.blocks, network.get_submodule(model.blocks_path)) == {1, 2}
    assert all(torch.equal(before[name], tensor) for name, tensor in model.network.state_dict().items())
    assert [step.number for step in steps] == list(range(1, 7))
    assert steps[-1].contrast < steps[0].contrast
    assert steps[-1].margin > steps[0].margin


def test_the_first_losses_are_those_of_the_untouched_model(model: LoadedModel, told: list[Told]) -> None:
    """All answers in one step, so that nothing depends on the draw; each text is run alone, without padding."""
    settings = MitigationSettings(steps=1, answers=6, temperature=0.3, contrast=0.5, language=2.0)
    first = next(ContrastiveTraining(model, told, (2,), settings).steps())
    pooled, nlls = [], []
    for one in told:
        ids = torch.tensor([one.prompt + one.answer])
        with torch.no_grad():
            found = model.network(ids, output_hidden_states=True)
        pooled.append(found.hidden_states[3][0, len(one.prompt) :].mean(0).double().numpy())
        if one.truthful:
            logs = found.logits[0].double().log_softmax(-1)
            nlls += [-float(logs[at - 1, ids[0, at]]) for at in range(one.question, ids.shape[1])]
    unit = np.array([state / np.linalg.norm(state) for state in pooled])
    truthful = np.array([one.truthful for one in told])
    right, wrong = unit[truthful], unit[~truthful]
    together, apart = np.exp(right @ right.T / 0.3), np.exp(right @ wrong.T / 0.3).sum(1, keepdims=True)
    losses = -np.log(together / (together + apart))[~np.eye(len(right), dtype=bool)]
    assert first.contrast == pytest.approx(losses.mean(), rel=1e-4)
    assert first.language == pytest.approx(np.mean(nlls), rel=1e-4)
    assert first.total == pytest.approx(0.5 * first.contrast + 2.0 * first.language, rel=1e-5)
    assert first.tokens == sum(len(one.prompt) + len(one.answer) for one in told)


def test_the_same_seed_gives_the_same_curve(model: LoadedModel, told: list[Told]) -> None:
    curves = [[step.total for step in ContrastiveTraining(model, told, (0,), SETTINGS).steps()] for _ in range(2)]
    assert curves[0] == curves[1]


def test_the_adapter_fits_the_exported_cut(model: LoadedModel, told: list[Told], tmp_path: Path) -> None:
    """The adapter on the pruned model does what the trained model without the same blocks does."""
    training = ContrastiveTraining(model, told, (1, 3), SETTINGS)
    for _ in training.steps():
        pass
    network, adapter = training.finish()
    adapter.save(tmp_path / "adapter")
    kept = (0, 2, 3)
    folder = adapter_for_cut(tmp_path / "adapter", model.blocks_path, kept, tmp_path / "renumbered")
    exported = pruned_network(model, kept)
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        untouched = exported(ids).logits
        adapted = PeftModel.from_pretrained(exported, str(folder))(ids).logits
        expected = pruned_network(wrap(network, model.tokenizer), kept)(ids).logits
    torch.testing.assert_close(adapted, expected, rtol=1e-4, atol=1e-4)
    assert (adapted - untouched).abs().max() > 1e-3, "the training changed what is compared"


def test_an_adapter_of_removed_blocks_alone_is_refused(model: LoadedModel, told: list[Told], tmp_path: Path) -> None:
    training = ContrastiveTraining(model, told, (1,), MitigationSettings(steps=1))
    next(training.steps())
    training.adapter().save(tmp_path / "adapter")
    with pytest.raises(CutError, match="every block that was trained"):
        adapter_for_cut(tmp_path / "adapter", model.blocks_path, (0, 2, 3), tmp_path / "none")


def test_what_cannot_be_trained_is_told(model: LoadedModel, told: list[Told]) -> None:
    with pytest.raises(CorpusError, match="1 truthful and 6 made-up answers"):
        ContrastiveTraining(model, [*[one for one in told if not one.truthful], told[0]], (1,), SETTINGS)
    with pytest.raises(CutError, match="Block 4 cannot be trained: the model has blocks 0 to 3"):
        ContrastiveTraining(model, told, (4,), SETTINGS)
    with pytest.raises(SettingError, match="temperature must be a positive number"):
        MitigationSettings(temperature=0)
    with pytest.raises(SettingError, match="Both weights"):
        MitigationSettings(contrast=0, language=0)


def test_blocks_are_chosen_by_hcs() -> None:
    table = pd.DataFrame({"block": range(6), "hcs": [0.3, 0.1, 0.5, 0.1, 0.9, 0.2]})
    assert choose_blocks(table, "highest", 2) == (2, 4)
    assert choose_blocks(table, "lowest", 2) == (1, 3)
    drawn = choose_blocks(table, "random", 3, seed=1)
    assert drawn == choose_blocks(table, "random", 3, seed=1)
    assert len(set(drawn)) == 3
    with pytest.raises(SettingError, match="From 1 to 6 blocks"):
        choose_blocks(table, "highest", 7)
