"""A GGUF file as a folder of safetensors, which loads in a fraction of the time."""

from __future__ import annotations

from pathlib import Path

import torch

from avss_core.models.gguf_file import load_gguf
from avss_core.models.quiet import quiet


def convert_gguf(file: Path, folder: Path) -> None:
    """Write network, generation config and tokenizer of `file` into `folder`, in the Hugging Face layout.

    The weights are float32: a 4-bit value times its scale plus its offset has more digits than bfloat16 or float16
    keep (rounding changes over half of SmolLM2's values in bfloat16, a quarter in float16).
    """
    network, tokenizer = load_gguf(file, torch.float32)
    with quiet():
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
