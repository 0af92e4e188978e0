"""Hooks that measure every block while the network runs as it always does."""

from __future__ import annotations

from functools import partial
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from avss_core.activations.accumulators import Accumulator, accumulator_for, read_out, sum_dtype
from avss_core.activations.moments import Profile
from avss_core.activations.moments_from_sums import moments_from_sums
from avss_core.activations.site_names import check_sites
from avss_core.activations.sites import find_sites
from avss_core.activations.taps import Handle
from avss_core.activations.token_groups import FirstTokenApart, Grouping, TokenGroups
from avss_core.corpora.batches import Batch
from avss_core.errors import ModelError
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
        dtype: torch.dtype | None = None,
    ) -> None:
        """grouping: the first token of each window apart; plain, dtype: how to add up, else as the device can best.

        Raises SettingError for an unknown site and ModelError when this model has none of the sites.
        """
        check_sites(sites)
        self._model = model
        self._grouping = grouping or FirstTokenApart()
        found = find_sites(model)
        self._taps = {site: found.taps[site] for site in sites if site in found.taps}
        self._missing = {site: found.missing[site] for site in sites if site in found.missing}
        if not self._taps:
            reasons = "; ".join(f"{site}: {why}" for site, why in self._missing.items())
            raise ModelError(f"{type(model.network).__name__} has no such site to measure ({reasons}); choose another.")
        self._dtype = dtype or sum_dtype(model.device)
        n_groups = len(self._grouping.names)
        self._sums: dict[str, Accumulator] = {
            site: accumulator_for(model.device, model.n_blocks, n_groups, self._dtype, plain) for site in self._taps
        }
        self._counts = torch.zeros(2 * n_groups + 1, dtype=torch.int64, device=model.device)
        self._groups: TokenGroups | None = None
        self._handles: list[Handle] = []

    def __enter__(self) -> Collector:
        try:
            for site, taps in self._taps.items():
                for block, tap in enumerate(taps):
                    self._handles.append(tap.attach(partial(self._add, site, block)))
        except BaseException:
            self._detach()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._detach()

    def begin(self, batch: Batch) -> None:
        """Say which batch the next forward pass runs on."""
        self._end_batch()
        self._groups = TokenGroups.of(batch, self._grouping, self._model.device, self._dtype)
        self._counts += self._groups.counts

    def profile(self) -> Profile:
        """The moments of everything measured; raises NumericalError when an activation was not finite."""
        self._end_batch()
        all_sums, counts = read_out(self._sums, self._counts)
        tokens, sequences = np.split(counts, [len(self._grouping.names)])
        sites = {
            site: moments_from_sums(sums, self._grouping.names, tokens.copy(), sequences.copy())
            for site, sums in all_sums.items()
        }
        for site, moments in sites.items():
            moments.check_finite(site, str(self._model.dtype).removeprefix("torch."))
        return Profile(sites, dict(self._missing))

    def _add(self, site: str, block: int, after: Tensor, before: Tensor | None = None) -> None:
        if self._groups is None:
            raise RuntimeError("begin(batch) was not called before the forward pass")
        rows = after.detach().reshape(-1, after.shape[-1])
        if len(rows) != len(self._groups.codes):
            raise ModelError(
                f"Block {block} puts out {len(rows)} tokens at site {site} for a batch of {len(self._groups.codes)}, "
                "so they cannot be told apart; leave this site out."
            )
        self._sums[site].add(block, rows, None if before is None else before.detach().reshape(rows.shape), self._groups)

    def _end_batch(self) -> None:
        if self._groups is not None:
            for sums in self._sums.values():
                sums.end_batch(self._groups)
        self._groups = None

    def _detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
