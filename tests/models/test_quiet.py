"""Silence is the whole process's: it begins with the first thread that wants it and ends with the last."""

from __future__ import annotations

import logging
import warnings

from huggingface_hub.utils import are_progress_bars_disabled

from avss_core.models.quiet import quiet


def state() -> tuple[object, ...]:
    log = logging.getLogger("transformers")
    return list(log.handlers), log.propagate, are_progress_bars_disabled(), list(warnings.filters)


def test_two_that_overlap_leave_everything_as_it_was() -> None:
    before = state()
    first, second = quiet(), quiet()
    first.__enter__()
    silent = state()
    assert silent != before
    second.__enter__()
    first.__exit__(None, None, None)
    assert state() == silent, "the second one is still inside"
    second.__exit__(None, None, None)
    assert state() == before
    with quiet():
        assert state()[1] is False
    assert state() == before
