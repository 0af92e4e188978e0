"""f(x), the output whose relevance is propagated: which logits of a batch, and the gradient with which it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.errors import ModelError
from avss_core.models.load import LoadedModel
from avss_core.tasks.next_token import predicted_tokens
from avss_core.variants.block_output import block_output
from avss_core.variants.plain_call import plain_arguments
from avss_core.variants.stand_ins import stand_ins

_BYTES_OF_LOGITS = 2**26  # worked on at once, with as much again for their gradient


@dataclass(frozen=True, eq=False)
class Explained:
    """f of each sequence of a batch.

    values: f, (sequences,) float64; gradient: ∂f/∂h[M] by the rules, (sequences, tokens, hidden); any: (sequences,),
    whether there is anything to explain (a window of one token predicts nothing, and its tokens do not count).
    """

    values: Tensor
    gradient: Tensor
    any: Tensor


@dataclass(frozen=True, eq=False)
class Logits:
    """Which logits of a language model make up f: at these rows of the states laid out as (sequences · tokens, hidden).

    targets: the ids whose logits they are; None for the highest of each row. Empty rows: there is nothing to explain.
    """

    rows: Tensor
    targets: Tensor | None


def logits_to_explain(model: LoadedModel, batch: Batch, explained: str) -> Logits | None:
    """The logits that `explained` (of LrpSettings) means for this kind of model; None for a classifier.

    tokens: a causal model's logit of each true next token; for a masked language model, which sees all of the text, the
    logit of each token at its own place. last: the highest logit at the last token of each window of two or more.
    Raises ModelError for a network without logits, and for `last` with one that does not predict the next token.
    """
    if explained == "last" and not model.predicts_next_token:
        raise ModelError(
            f"{type(model.network).__name__} does not predict the token after the last one; explain its tokens instead."
        )
    if model.base is model.network:
        raise ModelError(
            f"{type(model.network).__name__} has no head, so it has no logits to explain; "
            "load it as a language model or a classifier."
        )
    if not model.has_lm_head:
        return None
    ids, real = batch.input_ids.cpu(), batch.attention_mask.cpu().bool()
    if explained == "last":
        place = torch.arange(ids.shape[1]).expand_as(ids)
        last = torch.where(real, place, -1).amax(dim=1)
        rows = torch.arange(len(ids)) * ids.shape[1] + last
        return Logits(rows[real.sum(dim=1) > 1].to(model.device), None)
    if model.predicts_next_token:
        predicted = predicted_tokens(batch)
        return Logits(predicted.rows.to(model.device), predicted.targets.to(model.device))
    return Logits(real.flatten().nonzero()[:, 0].to(model.device), ids[real].to(model.device))


def explain_logits(model: LoadedModel, states: Tensor, logits: Logits) -> Explained:
    """f and its gradient at the last block's output, (sequences, tokens, hidden), through the head in pieces."""
    flat = states.flatten(0, 1)
    gradient, values = torch.zeros_like(flat), flat.new_zeros(len(flat), dtype=torch.float64)
    vocabulary = int(model.network.config.get_text_config().vocab_size)
    size = max(1, _BYTES_OF_LOGITS // (vocabulary * model.dtype.itemsize))
    for start in range(0, len(logits.rows), size):
        rows = logits.rows[start : start + size]
        leaf = flat[rows].requires_grad_()
        # Any token but the padding token, which some networks warn about.
        token = 1 if getattr(model.network.config.get_text_config(), "pad_token_id", None) == 0 else 0
        ids = torch.full((len(rows), 1), token, dtype=torch.long, device=flat.device)
        found = _head(model, leaf.unsqueeze(1), ids, None)[:, 0]
        targets = found.argmax(dim=-1) if logits.targets is None else logits.targets[start : start + size]
        chosen = found.gather(1, targets[:, None])[:, 0]
        values[rows] = chosen.detach().double()
        (gradient[rows],) = torch.autograd.grad(chosen.sum(), leaf)
    counts = torch.bincount(logits.rows // states.shape[1], minlength=len(states))
    return Explained(values.view(states.shape[:2]).sum(dim=1), gradient.view_as(states), counts > 0)


def explain_class(model: LoadedModel, states: Tensor, batch: Batch) -> Explained:
    """f, a classifier's strongest logit for each sequence, and its gradient at the last block's output."""
    leaf = states.detach().requires_grad_()
    strongest = _head(model, leaf, batch.input_ids, batch.attention_mask).flatten(1).amax(dim=1)
    (gradient,) = torch.autograd.grad(strongest.sum(), leaf)
    return Explained(strongest.detach().double(), gradient, torch.ones_like(strongest, dtype=torch.bool))


def _head(model: LoadedModel, states: Tensor, ids: Tensor, mask: Tensor | None) -> Tensor:
    """What the network answers when its last block has answered `states`."""
    answer_of = block_output(model).wrap(states)

    def answer(index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return answer_of

    with stand_ins(model.blocks, answer):
        output = model.network(input_ids=ids, attention_mask=mask, return_dict=True, **plain_arguments(model))
    logits: Tensor = output.logits
    return logits
