"""Under a null hypothesis p-values are uniform, and the adjusted ones err in one of twenty families."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from fake_answers import fake_frame, random_activations
from scipy.stats import kstest

from avss_core.hallucination.permutation import permutation_test
from avss_core.hallucination.question_sums import question_sums
from avss_core.importance.epsilon import Epsilon


def test_p_values_are_uniform_when_labels_mean_nothing() -> None:
    first, families = [], 0
    generator = np.random.default_rng(0)
    for seed in range(200):
        sums = question_sums(fake_frame(random_activations(30, 4, seed)), "residual", Epsilon(0.05))
        made_up = generator.permutation(np.arange(30) < 12)
        chance = permutation_test(sums, made_up, permutations=199, seed=seed)
        first.append((chance.hsav[0], chance.hss[1], chance.both[2]))
        families += bool(chance.adjusted.min() <= 0.05)
    for values in np.array(first).T:
        assert kstest(values, "uniform").pvalue > 0.01
    assert families / 200 <= 0.05 + 0.035  # two standard errors


def test_p_is_the_share_of_all_relabellings() -> None:
    """Few questions: against every way to give the labels, counted by hand from the raw activations."""
    activations = random_activations(8, 1, seed=3, scales=np.linspace(1, 3, 8)[:, None])
    sums = question_sums(fake_frame(activations), "residual", Epsilon(0.05))
    made_up = np.array([0, 0, 1, 0, 0, 1, 1, 1], dtype=bool)

    def difference(chosen: set[int]) -> float:
        h = np.concatenate([activations[q].ravel() for q in range(8) if q in chosen])
        t = np.concatenate([activations[q].ravel() for q in range(8) if q not in chosen])
        return abs(np.var(h) - np.var(t))

    every = [difference(set(chosen)) for chosen in combinations(range(8), 4)]
    exact = np.mean(np.array(every) >= difference(set(np.flatnonzero(made_up))) * (1 - 1e-9))
    found = permutation_test(sums, made_up, permutations=20_000, seed=0).hsav[0]
    assert abs(found - exact) < 0.012


def test_equal_answers_are_ties_and_never_a_finding() -> None:
    sums = question_sums(fake_frame([np.full((2, 1, 8), 0.5)] * 10), "residual", Epsilon(0.1))
    chance = permutation_test(sums, np.arange(10) < 5, permutations=50)
    for p in (chance.hsav, chance.hss, chance.both, chance.adjusted):
        assert (p == 1).all()


def test_empty_answers_take_no_part() -> None:
    activations = random_activations(12, 2)
    labels = np.arange(12) < 6
    alone = permutation_test(question_sums(fake_frame(activations), "residual", Epsilon()), labels, 100)
    more = fake_frame([*activations, *[np.zeros((2, 0, 8))] * 5])
    beside = permutation_test(question_sums(more, "residual", Epsilon()), np.append(labels, [True] * 5), 100)
    np.testing.assert_array_equal(alone.both, beside.both)
