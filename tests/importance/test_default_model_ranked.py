"""Scores of the real default model against NumPy over its blocks' own outputs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import make_windows
from avss_core.importance.rank import rank
from avss_core.importance.settings import RankSettings
from avss_core.models import ModelSpec
from avss_core.models.load import load_model

STRETCH = 7


def test_block_influence_and_the_best_stretch_of_seven_blocks() -> None:
    model = load_model(ModelSpec(dtype="float32", device="cpu"))
    windows = make_windows(read_corpus(CorpusSpec(length=48, max_tokens=400)), model.tokenizer)
    influence, angular = rank(model, windows, RankSettings(("block_influence", "angular")))

    turned, angles, tokens = np.zeros(model.n_blocks), np.zeros(model.n_blocks - STRETCH + 1), 0
    for window in windows:
        states: list[NDArray[np.float64]] = []

        def keep(_block: object, inputs: tuple[torch.Tensor, ...], output: torch.Tensor, states=states) -> None:
            if not states:
                states.append(inputs[0][0].double().numpy())
            states.append(output[0].double().numpy())

        handles = [block.register_forward_hook(keep) for block in model.blocks]
        with torch.no_grad():
            model.network(torch.tensor([window.ids]))
        for handle in handles:
            handle.remove()
        unit = [state / np.linalg.norm(state, axis=1, keepdims=True) for state in states]
        turned += [np.sum(1 - (a * b).sum(1)) for a, b in pairwise(unit)]
        last = [state[-1] for state in unit]
        pairs = zip(last, last[STRETCH:], strict=False)
        angles += [np.arccos(np.clip(a @ b, -1, 1)) / np.pi for a, b in pairs]
        tokens += len(window)

    np.testing.assert_allclose(influence.scores, turned / tokens, rtol=1e-4)
    found = next(each for each in angular.details["stretches"] if each["n"] == STRETCH)
    assert found["first"] == int(np.argmin(angles))
    assert found["distance"] == pytest.approx(angles.min() / len(windows), rel=1e-4)
