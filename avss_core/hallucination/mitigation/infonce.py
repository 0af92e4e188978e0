"""The contrastive loss: truthful answers together, made-up ones apart from them. Needs torch."""

from __future__ import annotations

import torch
from torch import Tensor


def info_nce(states: Tensor, truthful: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """InfoNCE over one block's pooled states, and the margin between the two kinds of pairs.

    For every two truthful answers i ≠ p, with s the cosine and H the made-up answers:
    L = mean of −ln( exp(s_ip / τ) / (exp(s_ip / τ) + Σ_{h ∈ H} exp(s_ih / τ)) ), in nats, from 0; lower is better.
    margin = mean s_ip − mean s_ih, from −2 to 2.

    states: (answers, hidden); truthful: (answers,) of bool, at least two of them, and at least one made up. After
    van den Oord et al. (arXiv 1807.03748) with several positives, each beside all negatives.
    """
    unit = torch.nn.functional.normalize(states.float(), dim=-1)
    right, wrong = unit[truthful], unit[~truthful]
    among, across = right @ right.T, right @ wrong.T
    pairs = ~torch.eye(len(right), dtype=torch.bool, device=states.device)
    negatives = torch.logsumexp(across / temperature, dim=1, keepdim=True).expand_as(among)
    positive = among / temperature
    losses = torch.logaddexp(positive, negatives) - positive
    margin = among[pairs].mean() - across.mean()
    return losses[pairs].mean(), margin
