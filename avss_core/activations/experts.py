"""The neurons of a mixture of experts, whose experts lie in one fused tensor and are no modules of their own.

A token is sent to k experts; its neurons are those of these k, one expert after another in the router's order, each
after the nonlinearity and before the down projection: (tokens, k × neurons of an expert). Experts that a token is not
sent to are not computed, and do not count (our reading).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from avss_core.activations.taps import Handle, Receive


def is_experts(module: nn.Module) -> bool:
    """Whether a module holds fused experts as transformers keeps them."""
    weight = getattr(module, "down_proj", None)
    return hasattr(module, "_apply_gate") and isinstance(weight, Tensor) and weight.ndim == 3


def why_not(module: Any) -> str | None:
    """Why the neurons of fused experts cannot be had, None when they can."""
    way = getattr(module.config, "_experts_implementation", None)
    if not module.has_gate or getattr(module, "_is_expert_parallel", False):
        return "its experts are not computed in one gated product"
    return None if way in _TOKEN_ORDER else f"its experts run in a way ({way}) that computes them one by one"


@dataclass(frozen=True, eq=False)
class ExpertsTap:
    """The neurons of one block's experts."""

    experts: Any

    def attach(self, receive: Receive) -> Handle:
        experts, original = self.experts, self.experts._apply_gate
        chosen: list[Tensor] = []

        def note_experts(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            chosen[:] = [kwargs["top_k_index"] if "top_k_index" in kwargs else args[1]]

        def gate(up: Tensor) -> Tensor:
            neurons: Tensor = original(up)
            (experts_of_token,) = chosen
            order = _TOKEN_ORDER[experts.config._experts_implementation](experts_of_token)
            receive((neurons if order is None else neurons[order]).reshape(len(experts_of_token), -1))
            return neurons

        handle = experts.register_forward_pre_hook(note_experts, with_kwargs=True)
        shadow = _Shadow(handle, experts, experts.__dict__.get("_apply_gate"))
        experts._apply_gate = gate
        return shadow


@dataclass(frozen=True, eq=False)
class _Shadow:
    """A method shadowed on one module: without the shadow the class's own (or an earlier shadow) is there again."""

    handle: Handle
    experts: Any
    earlier: Any

    def remove(self) -> None:
        self.handle.remove()
        del self.experts._apply_gate
        if self.earlier is not None:
            self.experts._apply_gate = self.earlier


def _sorted_by_expert(experts_of_token: Tensor) -> Tensor:
    """Where the rows of (token, expert) pairs are that were sorted by expert, in the tokens' order."""
    sorted_pairs = torch.sort(experts_of_token.reshape(-1)).indices
    return torch.empty_like(sorted_pairs).scatter_(
        0, sorted_pairs, torch.arange(len(sorted_pairs), device=sorted_pairs.device)
    )


def _as_they_come(_experts_of_token: Tensor) -> None:
    return None


_TOKEN_ORDER = {"grouped_mm": _sorted_by_expert, "batched_mm": _as_they_come}
