"""Shapley values: the formula by enumeration, the exact pass on real networks, and sampling against it."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from rank_cases import logits_of, model_of, nll_of, windows_of

from avss_core.corpora.windows import Window
from avss_core.importance import RankSettings, method_named
from avss_core.importance.coalitions import all_coalitions, along, exact_values, is_exact, marginals, worth
from avss_core.importance.compute import measure_shard
from avss_core.importance.passes import coalitions as coalitions_pass
from avss_core.importance.rank import rank
from avss_core.importance.ranking import Ranking
from avss_core.models.load import LoadedModel
from avss_core.variants.physical import pruned_network

WINDOWS = windows_of(13, 8, 3)


def shapley(model: LoadedModel, windows: list[Window], **settings: int) -> Ranking:
    (ranking,) = rank(model, windows, RankSettings(("shapley",), **settings))  # type: ignore[arg-type]
    return ranking


def over_all_orders(worths: dict[tuple[int, ...], float], n_blocks: int) -> np.ndarray:
    """The definition: what a block adds to those before it, averaged over all M! orders."""
    values = np.zeros(n_blocks)
    for order in permutations(range(n_blocks)):
        for place, block in enumerate(order):
            before = tuple(sorted(order[:place]))
            values[block] += worths[tuple(sorted((*before, block)))] - worths[before]
    return values / math.factorial(n_blocks)


def test_the_formula_is_the_mean_over_all_orders() -> None:
    generator = np.random.default_rng(0)
    worths = {kept: float(generator.normal()) for kept in all_coalitions(4)}
    assert len(worths) == 16
    exact = exact_values({kept: np.array(value) for kept, value in worths.items()}, 4)
    assert exact == pytest.approx(over_all_orders(worths, 4))
    assert exact.sum() == pytest.approx(worths[0, 1, 2, 3] - worths[()])
    by_orders = [marginals(order, [worths[kept] for kept in along(order)]) for order in permutations(range(4))]
    assert np.mean(by_orders, axis=0) == pytest.approx(exact)


def test_a_game_with_a_known_answer() -> None:
    """Either of blocks 0 and 1 is enough for 6, block 2 adds 3 on its own, block 3 nothing: 3, 3, 3, 0."""
    worths = {kept: np.array(6.0 * bool({0, 1} & set(kept)) + 3.0 * (2 in kept)) for kept in all_coalitions(4)}
    assert exact_values(worths, 4) == pytest.approx([3, 3, 3, 0])


def test_worth_is_what_is_gained_over_guessing() -> None:
    loss = np.array([[2.0, 3.0], [9.0, np.inf], [np.nan, 4.5]])
    assert worth(loss, np.array([2.0, 3.0]), chance=5.0).tolist() == [[3.0, 2.0], [0.0, 0.0], [0.0, 0.5]]
    # A network that guesses worse than chance has nothing to lose: its loss counts as it is.
    assert worth(np.array([7.0, 9.0]), np.array(7.0), chance=5.0).tolist() == [-7.0, -9.0]


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_exact_for_four_blocks_from_sixteen_networks(name: str) -> None:
    model = model_of(name)
    ranking = shapley(model, WINDOWS, budget=15)
    assert ranking.details == {"exact": True}
    assert ranking.block_runs == 15
    values, weights = np.zeros(4), 0
    for window in WINDOWS:
        worths = {}
        for size in range(5):
            for kept in combinations(range(4), size):
                worths[kept] = -loss_of(model, kept, window)
        if -worths[0, 1, 2, 3] < math.log(128):  # as a trained network: better than chance
            worths = {kept: max(0.0, math.log(128) + value) for kept, value in worths.items()}
        values += over_all_orders(worths, 4) * (len(window) - 1)
        weights += len(window) - 1
    assert ranking.scores == pytest.approx((values / weights).tolist(), abs=1e-4)


def test_the_worth_is_cut_off_in_each_window_however_they_are_batched(monkeypatch: pytest.MonkeyPatch) -> None:
    model, first, second = model_of("llama"), *windows_of(13, 8)
    document = [first, Window(0, 13, second.ids)]
    pieces = [ids for window in document for ids in (window.ids[:6], window.ids[6:12], window.ids[12:])]
    alone = [Window(0, 0, ids) for ids in pieces if len(ids) > 1]
    assert [len(window) for window in alone] == [6, 6, 6, 2]
    losses = [{kept: loss_of(model, kept, window) for kept in all_coalitions(4)} for window in alone]
    chance = max(of_window[0, 1, 2, 3] for of_window in losses) + 0.5
    cut_off = [sum(loss > chance for loss in of_window.values()) for of_window in losses]
    assert all(0 < n < 15 for n in cut_off), "some coalitions are worth nothing, and others something"
    values, weights = np.zeros(4), 0
    for window, of_window in zip(alone, losses, strict=True):
        worths = {kept: max(0.0, chance - loss) for kept, loss in of_window.items()}
        values += over_all_orders(worths, 4) * (len(window) - 1)
        weights += len(window) - 1

    monkeypatch.setattr(coalitions_pass, "_chance", lambda _model: chance)
    together = shapley(model, document, budget=15, sample_tokens=6)
    batches = coalitions_pass.batches_of
    monkeypatch.setattr(coalitions_pass, "batches_of", lambda model, windows: batches(model, windows, 1))
    one_by_one = shapley(model, document, budget=15, sample_tokens=6)
    assert together.scores == pytest.approx((values / weights).tolist(), abs=1e-4)
    assert one_by_one.scores == pytest.approx(together.scores, abs=1e-5)
    assert together.samples == one_by_one.samples == 1


def test_the_card_says_what_is_read() -> None:
    card = method_named("shapley").card()
    assert f"windows of {RankSettings().sample_tokens} tokens, a shorter context than ablation's" in card["our_reading"]
    assert "cut off in each window" in card["our_reading"]


def loss_of(model: LoadedModel, kept: tuple[int, ...], window: Window) -> float:
    """Of a network of these blocks; without any, of the final norm and head on the embeddings."""
    if kept:
        return float(nll_of(logits_of(pruned_network(model, kept), window), window).mean())
    handles = [
        block.register_forward_hook(lambda _b, args, out: args[0] if not isinstance(out, tuple) else (args[0],))
        for block in model.blocks
    ]
    try:
        return float(nll_of(logits_of(model.network, window), window).mean())
    finally:
        for handle in handles:
            handle.remove()


def test_sampling_comes_near_the_exact_values_and_knows_how_near() -> None:
    model = model_of("llama", 5)
    assert is_exact(5, 31)
    assert not is_exact(5, 30)
    texts = windows_of(24)
    exact = shapley(model, texts, budget=31)
    sampled = shapley(model, texts, budget=30)
    more = measure_many_orders(model, texts)
    assert sampled.details["exact"] is False
    assert more.details["orders"] > 50 > sampled.details["orders"] > 0
    assert more.standard_error is not None
    error = np.abs(np.array(more.scores) - exact.scores) / more.standard_error
    assert error.max() < 4
    assert max(more.standard_error) < 0.5 * np.ptp(exact.scores)
    assert sum(more.scores) == pytest.approx(sum(exact.scores), rel=1e-4)  # nothing is lost or gained


def measure_many_orders(model: LoadedModel, texts: list[Window]) -> Ranking:
    settings = RankSettings(("shapley",), budget=30)
    patched = RankSettings(("shapley",), budget=700)
    original = coalitions_pass.is_exact
    coalitions_pass.is_exact = lambda n_blocks, budget: False
    try:
        table = measure_shard(model, texts, patched)
    finally:
        coalitions_pass.is_exact = original
    from avss_core.importance import rankings_of

    (ranking,) = rankings_of([table], settings, model.n_blocks)
    return ranking


def test_an_order_ends_where_nothing_is_left_to_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    model, (window,) = model_of("llama", 6), windows_of(20)
    whole = loss_of(model, tuple(range(6)), window)
    monkeypatch.setattr(coalitions_pass, "_chance", lambda _model: whole + 1e-3)
    settings = {"budget": 40, "sample_tokens": 20}
    ranking = shapley(model, [window], **settings)
    # The first removal that adds to the loss ends an order, and all of the worth is lost on it.
    assert ranking.details["coalitions"] < 6
    assert sum(ranking.scores) == pytest.approx(1e-3, rel=0.05)


def test_the_seed_fixes_everything_and_the_budget_is_kept() -> None:
    model, texts = model_of("llama", 6), [*windows_of(30), *windows_of(17, first_document=1)]
    one = shapley(model, texts, budget=50, seed=1, sample_tokens=8)
    again = shapley(model, texts, budget=50, seed=1, sample_tokens=8)
    other = shapley(model, texts, budget=50, seed=2, sample_tokens=8)
    assert one.scores == again.scores
    assert one.scores != other.scores
    # The last pair may go over: at most two whole orders of 6 blocks, on 8 of the 47 tokens.
    assert 50 <= one.block_runs <= 50 + 2 * 36 * 8 / 47


def test_a_text_without_a_token_to_predict() -> None:
    from avss_core.errors import CorpusError

    for budget in (15, 3):
        with pytest.raises(CorpusError, match="each window is one token"):
            shapley(model_of("llama"), windows_of(1, 1), budget=budget)
