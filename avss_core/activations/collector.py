"""Hooks that measure every block while the network runs as it always does."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from avss_core.activations.accumulators import Accumulator, accumulator_for
from avss_core.activations.moments import Profile
from avss_core.activations.plain_accumulator import sum_dtype
from avss_core.activations.site_names import check_sites
from avss_core.activations.sites import find_inner_sites, hidden_of
from avss_core.activations.token_groups import PADDING, FirstTokenApart, Grouping, TokenGroups
from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel


class Collector:
    """Measures the sites of all blocks during the forward passes run inside its `with` block.

    Hidden states are not kept: a hook adds to the sums and lets the tensor go, so memory does not grow with the text.
    Call `begin(batch)` before each forward pass of `model.base`, and `profile()` at the end.
    """

    def __init__(
        self,
        model: LoadedModel,
        sites: tuple[str, ...] = ("residual", "update"),
        grouping: Grouping | None = None,
        plain: bool = False,
    ) -> None:
        check_sites(sites)
        self._model = model
        self._grouping = grouping or FirstTokenApart()
        inner = find_inner_sites(model) if {"mlp", "attention"} & set(sites) else {}
        self._inner = {site: found for site, found in inner.items() if site in sites and found.missing is None}
        self._missing = {site: found.missing for site, found in inner.items() if site in sites and found.missing}
        self._sums: dict[str, Accumulator] = {
            site: accumulator_for(model.device, model.n_blocks, self._grouping.names, plain)
            for site in sites
            if site not in self._missing
        }
        self._tokens = np.zeros(len(self._grouping.names), dtype=np.int64)
        self._sequences = np.zeros(len(self._grouping.names) + 1, dtype=np.int64)
        self._groups: TokenGroups | None = None
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Collector:
        for index, block in enumerate(self._model.blocks):
            self._handles.append(block.register_forward_hook(self._block_hook(index), with_kwargs=True))
        for site, found in self._inner.items():
            for index, module in enumerate(found.modules):
                self._handles.append(module.register_forward_hook(self._inner_hook(site, index, found.takes_input)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def begin(self, batch: Batch) -> None:
        """Say which batch the next forward pass runs on."""
        self._groups = TokenGroups.of(batch, self._grouping, self._model.device, sum_dtype(self._model.device))
        codes = self._grouping.codes(batch)
        for index in range(len(self._grouping.names)):
            self._tokens[index] += int((codes == index).sum())
            self._sequences[index] += int((codes == index).any(dim=1).sum())
        self._sequences[-1] += int((codes != PADDING).any(dim=1).sum())

    def profile(self) -> Profile:
        """The moments of everything measured; raises NumericalError when an activation was not finite."""
        sites = {
            site: accumulator.finish(self._tokens.copy(), self._sequences.copy())
            for site, accumulator in self._sums.items()
        }
        for site, moments in sites.items():
            moments.check_finite(site)
        return Profile(sites, dict(self._missing))

    def _block_hook(self, index: int) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            after = hidden_of(output)
            if "residual" in self._sums:
                self._add("residual", index, after)
            if "update" in self._sums:
                self._add("update", index, after, args[0] if args else kwargs["hidden_states"])

        return hook

    def _inner_hook(self, site: str, index: int, takes_input: bool) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            self._add(site, index, args[0] if takes_input else hidden_of(output))

        return hook

    def _add(self, site: str, block: int, after: Tensor, before: Tensor | None = None) -> None:
        if self._groups is None:
            raise RuntimeError("begin(batch) was not called before the forward pass")
        rows = after.reshape(-1, after.shape[-1])
        self._sums[site].add(block, rows, None if before is None else before.reshape(rows.shape), self._groups)


def run_base(model: LoadedModel, batch: Batch) -> None:
    """One forward pass of the base network, without the head and without a cache of keys and values."""
    with torch.inference_mode():
        model.base(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
