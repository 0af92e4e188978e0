"""Where in a block a tensor is measured, found by what the block does and not by the model's name.

residual   the block's output, h[l+1]
update     what the block writes, h[l+1] − h[l]
mlp        the input of the MLP's down projection (the neurons, after the nonlinearity)
attention  the output of the attention's output projection (before any norm or residual)
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from torch import nn

from avss_core.activations.experts import ExpertsTap, is_experts, why_not
from avss_core.activations.probe import Probe, probe
from avss_core.activations.taps import InputTap, OutputTap, Tap, UpdateTap
from avss_core.models.load import LoadedModel


@dataclass(frozen=True, eq=False)
class FoundSites:
    """For each site a tap in every block, or in `missing` why there is none."""

    taps: dict[str, tuple[Tap, ...]]
    missing: dict[str, str]


_known: WeakKeyDictionary[nn.Module, tuple[tuple[nn.Module, ...], FoundSites]] = WeakKeyDictionary()


def find_sites(model: LoadedModel) -> FoundSites:
    """Find all four sites, by running two tokens through the network once and watching its modules.

    Of the linear modules that write the hidden size, the last one to run inside an attention module is the attention's
    output projection, and the last one to run outside is the MLP's down projection.
    """
    blocks = tuple(model.blocks)
    known = _known.get(model.network)
    if known is None or known[0] != blocks:
        known = _known[model.network] = (blocks, _find(model, blocks))
    return known[1]


def _find(model: LoadedModel, blocks: tuple[nn.Module, ...]) -> FoundSites:
    seen = probe(model, blocks)
    taps: dict[str, tuple[Tap, ...]] = {}
    missing: dict[str, str] = {}
    for site, find in {"residual": _residual, "update": _update, "mlp": _mlp, "attention": _attention}.items():
        found = [find(block, seen) for block in blocks]
        reason = next((tap for tap in found if isinstance(tap, str)), None)
        widths = [seen.width[tap.module] for tap in found if isinstance(tap, InputTap)]
        if reason is None and len(set(widths)) > 1:
            reason = f"the MLP has not as many neurons in every block ({min(widths)} to {max(widths)})"
        if reason is None:
            taps[site] = tuple(tap for tap in found if not isinstance(tap, str))
        else:
            missing[site] = reason
    return FoundSites(taps, missing)


def _residual(block: nn.Module, seen: Probe) -> Tap | str:
    return seen.trouble.get(block) or OutputTap(block)


def _update(block: nn.Module, seen: Probe) -> Tap | str:
    if block in seen.in_place:
        return "a block changes its input in place, so what it adds is not to be seen"
    return seen.trouble.get(block) or UpdateTap(block)


def _attention(block: nn.Module, seen: Probe) -> Tap | str:
    inside = _attention_modules(block)
    writers = [module for module in seen.writers(block) if module in inside]
    if not writers:
        return "a block has no linear module inside an attention module that writes the hidden state"
    return OutputTap(writers[-1])


def _mlp(block: nn.Module, seen: Probe) -> Tap | str:
    inside, listed = _attention_modules(block), _alternatives(block)
    writers = [module for module in seen.writers(block) if module not in inside]
    experts = [module for module in block.modules() if is_experts(module)]
    if any(module in listed for module in writers):
        return "a block is a mixture of experts, each a module of its own that sees only some of the tokens"
    if len(experts) > 1 or (experts and writers):
        return "a block has a shared expert beside its mixture, so its neurons are not in one tensor"
    if experts:
        return why_not(experts[0]) or ExpertsTap(experts[0])
    if not writers:
        return "a block has no linear module outside the attention that writes the hidden state"
    return InputTap(writers[-1])


def _attention_modules(block: nn.Module) -> set[nn.Module]:
    return {
        module
        for attention in block.modules()
        if attention is not block and "attention" in type(attention).__name__.lower()
        for module in attention.modules()
    }


def _alternatives(block: nn.Module) -> set[nn.Module]:
    """Modules in lists of several of one class: experts, of which a token meets some."""
    return {
        module
        for modules in block.modules()
        if isinstance(modules, nn.ModuleList) and len(modules) > 1 and len({type(entry) for entry in modules}) == 1
        for module in modules.modules()
    }
