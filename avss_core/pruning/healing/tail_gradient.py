"""From states before the final norm to logits, with the way back to the states, which `variants.tail` does not keep."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from avss_core.models.load import LoadedModel
from avss_core.variants.block_output import block_output
from avss_core.variants.plain_call import plain_arguments
from avss_core.variants.stand_ins import stand_ins


def logits_with_gradient(model: LoadedModel, rows: Tensor) -> Tensor:
    """Logits (rows, vocabulary), in the network's dtype, of states (rows, hidden): the same numbers as `tail_logits`.

    The weights of norm and head get no gradient, since the model's never do; `rows` does where it asks for one.
    """
    answer_of = block_output(model).wrap(rows.unsqueeze(1))

    def answer(index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return answer_of

    token = 1 if getattr(model.network.config.get_text_config(), "pad_token_id", None) == 0 else 0
    ids = torch.full((rows.shape[0], 1), token, dtype=torch.long, device=model.device)
    with stand_ins(model.blocks, answer):
        logits: Tensor = model.network(input_ids=ids, return_dict=True, **plain_arguments(model)).logits
    return logits[:, 0]
