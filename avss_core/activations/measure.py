"""Profile a list of windows: one pass, all statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from avss_core.activations.collector import Collector, run_base
from avss_core.activations.moments import Profile
from avss_core.activations.token_groups import Grouping
from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel

DEFAULT_SITES = ("residual", "update")


def measure(
    model: LoadedModel,
    windows: Sequence[Window],
    sites: tuple[str, ...] = DEFAULT_SITES,
    grouping: Grouping | None = None,
    between_batches: Callable[[int], None] = lambda tokens: None,
    plain: bool = False,
) -> Profile:
    """Moments of `windows` at `sites`.

    between_batches  called after every batch with the number of real tokens in it; may raise Cancelled
    plain            use ordinary torch reductions even where the fused kernel would do
    Raises SettingError for an unknown site and NumericalError for activations that are not finite.
    """
    pad = model.tokenizer.pad_token_id
    with Collector(model, sites, grouping, plain) as collector:
        for batch in make_batches(windows, 0 if pad is None else pad):
            collector.begin(batch)
            run_base(model, batch.to(model.device))
            between_batches(sum(len(window.ids) for window in batch.windows))
        return collector.profile()
