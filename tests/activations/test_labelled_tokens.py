"""Groups of the caller's own: any label for any token."""

from __future__ import annotations

import numpy as np
import pytest
from measured_by_hand import catching, random_windows, statistics, taken_output
from random_models import build

from avss_core.activations.collector import Collector
from avss_core.activations.forward import run_base
from avss_core.activations.labels import LabelledTokens
from avss_core.activations.measure import measure, measure_batches
from avss_core.activations.packed import pack_windows
from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import SettingError
from avss_core.importance import Epsilon, score_table
from avss_core.models.load import wrap

NAMES = ("prompt", "truthful", "hallucinated")
# One long document in two windows, one short one, and one of which nothing but the prompt is measured.
WINDOWS = [
    Window(0, 0, random_windows(6)[0].ids),
    Window(0, 6, random_windows(5, seed=2)[0].ids),
    Window(1, 0, random_windows(4, seed=3)[0].ids),
    Window(2, 0, random_windows(3, seed=4)[0].ids),
]
LABELS: dict[int, list[str | None]] = {
    0: ["prompt"] * 4 + ["truthful"] * 4 + [None] + ["hallucinated"] * 2,
    1: ["prompt", "hallucinated", "hallucinated", "truthful"],
    2: [None, "prompt", None],
}


@pytest.mark.parametrize("side", ["right", "left"])
def test_each_group_is_measured_by_itself(side: str) -> None:
    model = wrap(build("llama"), tokenizer=None)
    (batch,) = make_batches(WINDOWS, 0, side=side, padding_per_batch=None)
    with (
        Collector(model, ("residual",), LabelledTokens(LABELS, NAMES)) as collector,
        catching({index: (block, taken_output) for index, block in enumerate(model.blocks)}) as caught,
    ):
        collector.begin(batch)
        run_base(model, batch)
        profile = collector.profile()
    assert profile.sites["residual"].groups == NAMES
    assert profile.sites["residual"].tokens.tolist() == [6, 5, 4]
    assert profile.sites["residual"].sequences.tolist() == [3, 3, 2, 4]
    for group in NAMES:
        table = score_table(profile, "residual", Epsilon(0.25), groups=[group])
        for index in range(model.n_blocks):
            by_window = []
            for row, window in enumerate(batch.windows):
                real = caught[index][0][row][batch.attention_mask[row].bool().numpy()]
                labels = LABELS[window.document][window.start : window.start + len(window)]
                by_window.append(real[[label == group for label in labels]])
            expected = statistics(by_window, 0.25)
            for name in ("n", "variance", "sparsity", "l1", "l2", "frobenius"):
                assert table.loc[index, name] == pytest.approx(expected[name], rel=1e-9), (group, name)


def test_packed_texts_have_their_labels_too() -> None:
    model = wrap(build("llama"), tokenizer=None)
    grouping = LabelledTokens(LABELS, NAMES)
    padded = measure(model, WINDOWS, grouping=grouping).sites["update"]
    packed = measure_batches(model, pack_windows(model, WINDOWS), grouping=grouping).sites["update"]
    np.testing.assert_allclose(packed.m2, padded.m2, rtol=1e-5)
    np.testing.assert_allclose(packed.frobenius_sum, padded.frobenius_sum, rtol=1e-5)
    assert (packed.sequences == padded.sequences).all()


def test_a_shard_without_a_label_merges_with_those_that_have_it() -> None:
    model = wrap(build("llama"), tokenizer=None)
    grouping = LabelledTokens(LABELS, NAMES)
    parts = [measure(model, windows, grouping=grouping) for windows in (WINDOWS[:2], WINDOWS[2:3], WINDOWS[3:])]
    merged, whole = parts[2] + (parts[0] + parts[1]), measure(model, WINDOWS, grouping=grouping)
    assert parts[2].sites["update"].tokens.tolist() == [1, 0, 0]
    np.testing.assert_allclose(merged.sites["update"].m2, whole.sites["update"].m2, rtol=1e-5)


def test_labels_that_do_not_fit_are_refused() -> None:
    model = wrap(build("llama"), tokenizer=None)
    with pytest.raises(SettingError, match=r"'answer' is not among the groups \(prompt\)"):
        LabelledTokens({0: ["prompt", "answer"]}, ["prompt"])
    with pytest.raises(SettingError, match="no name among the groups"):
        LabelledTokens({0: [None]}, [])
    with pytest.raises(SettingError, match="Document 0 has 8 labels, and a token at position 10"):
        measure(model, WINDOWS, grouping=LabelledTokens({**LABELS, 0: ["prompt"] * 8}, NAMES))
    with pytest.raises(SettingError, match="Document 2 has 0 labels"):
        measure(model, WINDOWS, grouping=LabelledTokens({0: LABELS[0], 1: LABELS[1]}, NAMES))


def test_groups_that_are_not_there_have_no_scores() -> None:
    model = wrap(build("llama"), tokenizer=None)
    profile = measure(model, WINDOWS[3:], grouping=LabelledTokens(LABELS, NAMES))
    with pytest.raises(SettingError, match="no group of tokens 'answer'; it has prompt, truthful, hallucinated"):
        score_table(profile, groups=["answer"])
    with pytest.raises(SettingError, match="No token is left in truthful"):
        score_table(profile, groups=["truthful"])
