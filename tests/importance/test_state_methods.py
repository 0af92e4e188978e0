"""Block Influence and angular distance against NumPy on hidden states that are all kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import ARCHITECTURES
from rank_cases import as_numpy, model_of, states_of, windows_of

from avss_core.importance import RankSettings, rankings_of
from avss_core.importance.compute import measure_shard
from avss_core.importance.methods import angular
from avss_core.importance.rank import rank
from avss_core.importance.sums import Table
from avss_core.pruning.cuts_by_size import stretches_by_distance

WINDOWS = windows_of(13, 8, 3, 1)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_block_influence_is_one_minus_the_mean_cosine(name: str) -> None:
    model = model_of(name)
    (ranking,) = rank(model, WINDOWS, RankSettings(("block_influence",)))
    states = [as_numpy(states_of(model, window)) for window in WINDOWS]
    for block in range(4):
        cosines = np.concatenate([cosine(s[block], s[block + 1]) for s in states])
        assert cosines.shape == (25,)
        assert ranking.scores[block] == pytest.approx(1 - cosines.mean(), abs=1e-5)
    assert ranking.block_runs == 4


@pytest.mark.parametrize("name", ["llama", "gpt2", "bert"])
def test_angular_distance_of_every_stretch_by_hand(name: str) -> None:
    model, settings = model_of(name), RankSettings(("angular",))
    table = measure_shard(model, WINDOWS, settings)
    (ranking,) = rankings_of([table], settings, 4)
    last = [[state[-1] for state in as_numpy(states_of(model, window))] for window in WINDOWS]
    by_n = {}
    for n in range(1, 5):
        apart = [[np.arccos(cosine(s[first], s[first + n])) / np.pi for first in range(5 - n)] for s in last]
        by_n[n] = np.mean(apart, axis=0)
        assert angular.distances(Table(table, 4).sums(), n) == pytest.approx(by_n[n], abs=1e-5)
    assert ranking.scores == pytest.approx(by_n[1].tolist(), abs=1e-5)
    for stretch in ranking.details["stretches"]:
        assert stretch["first"] == int(np.argmin(by_n[stretch["n"]]))
        assert stretch["distance"] == pytest.approx(by_n[stretch["n"]].min(), abs=1e-5)
    assert [stretch["n"] for stretch in ranking.details["stretches"]] == [1, 2, 3]
    swept = stretches_by_distance({n: by_n[n].tolist() for n in (1, 2, 3)}, 4)
    assert tuple(ranking.lowest(n) for n in range(4)) == swept, "the same cuts as a sweep's"


def test_a_right_angle_and_no_turn_at_all() -> None:
    model = model_of("llama", 2)

    def quarter_turn(_block: object, args: tuple[torch.Tensor, ...], _output: torch.Tensor) -> torch.Tensor:
        one, other = args[0].chunk(2, dim=-1)
        return torch.cat([-other, one], dim=-1)

    handles = [
        model.blocks[0].register_forward_hook(quarter_turn),
        model.blocks[1].register_forward_hook(lambda _block, args, _output: 3.0 * args[0]),
    ]
    try:
        influence, angle = rank(model, windows_of(4, 6), RankSettings(("block_influence", "angular")))
    finally:
        for handle in handles:
            handle.remove()
    assert influence.scores == pytest.approx([1.0, 0.0], abs=1e-6)
    assert angle.scores == pytest.approx([0.5, 0.0], abs=1e-3)
    assert angle.removal_order == influence.removal_order == [1, 0]
    assert angle.ranks == [1, 2]
