"""Where in a block a tensor is measured, found by what the block does and not by the model's name.

residual   the block's output, h[l+1]
update     what the block writes, h[l+1] − h[l]
mlp        the input of the MLP's down projection (the neurons, after the nonlinearity)
attention  the output of the attention's output projection (before any residual is added)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avss_core.models.load import LoadedModel


@dataclass(frozen=True, eq=False)
class SiteModules:
    """For a site inside the blocks: the linear module of each block whose input or output is measured, or why not."""

    modules: tuple[nn.Module, ...]
    takes_input: bool
    missing: str | None = None


def find_inner_sites(model: LoadedModel) -> dict[str, SiteModules]:
    """Find `mlp` and `attention` in every block by watching which linear modules run, on a text of two tokens.

    Of the modules that write the hidden size, the attention's last one to run inside an attention module is its output
    projection, and the last one to run outside is the MLP's down projection.
    """
    called: list[nn.Module] = []
    handles = [
        module.register_forward_hook(lambda module, _args, _out: called.append(module))
        for block in model.blocks
        for module in block.modules()
        if _is_linear(module)
    ]
    try:
        run_two_tokens(model)
    finally:
        for handle in handles:
            handle.remove()
    order = {module: i for i, module in enumerate(called)}

    found: dict[str, list[nn.Module]] = {"mlp": [], "attention": []}
    for block in model.blocks:
        inside = _attention_linears(block)
        writers = [m for m in block.modules() if m in order and _writes(m) == model.hidden_size]
        for site, candidates in (
            ("attention", [m for m in writers if m in inside]),
            ("mlp", [m for m in writers if m not in inside]),
        ):
            if candidates:
                found[site].append(max(candidates, key=order.__getitem__))
    why = {
        "mlp": "no linear module outside the attention writes the hidden state in every block "
        "(a mixture of experts keeps its experts in one fused tensor)",
        "attention": "no linear module inside an attention module writes the hidden state in every block",
    }
    return {
        site: SiteModules(tuple(modules), takes_input=site == "mlp")
        if len(modules) == model.n_blocks
        else SiteModules((), takes_input=site == "mlp", missing=why[site])
        for site, modules in found.items()
    }


def run_two_tokens(model: LoadedModel) -> None:
    """Run the base network once on two tokens (what hooks see is all that is wanted)."""
    ids = torch.ones((1, 2), dtype=torch.long, device=model.device)
    with torch.inference_mode():
        model.base(input_ids=ids, attention_mask=torch.ones_like(ids))


def hidden_of(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The hidden state in a block's output: older architectures return it first in a tuple."""
    return output if isinstance(output, Tensor) else output[0]


def _is_linear(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return not list(module.children()) and isinstance(weight, Tensor) and weight.ndim == 2


def _writes(module: nn.Module) -> int:
    """Number of features a linear module writes; GPT-2's Conv1D keeps it in `nf` because its weight lies transposed."""
    return int(getattr(module, "out_features", getattr(module, "nf", -1)))


def _attention_linears(block: nn.Module) -> set[nn.Module]:
    return {
        linear
        for module in block.modules()
        if "attention" in type(module).__name__.lower() and module is not block
        for linear in module.modules()
        if _is_linear(linear)
    }
