"""Batches: every window once, real tokens under the mask, little padding."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import SettingError

PAD = 99
WINDOWS = st.lists(st.lists(st.integers(0, 98), min_size=1, max_size=30), max_size=30).map(
    lambda tokens: [Window(index, 0, tuple(ids)) for index, ids in enumerate(tokens)]
)


@given(windows=WINDOWS, size=st.integers(1, 200), side=st.sampled_from(["right", "left"]))
def test_every_window_stands_once_and_the_mask_gives_its_tokens_back(windows, size, side):
    batches = make_batches(windows, PAD, size, side)
    rows = [window for batch in batches for window in batch.windows]
    assert sorted(window.document for window in rows) == [window.document for window in windows]
    for batch in batches:
        assert batch.input_ids.shape == batch.attention_mask.shape == (len(batch.windows), max(map(len, batch.windows)))
        assert batch.input_ids.dtype == batch.attention_mask.dtype == torch.int64
        assert batch.tokens == int(batch.attention_mask.sum())
        assert bool((batch.input_ids[batch.attention_mask == 0] == PAD).all())
        for ids, mask, window in zip(batch.input_ids, batch.attention_mask, batch.windows, strict=True):
            assert ids[mask == 1].tolist() == list(window.ids)
            padded = mask.tolist() if side == "right" else mask.tolist()[::-1]
            assert padded == sorted(padded, reverse=True)


@given(windows=WINDOWS, size=st.integers(1, 200), most=st.none() | st.integers(0, 40))
def test_batches_go_from_long_to_short_and_close_only_when_full(windows, size, most):
    batches = make_batches(windows, PAD, size, padding_per_batch=most)
    allowed = size if most is None else most
    for batch in batches:
        assert batch.input_ids.numel() <= size or len(batch.windows) == 1
        assert int((batch.attention_mask == 0).sum()) <= allowed
    for batch, following in pairwise(batches):
        count, width = batch.input_ids.shape
        padding = (count + 1) * width - batch.tokens - len(following.windows[0])
        assert (count + 1) * width > size or padding > allowed, "the next window would have fitted"
    lengths = [len(window) for batch in batches for window in batch.windows]
    assert lengths == sorted(lengths, reverse=True)


@given(windows=WINDOWS, size=st.integers(1, 200))
def test_the_same_windows_give_the_same_batches(windows, size):
    first, second = make_batches(windows, PAD, size), make_batches(list(windows), PAD, size)
    assert [batch.windows for batch in first] == [batch.windows for batch in second]
    lengths = {len(window) for window in windows}
    for length in lengths:  # equal lengths keep their order
        order = [row.document for batch in first for row in batch.windows if len(row) == length]
        assert order == sorted(order)


def test_grouping_by_length_saves_padding():
    windows = [Window(index, 0, (1,) * (4 if index % 2 else 60)) for index in range(64)]
    padding = sum(int((batch.attention_mask == 0).sum()) for batch in make_batches(windows, PAD, 240))
    assert padding == 0  # in the given order half of the rectangle would be padding


def test_without_a_pad_id_zeros_are_put_under_the_mask():
    (batch,) = make_batches([Window(0, 0, (5, 6)), Window(1, 0, (7,))], None)
    assert batch.input_ids.tolist() == [[5, 6], [7, 0]]
    assert batch.attention_mask.tolist() == [[1, 1], [1, 0]]


def test_a_batch_moves_to_a_device_with_its_windows():
    (batch,) = make_batches([Window(0, 0, (5, 6))], PAD)
    moved = batch.to("meta")
    assert moved.input_ids.device.type == moved.attention_mask.device.type == "meta"
    assert moved.windows == batch.windows


def test_wrong_settings_are_refused():
    with pytest.raises(SettingError, match='not "top"'):
        make_batches([Window(0, 0, (5,))], PAD, side="top")
    with pytest.raises(SettingError, match="at least 1 token"):
        make_batches([Window(0, 0, (5,))], PAD, tokens_per_batch=0)
