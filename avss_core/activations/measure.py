"""Profile a list of windows: one pass, all statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from avss_core.activations.collector import Collector
from avss_core.activations.forward import run_base
from avss_core.activations.moments import Profile
from avss_core.activations.token_groups import Grouping
from avss_core.corpora.batches import Batch, make_batches
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
    """Moments of `windows` at `sites`, in padded batches; the rest as in `measure_batches`."""
    batches = make_batches(windows, getattr(model.tokenizer, "pad_token_id", None))
    return measure_batches(model, batches, sites, grouping, between_batches, plain)


def measure_batches(
    model: LoadedModel,
    batches: Iterable[Batch],
    sites: tuple[str, ...] = DEFAULT_SITES,
    grouping: Grouping | None = None,
    between_batches: Callable[[int], None] = lambda tokens: None,
    plain: bool = False,
) -> Profile:
    """Moments of batches at `sites`, padded on either side or packed.

    grouping         which tokens are measured together; the first token of every window apart when None
    between_batches  called after every batch with the number of real tokens in it; may raise Cancelled
    plain            use ordinary torch operations even where the fused kernel would do
    Raises SettingError for an unknown site, ModelError for a model that has none of the sites, and NumericalError for
    activations that are not finite.
    """
    with Collector(model, sites, grouping, plain) as collector:
        for batch in batches:
            collector.begin(batch)
            run_base(model, batch)
            between_batches(batch.tokens)
        return collector.profile()
