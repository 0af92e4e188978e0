"""One short name for exactly these weights, this config and this tokenizer."""

from __future__ import annotations

from typing import Any

import torch
import xxhash
from transformers import PreTrainedModel

from avss_core.hashing import content_hash

# What a config says about the file it came from and about the program, not about the network.
_NOT_THE_NETWORK = {
    "_name_or_path",
    "architectures",
    "dtype",
    "quantization_config",
    "torch_dtype",
    "transformers_version",
}


def fingerprint_of(network: PreTrainedModel, tokenizer: Any) -> str:
    """16 hexadecimal digits: SHA-256 over the config, the tokenizer, and a hash of every tensor's bytes.

    The tensors are read with XXH3 (128 bit), some ten times as fast as SHA-256 (0.1 s for 135M float32 weights) and
    meant to tell models apart, not to withstand forgery. The same weights in another dtype are another model: their
    activations differ. Where the weights came from does not count.
    """
    config = {key: value for key, value in network.config.to_dict().items() if key not in _NOT_THE_NETWORK}
    tensors = {name: _hash_tensor(tensor) for name, tensor in network.state_dict().items()}
    return content_hash(type(network).__name__, repr(sorted(config.items())), _hash_tokenizer(tokenizer), tensors)


def _hash_tensor(tensor: torch.Tensor) -> str:
    raw = tensor.detach().to("cpu").contiguous()
    if raw.dim() == 0:
        raw = raw.reshape(1)
    digest = xxhash.xxh3_128(f"{raw.dtype} {tuple(tensor.shape)}".encode())
    digest.update(raw.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _hash_tokenizer(tokenizer: Any) -> str:
    if tokenizer is None:
        return ""
    if getattr(tokenizer, "is_fast", False):
        # Truncation and padding stand first and change with every call; all that counts comes after.
        text = tokenizer.backend_tokenizer.to_str().partition('"added_tokens"')[2]
    else:
        text = repr((type(tokenizer).__name__, sorted(getattr(tokenizer, "get_vocab", dict)().items())))
    return xxhash.xxh3_128_hexdigest(text.encode())
