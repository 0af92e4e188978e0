from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
import torch
from random_models import HIDDEN, build
from torch import nn

from avss_core.corpora.batches import make_batches
from avss_core.errors import Cancelled, CorpusError, CutError
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.healing import LinearSettings, fit_linear
from avss_core.pruning.healing.evaluate import score_network
from avss_core.pruning.healing.fit_linear import heal_linear
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.split import split_documents
from avss_core.tasks import Evaluation
from avss_core.tasks.perplexity_table import summarise
from avss_core.variants import Variant

HARDLY_HELD_BACK = LinearSettings(shrinkages=(1e-7,), fold=False)


def matrix(rows: int, columns: int, seed: int, scale: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(rows, columns, generator=generator, dtype=torch.float32)


def answer_instead(block: nn.Module, answer) -> None:
    """The block's own answer is replaced by a function of what it is called with."""
    block.register_forward_hook(lambda _block, args, _output: answer(args[0]))


@pytest.fixture
def planted() -> LoadedModel:
    """Six blocks, of which 2 and 4 only multiply the state by a matrix and add a vector."""
    model = wrap(build("llama", blocks=6), tokenizer=None)
    for block in (2, 4):
        turn, move = matrix(HIDDEN, HIDDEN, block, 0.1) + torch.eye(HIDDEN), matrix(1, HIDDEN, block + 1, 1.0)
        answer_instead(model.blocks[block], lambda state, turn=turn, move=move: state @ turn + move)
    return model


def logits_of(network: nn.Module, windows) -> Iterator[torch.Tensor]:
    for batch in make_batches(windows, pad_id=0):
        logits = network(batch.input_ids, attention_mask=batch.attention_mask).logits
        yield logits[batch.attention_mask.bool()]


def difference(network: nn.Module, model: LoadedModel, windows) -> float:
    """Largest difference of the logits from the whole model's, relative to their size."""
    pairs = list(zip(logits_of(network, windows), logits_of(model.network, windows), strict=True))
    return max(float((ours - theirs).abs().max() / theirs.abs().max()) for ours, theirs in pairs)


def test_planted_linear_stretches_are_healed_exactly(planted: LoadedModel, make_windows) -> None:
    variant = Variant.without(6, [2, 4])
    healing = heal_linear(planted, variant, make_windows(40, written_by=planted.network), HARDLY_HELD_BACK)
    assert [each.stretch.name for each in healing.maps] == ["2", "4"]
    assert [each.reads for each in healing.maps] == ["state", "state"]
    assert healing.parameters_added == 2 * (HIDDEN + 1) * HIDDEN
    other = make_windows(4, seed=9)
    assert difference(healed_network(planted, variant), planted, other) > 0.3
    assert difference(healed_network(planted, variant, healing.maps), planted, other) < 2e-3
    assert [trial.error for trial in healing.trials if trial.chosen] == pytest.approx([0.0, 0.0], abs=1e-5)


def test_the_matrix_is_the_planted_one(planted: LoadedModel, make_windows) -> None:
    windows = make_windows(40, written_by=planted.network)
    (found,) = heal_linear(planted, Variant.without(6, [2]), windows, HARDLY_HELD_BACK).maps
    torch.testing.assert_close(torch.from_numpy(found.weight), matrix(HIDDEN, HIDDEN, 2, 0.1).T, atol=2e-3, rtol=0)


def test_a_stretch_that_the_neurons_before_it_explain_is_healed_by_folding(make_windows) -> None:
    model = wrap(build("llama", blocks=5), tokenizer=None)
    neurons: list[torch.Tensor] = []
    model.blocks[1].mlp.down_proj.register_forward_pre_hook(lambda _linear, args: neurons.append(args[0]))
    reading = matrix(2 * HIDDEN, HIDDEN, 3, 0.02)
    answer_instead(model.blocks[2], lambda state: state + neurons[-1] @ reading)
    variant = Variant.without(5, [2])
    settings = LinearSettings(shrinkages=(1e-7,))
    healing = heal_linear(model, variant, make_windows(40, written_by=model.network), settings)
    assert [(each.reads, each.projection) for each in healing.maps] == [("neurons", "mlp.down_proj")]
    assert healing.folded
    assert healing.parameters_added == 0
    network = healed_network(model, variant, healing.maps)
    assert difference(network, model, make_windows(4, seed=9)) < 2e-3
    changed = network.model.layers[1].mlp.down_proj.weight - model.blocks[1].mlp.down_proj.weight
    torch.testing.assert_close(changed, reading.T, atol=2e-3, rtol=0)


def test_a_gap_at_the_beginning_and_at_the_end(make_windows) -> None:
    model = wrap(build("llama", blocks=5), tokenizer=None)
    for block in (0, 4):
        turn = matrix(HIDDEN, HIDDEN, block, 0.1)
        answer_instead(model.blocks[block], lambda state, turn=turn: state + state @ turn)
    variant = Variant.without(5, [0, 4])
    maps = heal_linear(model, variant, make_windows(40, written_by=model.network), HARDLY_HELD_BACK).maps
    assert [each.stretch.place for each in maps] == [0, 3]
    assert difference(healed_network(model, variant, maps), model, make_windows(4, seed=9)) < 5e-3


def test_a_map_that_does_not_help_is_refused(make_windows) -> None:
    """A few tokens explain nothing of a random block, so a map that is hardly held back learns noise."""
    model = wrap(build("llama", blocks=5), tokenizer=None)
    settings = LinearSettings(shrinkages=(1e-6, 1e-5))
    healing = heal_linear(model, Variant.without(5, [2]), make_windows(6, written_by=model.network), settings)
    nothing, *tried = healing.trials
    assert nothing.chosen
    assert math.isinf(nothing.shrinkage)
    assert nothing.error == 1.0
    assert nothing.perplexity is not None
    for trial in tried:
        assert not trial.chosen
        assert trial.perplexity is not None
        assert trial.perplexity > nothing.perplexity
    assert not healing.helps
    assert healing.maps == ()
    assert healing.after == healing.before
    assert "No linear map" in healing.sentence


def test_maps_that_do_not_help_together_are_not_said_to_be_chosen(
    planted: LoadedModel, make_windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = [Evaluation("perplexity", "perplexity", value, value, value, 3, False) for value in (20.0, 20.5)]
    monkeypatch.setattr(fit_linear, "_before_and_after", lambda *_asked: worse)
    windows = make_windows(40, written_by=planted.network)
    healing = heal_linear(planted, Variant.without(6, [2, 4]), windows, HARDLY_HELD_BACK)
    assert (healing.maps, healing.helps, healing.after) == ((), False, worse[0])
    chosen = [(trial.stretch.name, trial.shrinkage) for trial in healing.trials if trial.chosen]
    assert chosen == [("2", math.inf), ("4", math.inf)]
    assert len(healing.trials) == 4
    assert "helped one after another did not make the held-out" in healing.sentence


def test_infinite_shrinkage_is_never_a_map(planted: LoadedModel, make_windows) -> None:
    settings = LinearSettings(shrinkages=(math.inf,), fold=False)
    healing = heal_linear(planted, Variant.without(6, [2]), make_windows(6), settings)
    assert not healing.helps
    assert healing.trials[0].error == healing.trials[1].error == 1.0
    assert healing.trials[0].perplexity == healing.trials[1].perplexity


@pytest.mark.parametrize("fold", [True, False])
def test_what_is_chosen_is_what_the_pruned_model_then_has(fold: bool, make_windows) -> None:
    """The trial's perplexity, from states, against that of the finished network on the held-out documents."""
    model = wrap(build("llama", blocks=6), tokenizer=None)
    windows = make_windows(60, written_by=model.network)
    variant = Variant.without(6, [1, 3, 4])
    healing = heal_linear(model, variant, windows, LinearSettings((0.3, 3.0, 30.0), fold=fold))
    assert healing.helps
    _, judges = split_documents(windows, healing.settings.held_out)
    batches = make_batches(judges, 0)
    before = summarise(score_network(model, healed_network(model, variant), batches))
    after = summarise(score_network(model, healed_network(model, variant, healing.maps), batches))
    assert healing.before == before
    assert healing.after == after
    assert after.value < before.value
    first, last = healing.trials[0], [trial for trial in healing.trials if trial.chosen][-1]
    assert first.perplexity == pytest.approx(before.value, rel=1e-5)
    assert last.perplexity == pytest.approx(after.value, rel=1e-4)
    assert healing.fitted_tokens + healing.held_out_tokens == sum(map(len, windows))
    assert healing.held_out_tokens == sum(map(len, judges))


def test_without_room_for_states_the_same_is_found(make_windows) -> None:
    model, windows = wrap(build("gpt2", blocks=6), tokenizer=None), make_windows(16)
    variant = Variant.without(6, [0, 2, 4])
    held, recomputed = (heal_linear(model, variant, windows, memory_budget=room) for room in (2**30, 0))
    assert held.trials == recomputed.trials
    for ours, theirs in zip(held.maps, recomputed.maps, strict=True):
        assert (ours.weight == theirs.weight).all()


def test_an_encoder_is_judged_by_the_error(make_windows) -> None:
    model = wrap(build("bert"), tokenizer=None)
    healing = heal_linear(model, Variant.without(4, [1]), make_windows(16))
    assert healing.before is healing.after is None
    assert [trial.perplexity for trial in healing.trials] == [None] * len(healing.trials)
    assert [trial.error for trial in healing.trials if trial.chosen] == [min(trial.error for trial in healing.trials)]
    assert healing.helps


def test_the_documents_that_judge_are_not_fitted(make_windows) -> None:
    windows = [window for window in make_windows(11) for _ in range(2)]
    fitted, judging = split_documents(windows, 0.25)
    ours, theirs = ({window.document for window in part} for part in (fitted, judging))
    assert not ours & theirs
    assert len(theirs) == 3
    assert sorted([*fitted, *judging], key=lambda window: window.document) == windows
    assert [len({window.document for window in part}) for part in split_documents(windows[:4], 0.9)] == [1, 1]


def test_the_original_stays_as_it_is(make_windows, untouched) -> None:
    model = wrap(build("llama", blocks=5), tokenizer=None)
    before = untouched(model.network)
    windows = make_windows(40, written_by=model.network)
    healing = heal_linear(model, Variant.without(5, [1, 3]), windows, LinearSettings((0.3, 3.0, 30.0)))
    assert healing.helps
    before.check()


def test_the_original_stays_as_it_is_after_being_cancelled(make_windows, untouched) -> None:
    model, windows = wrap(build("llama", blocks=5), tokenizer=None), make_windows(16)
    tokens: list[int] = []
    variant = Variant.without(5, [1, 3])
    heal_linear(model, variant, windows, between_batches=tokens.append)
    assert sum(tokens) == 2 * sum(map(len, windows))
    for stop_after in range(len(tokens)):
        before, seen = untouched(model.network), []

        def cancel(count: int, seen: list[int] = seen, stop_after: int = stop_after) -> None:
            seen.append(count)
            if len(seen) > stop_after:
                raise Cancelled("enough")

        with pytest.raises(Cancelled):
            heal_linear(model, variant, windows, between_batches=cancel)
        before.check()


def test_bad_requests(make_windows) -> None:
    model = wrap(build("llama"), tokenizer=None)
    with pytest.raises(CutError, match="removes no block"):
        heal_linear(model, Variant.full(4), make_windows())
    with pytest.raises(CutError, match="4; make the cut for this model"):
        heal_linear(model, Variant.without(5, [1]), make_windows())
    with pytest.raises(CutError, match="every block"):
        heal_linear(model, Variant.without(4, range(4)), make_windows())
    with pytest.raises(CorpusError, match="at least 2"):
        heal_linear(model, Variant.without(4, [1]), make_windows(1))


def test_json(planted: LoadedModel, make_windows) -> None:
    windows = make_windows(40, written_by=planted.network)
    healing = heal_linear(planted, Variant.without(6, [2]), windows, HARDLY_HELD_BACK)
    told = json.loads(json.dumps(healing.to_dict()))
    assert told["kept"] == [0, 1, 3, 4, 5]
    assert told["healed"] == ["2"]
    assert told["trials"][0]["shrinkage"] is None
    assert told["after"]["value"] < told["before"]["value"]
