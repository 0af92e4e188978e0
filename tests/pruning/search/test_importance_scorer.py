from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from random_models import VOCAB, build
from torch import nn

from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import ModelError, SettingError
from avss_core.importance import Epsilon, RankSettings
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.search import AppendixH, Limits, Problem, iterative_steps
from avss_core.pruning.search.importance_scorer import importance_scorer, pruned_model
from avss_core.pruning.search.perplexity_scorer import perplexity_scorer

N = 4
EPSILON = 0.25  # an edge of the bins, where sparsity is exact


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    generator = torch.Generator().manual_seed(3)
    return [Window(i, 0, tuple(torch.randint(3, VOCAB, (11,), generator=generator).tolist())) for i in range(3)]


def avss_with_blocks_bridged(network: nn.Module, windows: list[Window], kept: tuple[int, ...]) -> list[float]:
    """Equation (7) in float64 from the outputs of the kept blocks, while the others hand on what they are given."""
    blocks = network.model.layers
    seen: dict[int, list[np.ndarray]] = {block: [] for block in kept}

    def bridge(_module: nn.Module, args: tuple[torch.Tensor, ...], _output: object) -> torch.Tensor:
        return args[0]

    def keep(index: int):
        return lambda _module, _args, output: seen[index].append(output.detach().numpy().astype(np.float64).ravel())

    handles = [
        block.register_forward_hook(keep(index) if index in kept else bridge) for index, block in enumerate(blocks)
    ]
    for window in windows:
        network.model(input_ids=torch.tensor([window.ids]))
    for handle in handles:
        handle.remove()
    values = [np.concatenate(seen[block]) for block in kept]
    return [float(a.var() / np.mean(np.abs(a) < EPSILON)) for a in values]


@pytest.mark.parametrize("kept", [kept for size in (2, 3, 4) for kept in combinations(range(N), size)])
def test_avss_of_a_pruned_model(windows: list[Window], kept: tuple[int, ...]) -> None:
    network = build("llama", blocks=N)
    expected = avss_with_blocks_bridged(network, windows, kept)
    settings = RankSettings(("avss",), epsilon=Epsilon(EPSILON))
    scores = importance_scorer(wrap(network, tokenizer=None), windows, settings)(kept)
    assert list(scores) == pytest.approx(expected, rel=1e-4)


def test_ablation_of_a_pruned_model(windows: list[Window]) -> None:
    model = wrap(build("gemma3", blocks=N), tokenizer=None)
    scores = importance_scorer(model, windows, RankSettings(("ablation",)))((0, 2, 3))

    def loss(kept: tuple[int, ...]) -> float:
        network = pruned_model(model, kept).network
        ids = torch.tensor([window.ids for window in windows])
        return float(network(input_ids=ids, labels=ids).loss)

    assert list(scores) == pytest.approx([loss(kept) - loss((0, 2, 3)) for kept in [(2, 3), (0, 3), (0, 2)]], rel=1e-4)


def test_iterative_pruning_of_a_real_network_with_importance_anew(windows: list[Window]) -> None:
    network = build("llama", blocks=N)
    model = wrap(network, tokenizer=None)
    problem = Problem(N, perplexity_scorer(model, make_batches(windows, 0)), Limits(most=2))
    scores_of = importance_scorer(model, windows, RankSettings(("avss",), epsilon=Epsilon(EPSILON)))
    steps = list(iterative_steps(problem, scores_of, AppendixH(tolerance=1e9, again=True)))
    for step in steps:
        kept = tuple(block for block, score in enumerate(step.scores) if score is not None)
        expected = avss_with_blocks_bridged(network, windows, kept)
        assert step.candidate == kept[int(np.argmin(expected))]
    assert len(steps[-1].removed) == 2
    assert steps == list(iterative_steps(problem, scores_of, AppendixH(tolerance=1e9, again=True)))


def test_the_whole_model_is_not_built_again_and_a_pruned_one_has_a_name_of_its_own() -> None:
    model = wrap(build("gpt2", blocks=N), tokenizer=None)
    assert pruned_model(model, (0, 1, 2, 3)) is model
    names = {pruned_model(model, kept).fingerprint for kept in [(0, 1, 2, 3), (0, 1, 2), (0, 1, 3)]}
    assert len(names) == 3
    pruned = pruned_model(model, (1, 3))
    assert pruned.n_blocks == 2
    assert pruned.network.config.n_layer == 2


def test_a_network_that_cannot_be_built_shorter_is_named() -> None:
    network = build("gpt2", blocks=N)
    network.config.scale_attn_by_inverse_layer_idx = True
    model: LoadedModel = wrap(type(network)(network.config).eval(), tokenizer=None)
    with pytest.raises(
        ModelError, match=r"again after a removal: Block 1 [^;]* depends on its place; compute it once\.$"
    ):
        pruned_model(model, (1, 3))


def test_one_method_at_a_time(windows: list[Window]) -> None:
    model = wrap(build("llama", blocks=N), tokenizer=None)
    with pytest.raises(SettingError, match="by one method, not by 2"):
        importance_scorer(model, windows, RankSettings(("avss", "magnitude")))
    assert math.isfinite(sum(importance_scorer(model, windows, RankSettings(("magnitude",)))((1, 2))))
