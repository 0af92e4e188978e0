"""One forward pass for all methods that look at activations or hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from avss_core.activations.collector import Collector
from avss_core.activations.forward import run_base
from avss_core.corpora.windows import Window
from avss_core.importance.activation_sums import activation_rows
from avss_core.importance.method import Needs
from avss_core.importance.passes.block_hooks import BlockHooks
from avss_core.importance.passes.measured import Done, Measured, batches_of
from avss_core.importance.passes.sequence_means import SequenceMeans
from avss_core.importance.passes.states import States
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel

HOOKS: dict[Needs, type[BlockHooks]] = {Needs.STATES: States, Needs.SEQUENCE_MEANS: SequenceMeans}


def forward_pass(model: LoadedModel, windows: Sequence[Window], settings: RankSettings, done: Done) -> Measured:
    """Moments at the sites that are asked for, and what hangs on the blocks, as far as the methods need them."""
    sites, tokens, document = settings.sites, sum(map(len, windows)), windows[0].document
    with ExitStack() as stack:
        collector = stack.enter_context(Collector(model, sites)) if sites else None
        hooks = [stack.enter_context(kind(model)) for need, kind in HOOKS.items() if need in settings.needs]
        for batch in batches_of(model, windows):
            on_device = batch.to(model.device)
            if collector:
                collector.begin(batch)
            for hook in hooks:
                hook.begin(on_device)
            run_base(model, on_device)
            for hook in hooks:
                hook.end()
            done(batch.tokens / tokens)
        tables = [table for hook in hooks for table in hook.tables()]
        if collector:
            profile = collector.profile()
            for site in sites:
                tables += activation_rows(profile, document, site, settings.epsilon, settings.skip_first_token)
    return Measured(tables, block_tokens=float(model.n_blocks * tokens))
