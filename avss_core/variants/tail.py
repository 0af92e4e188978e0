"""From a hidden state after the last block to logits: the final norm and the head, whatever the network calls them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from avss_core.errors import ModelError
from avss_core.models.load import LoadedModel
from avss_core.variants.block_output import block_output
from avss_core.variants.plain_call import plain_arguments
from avss_core.variants.stand_ins import stand_ins


def tail_logits(model: LoadedModel, hidden_rows: Tensor) -> Tensor:
    """Logits (rows, vocabulary), in the network's dtype, of hidden states (rows, hidden) taken before the final norm.

    The network runs on `rows` sequences of one token each (so no position is out of its range), with stand-ins for
    its blocks that answer with the rows. Raises ModelError when the network has no language-model head.
    """
    if not model.has_lm_head:
        raise ModelError(
            f"{type(model.network).__name__} has no head that gives logits over a vocabulary; "
            "load it as a language model."
        )
    answer_of = block_output(model).wrap(hidden_rows.unsqueeze(1))

    def answer(index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return answer_of

    # Any token but the padding token, which some networks warn about.
    token = 1 if getattr(model.network.config.get_text_config(), "pad_token_id", None) == 0 else 0
    ids = torch.full((hidden_rows.shape[0], 1), token, dtype=torch.long, device=model.device)
    with stand_ins(model.blocks, answer), torch.no_grad():
        logits: Tensor = model.network(input_ids=ids, return_dict=True, **plain_arguments(model)).logits
    return logits[:, 0]
