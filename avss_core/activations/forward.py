"""One forward pass over a batch: the network without its head, and without a cache of keys and values."""

from __future__ import annotations

import torch

from avss_core.activations.packed import PackedBatch, packed_arguments
from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel
from avss_core.variants.plain_call import call_base, plain_arguments


def run_base(model: LoadedModel, batch: Batch) -> None:
    """Run the blocks on `batch` (on any device) for what hooks see on the way; nothing is returned.

    Padding on either side, and other texts packed into the same row, leave every token what it is without them.
    """
    on_device = batch.to(model.device)
    if isinstance(on_device, PackedBatch):
        arguments = packed_arguments(model, on_device)
        with torch.no_grad():
            model.base(input_ids=on_device.input_ids, **arguments, **plain_arguments(model))
        return
    width = batch.input_ids.shape[1]
    # Where nothing is padding no mask is given: networks look at a mask, and on an accelerator that would wait for it.
    padded = any(len(window) < width for window in batch.windows)
    call_base(model, on_device.input_ids, on_device.attention_mask if padded else None)
