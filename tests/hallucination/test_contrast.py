"""The contrast against NumPy over the activations themselves, and what may be concluded from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_answers import fake_frame, random_activations

from avss_core.errors import SettingError
from avss_core.figures.contrast import HSS_FLOORED, contrast_grid
from avss_core.hallucination.contrast import contrast, contrast_table
from avss_core.hallucination.edges import EDGES
from avss_core.hallucination.readings import readings_agreement, top_blocks
from avss_core.importance.epsilon import Epsilon

QUESTIONS, BLOCKS = 40, 5


@pytest.fixture
def activations() -> list[np.ndarray]:
    scales = np.ones((QUESTIONS, BLOCKS))
    scales[::2, 3] = 4.0  # made-up answers are louder in block 3
    return [*random_activations(QUESTIONS, BLOCKS, 1, scales), np.zeros((BLOCKS, 0, 8))]


@pytest.fixture
def labels() -> pd.Series:
    return pd.Series([*(["hallucinated", "truthful"] * (QUESTIONS // 2)), "hallucinated"])


def plain_scores(activations, labels, epsilon: np.ndarray, reading: str) -> dict[str, np.ndarray]:
    """Every formula from the raw numbers, block by block."""
    pooled = {
        name: [
            np.concatenate([a[b].ravel() for a, label in zip(activations, labels, strict=True) if label in which])
            for b in range(BLOCKS)
        ]
        for name, which in {"h": ["hallucinated"], "t": ["truthful"], "all": ["hallucinated", "truthful"]}.items()
    }
    variance = {name: np.array([np.var(values) for values in blocks]) for name, blocks in pooled.items()}
    sparsity = {
        name: np.array([np.mean(np.abs(values) < epsilon[b]) for b, values in enumerate(blocks)])
        for name, blocks in pooled.items()
    }
    hsav, hss = np.abs(variance["h"] - variance["t"]), np.abs(sparsity["h"] - sparsity["t"])
    v, s = hsav / hsav.sum(), hss / hss.sum()
    hcs = {"product": v * s, "sum": v + s, "ratio": hsav / hss}[reading]
    share = hcs / hcs.sum()
    avss = variance["all"] / sparsity["all"]
    avss = avss / avss.sum()
    return {
        "hsav": hsav,
        "hss": hss,
        "hsav_share": v,
        "hsav_cumulative": np.cumsum(v),
        "hss_share": s,
        "hss_cumulative": np.cumsum(s),
        "hcs": hcs,
        "eavss": avss * share,
        "eavss_cumulative": np.cumsum(avss * share) / (avss * share).sum(),
        "eavss_stable": avss / (share + 1 / BLOCKS),
        "propensity": variance["all"] / (1 - sparsity["all"]),
        "variance_hallucinated": variance["h"],
        "sparsity_truthful": sparsity["t"],
    }


@pytest.mark.parametrize("reading", ["product", "sum", "ratio"])
@pytest.mark.parametrize("value", [0.1, 0.05])
def test_every_formula_from_the_raw_activations(activations, labels, reading: str, value: float) -> None:
    found = contrast(
        fake_frame(activations), labels, epsilon=Epsilon(value), reading=reading, resamples=50, permutations=50
    )
    expected = plain_scores(activations, labels, np.full(BLOCKS, value), reading)
    for name, values in expected.items():
        np.testing.assert_allclose(found.table[name], values, rtol=1e-9, err_msg=name)
        assert (found.table[f"{name}_low"] <= values * (1 + 1e-9)).all()
        assert (values * (1 - 1e-9) <= found.table[f"{name}_high"]).all()
    assert found.h_model == pytest.approx(expected["propensity"].mean())
    assert found.h_model_low <= found.h_model <= found.h_model_high
    assert (found.exact, found.empty, found.hallucinated, found.truthful) == (True, 1, 21, 20)


def test_a_relative_epsilon_is_read_between_edges(activations, labels) -> None:
    frame = fake_frame(activations)
    sigma = np.std(np.concatenate([a.reshape(BLOCKS, -1) for a in activations], axis=1), axis=1)
    found = contrast(frame, labels, epsilon=Epsilon(0.5, relative=True), resamples=10, permutations=10)
    expected = plain_scores(activations, labels, 0.5 * sigma, "product")
    np.testing.assert_allclose(found.table["sparsity_truthful"], expected["sparsity_truthful"], atol=0.03)
    assert not found.exact


def test_the_block_that_differs_is_found_and_no_other(activations, labels) -> None:
    found = contrast(fake_frame(activations), labels, epsilon=Epsilon(0.1))
    assert found.table.loc[found.table["p_adjusted"] < 0.05, "block"].tolist() == [3]
    assert "1 of 5 blocks" in found.conclusion
    assert "20 truthful and 20 made-up" in found.conclusion
    assert (found.table["p_adjusted"] >= found.table["p_value"]).all()
    pd.testing.assert_frame_equal(found.table, contrast_table(fake_frame(activations), labels, epsilon=Epsilon(0.1)))


def test_an_interval_covers_what_other_questions_give(labels) -> None:
    """Of frames drawn from one truth, 95 % intervals of the variance cover it about 19 times of 20."""
    covered = []
    for seed in range(60):
        activations = random_activations(60, 2, seed, tokens=3)
        table = contrast(
            fake_frame(activations), pd.Series(["hallucinated", "truthful"] * 30), resamples=300, permutations=2
        ).table
        covered += ((table["variance_low"] <= 0.01) & (table["variance_high"] >= 0.01)).tolist()
    assert 0.86 <= np.mean(covered) <= 1


def test_no_interval_leaves_out_its_own_value() -> None:
    """Labels mean nothing here, so some distances lie below those of nearly all resamples."""
    labels, reached = pd.Series(["hallucinated", "truthful"] * 20), 0
    for seed in range(12):
        table = contrast(
            fake_frame(random_activations(40, 6, seed)), labels, epsilon=Epsilon(0.1), resamples=200, permutations=2
        ).table
        for name in ("hsav", "hss", "hcs", "eavss", "propensity"):
            low, value, high = (table[name + end] for end in ("_low", "", "_high"))
            assert ((low <= value) & (value <= high)).all()
            reached += int((low == value).sum()) if name in ("hsav", "hss") else 0
    assert reached >= 2, "of 144 distances some are the lowest of all: there the interval had to reach down"


def test_a_distance_of_zero_is_flagged_where_the_reading_divides_by_it() -> None:
    """Nothing is below ε in block 1 and everything in block 2, so HSS = 0 in both; S = 0 in block 1 alone."""
    values = np.ones((3, 1, 8))
    values[2] = 1e-4
    activations = []
    for question in range(24):
        one = values * (1 + question)
        one[0, 0, : 4 + 2 * (question % 2)] = 1e-4
        activations.append(one)
    frame, labels = fake_frame(activations), pd.Series(["hallucinated", "truthful"] * 12)
    found = {
        reading: contrast(frame, labels, reading=reading, resamples=5, permutations=5)
        for reading in ("product", "ratio")
    }
    table = found["ratio"].table
    assert table["hss_floored"].tolist() == [False, True, True]
    np.testing.assert_allclose(table["hcs"][1:], table["hsav"][1:] * 24 * 8)
    assert "S below 1/N in block 1: it is counted as 1/N" in found["product"].flagged
    assert "HSS" not in found["product"].flagged
    assert "HSS = 0 in block 1, 2: in HSAV / HSS it is counted as 1/N (our reading)" in found["ratio"].flagged
    figure = contrast_grid(table, reading="ratio")
    (cross,) = [trace for trace in figure.data if trace.name == HSS_FLOORED]
    assert list(cross.x) == [1, 2]
    assert not [trace for trace in contrast_grid(table).data if trace.name == HSS_FLOORED]


def test_too_few_of_a_label_conclude_nothing(activations) -> None:
    labels = pd.Series(["truthful"] * 9 + ["hallucinated"] * 32)
    found = contrast(fake_frame(activations), labels)
    assert not found.enough
    assert "nothing is concluded" in found.conclusion
    assert found.table[["p_value", "p_adjusted", "p_hsav", "p_hss"]].isna().all(axis=None)
    assert found.table["hsav"].notna().all()


def test_one_label_alone_and_one_answer_alone(activations) -> None:
    found = contrast(fake_frame(activations), pd.Series(["hallucinated"] * 41), resamples=20)
    assert found.table[["hsav", "hss", "hcs", "eavss", "eavss_stable"]].isna().all(axis=None)
    assert found.table[["propensity", "propensity_low"]].notna().all(axis=None)
    alone = contrast(fake_frame(activations[:1]), pd.Series(["truthful"]), resamples=20)
    assert alone.table["propensity"].notna().all()
    assert np.isnan([alone.h_model_low, alone.h_model_high]).all(), "resamples of one answer only repeat it"


def test_refusals(activations, labels) -> None:
    frame = fake_frame(activations)
    with pytest.raises(SettingError, match="readings are product, sum, ratio"):
        contrast(frame, labels, reading="mean")
    with pytest.raises(SettingError, match="choose one of residual"):
        contrast(frame, labels, site="update")
    with pytest.raises(SettingError, match="needs a label"):
        contrast(frame, labels.replace("truthful", "true"))
    with pytest.raises(SettingError, match="No answer has a token"):
        contrast(fake_frame([np.zeros((2, 0, 8))] * 3), pd.Series(["truthful"] * 3))


def test_what_is_silent_everywhere_is_floored() -> None:
    quiet = [np.full((2, 1, 8), 1e-4), np.full((2, 1, 8), -1e-4)]
    found = contrast(fake_frame(quiet), pd.Series(["truthful", "hallucinated"]), resamples=5).table
    np.testing.assert_allclose(found["propensity"], 1e-8 / (1 / 16))
    loud = [np.full((2, 1, 8), 1.0), np.full((2, 1, 8), -1.0)]
    assert contrast(fake_frame(loud), pd.Series(["truthful", "hallucinated"]), resamples=5).table["floored"].all()


def test_less_than_one_silent_activation_is_floored_and_flagged() -> None:
    """ε lies half way between two edges, and one activation of block 1 between them: it counts half."""
    low, high = [edge for edge in EDGES if edge >= 1e-3][:2]
    activations = [np.full((2, 1, 8), 1.0), np.full((2, 1, 8), 1.0)]
    activations[0][0, 0, :3] = low / 2
    activations[0][1, 0, 0] = (low + high) / 2
    labels = pd.Series(["truthful", "hallucinated"])
    table = contrast(fake_frame(activations), labels, epsilon=Epsilon(float((low + high) / 2)), resamples=5).table
    assert table["floored"].tolist() == [False, True]
    variances = [np.var(np.stack([one[block] for one in activations])) for block in (0, 1)]
    scores = variances[0] / (3 / 16), variances[1] / (1 / 16)
    np.testing.assert_allclose(table["avss_share"], np.array(scores) / sum(scores), rtol=1e-6)


def test_the_readings_may_disagree() -> None:
    table = pd.DataFrame({"block": [0, 1, 2, 3], "n": 100, "hsav": [8.0, 4.0, 2.0, 1.0], "hss": [0.8, 0.1, 0.0, 0.1]})
    assert top_blocks(table, "product", 2) == [0, 1]
    assert top_blocks(table, "ratio", 2) == [2, 1]  # 2 / (1/100), 4 / 0.1
    rows = readings_agreement(table, 2).set_index(["first", "second"])
    assert rows.loc[("product", "ratio"), "shared"] == [1]
    assert rows.loc[("product", "ratio"), "share"] == 0.5
    assert rows.loc[("product", "sum"), "spearman"] > rows.loc[("product", "ratio"), "spearman"]


def test_one_label_alone_says_nothing_of_the_readings() -> None:
    table = contrast_table(fake_frame(random_activations(12, 4)), pd.Series(["hallucinated"] * 12))
    agreement = readings_agreement(table)
    assert agreement["shared"].tolist() == [[], [], []]
    assert agreement[["share", "spearman"]].isna().all(axis=None)


def test_resamples_without_a_token_leave_no_interval_but_no_failure() -> None:
    """One answer with tokens among four: one resample in three draws none."""
    activations = [*random_activations(1, 2), *[np.zeros((2, 0, 8))] * 3]
    labels = pd.Series(["truthful", "truthful", "hallucinated", "hallucinated"])
    ends = [contrast(fake_frame(activations), labels, resamples=1, seed=seed).h_model_low for seed in range(20)]
    assert np.isnan(ends).any()
    assert np.isfinite(ends).any()
