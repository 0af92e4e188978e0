"""Questions are read, answered, and their answers read by hooked blocks, all on one cache of keys and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avss_core.activations.sites import find_sites
from avss_core.activations.taps import Handle
from avss_core.errors import ModelError, NumericalError
from avss_core.hallucination.answer_sums import SITES, AnswerSums
from avss_core.hallucination.continued import Prompt, Reading, readings
from avss_core.hallucination.written import Written, write_greedily
from avss_core.models.load import LoadedModel


def answer_questions(
    model: LoadedModel,
    prompts: Sequence[Prompt],
    most_tokens: int,
    done: Callable[[list[int]], None] = lambda numbers: None,
    between: Callable[[], None] = lambda: None,
) -> tuple[list[Written], AnswerSums]:
    """The greedy answer to each prompt (token ids), and the sums of the blocks' activations at its tokens.

    done is called with the numbers of the prompts after each batch, between before every step; both may raise
    Cancelled. Raises what `measure_answers` raises.
    """
    written: dict[int, Written] = {}

    def answer(numbers: list[int], reading: Reading) -> list[Prompt]:
        written.update(zip(numbers, write_greedily(model.tokenizer, reading, most_tokens, between), strict=True))
        return [written[number].ids for number in numbers]

    sums = _run(model, prompts, answer, done)
    return [written[number] for number in range(len(prompts))], sums


def measure_answers(model: LoadedModel, prompts: Sequence[Prompt], answers: Sequence[Prompt]) -> AnswerSums:
    """The same sums for answers that are given, as token ids.

    An answer's token counts where the model reads it, so the last one counts too; padding never does. A site that
    cannot be had in this model is left out. Raises ModelError when the blocks' outputs cannot be had, NumericalError
    for activations that are not finite.
    """
    return _run(model, prompts, lambda numbers, _reading: [answers[number] for number in numbers])


def _run(
    model: LoadedModel,
    prompts: Sequence[Prompt],
    answer: Callable[[list[int], Reading], list[Prompt]],
    done: Callable[[list[int]], None] = lambda numbers: None,
) -> AnswerSums:
    """answer: prompts by number, and a reading of them that may be written on -> their answers."""
    with _Hooks(model, len(prompts)) as hooks:
        for numbers, reading in readings(model.network, prompts):
            hooks.keep_prompts(numbers)
            hooks.read_answers(numbers, answer(numbers, reading.repeated(1)), reading)
            done(numbers)
    return hooks.found


class _Hooks:
    """Taps on all blocks: what they put out last is remembered, and while answers are read it is summed up."""

    def __init__(self, model: LoadedModel, questions: int) -> None:
        sites = find_sites(model)
        self._taps = {site: sites.taps[site] for site in SITES if site in sites.taps}
        if "residual" not in self._taps:
            raise ModelError(
                f"{type(model.network).__name__} does not show its blocks' outputs "
                f"({sites.missing['residual']}), so its answers cannot be looked into; use another model."
            )
        self._device = model.device
        self.found = AnswerSums.nothing_yet(questions, model.n_blocks, model.hidden_size, tuple(self._taps))
        self._last: dict[int, Tensor] = {}
        self._rows: Tensor | None = None
        self._questions = self._tokens = np.zeros(0, dtype=np.int64)
        self._handles: list[Handle] = []

    def __enter__(self) -> _Hooks:
        for site, taps in self._taps.items():
            for block, tap in enumerate(taps):
                self._handles.append(tap.attach(partial(self._take, site, block)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def keep_prompts(self, numbers: list[int]) -> None:
        """The prompts of these numbers have just been read: padded on the left, so that their last tokens are last."""
        for block, output in self._last.items():
            self.found.take_prompts(np.array(numbers), block, _finite(output[:, -1].float(), block, "residual"))

    def read_answers(self, numbers: list[int], answers: Sequence[Prompt], reading: Reading) -> None:
        """Read the answers after their prompts, padded on the right, and sum up what the blocks put out."""
        lengths = np.array([len(answer) for answer in answers])
        width = int(lengths.max())
        if not width:
            return
        said = lengths > 0
        self._questions, self._tokens = np.array(numbers)[said], lengths[said]
        self.found.n[numbers] = lengths * self.found.state_prompt.shape[-1]
        ids, mask = torch.zeros((2, len(answers), width), dtype=torch.long)
        for row, answer in enumerate(answers):
            ids[row, : len(answer)] = torch.tensor(answer)
            mask[row, : len(answer)] = 1
        self._rows = mask.flatten().nonzero().flatten().to(self._device)
        try:
            reading.add(ids.to(self._device), mask.to(self._device))
        finally:
            self._rows = None

    def _take(self, site: str, block: int, after: Tensor, before: Tensor | None = None) -> None:
        if self._rows is None:
            if site == "residual":
                self._last[block] = after.detach()
            return
        rows = _rows_of(after, self._rows)
        if before is not None:
            rows = rows - _rows_of(before, self._rows)
        values = _finite(rows, block, site).astype(np.float64)
        self.found.take_answers(site, block, self._questions, self._tokens, values)


def _rows_of(hidden: Tensor, rows: Tensor) -> Tensor:
    return hidden.detach().reshape(-1, hidden.shape[-1])[rows].float()


def _finite(values: Tensor, block: int, site: str) -> NDArray[np.float32]:
    """On the host; NumericalError when one is not finite."""
    on_host: NDArray[np.float32] = values.cpu().numpy()
    if not np.isfinite(on_host).all():
        raise NumericalError(
            f"Block {block} gives activations (site {site}) that are not finite, so its statistics would mean nothing; "
            "try --dtype float32."
        )
    return on_host
