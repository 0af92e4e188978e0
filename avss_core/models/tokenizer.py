"""The tokenizer beside a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn
from transformers import AutoTokenizer, PreTrainedModel

from avss_core.errors import ModelError
from avss_core.models.explain import explain

# At least one of them holds the vocabulary; without any, transformers makes an empty tokenizer and says nothing.
_VOCABULARIES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "*.tiktoken",
    "tekken.json",
)


def load_tokenizer(folder: Path, what: str, trust_remote_code: bool) -> Any:
    """The tokenizer saved in `folder`. Raises ModelError when there is none, or it cannot be read."""
    has_vocabulary = any(any(folder.glob(pattern)) for pattern in _VOCABULARIES)
    if not has_vocabulary and not (trust_remote_code and (folder / "tokenizer_config.json").is_file()):
        raise ModelError(f"{what} has no tokenizer (no tokenizer.json); put the tokenizer's files beside the weights.")
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:  # whatever a damaged or foreign tokenizer file makes the parsers raise
        raise explain(f"The tokenizer of {what[0].lower() + what[1:]}", error) from error


def ensure_padding(tokenizer: Any, network: PreTrainedModel, what: str) -> None:
    """Take the end token for padding where there is none, or where the network has no embedding for it.

    Padding never counts, so any token will do. Raises ModelError when there is no end token either.
    """
    rows = _rows(network.get_input_embeddings())
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id < rows:
        return
    if tokenizer.eos_token_id is None or tokenizer.eos_token_id >= rows:
        raise ModelError(
            f"The tokenizer of {what[0].lower() + what[1:]} has neither a padding token nor an end token; "
            "set pad_token in its tokenizer_config.json."
        )
    tokenizer.pad_token = tokenizer.eos_token


def _rows(embedding: nn.Module) -> int:
    return next(parameter.shape[0] for parameter in embedding.parameters())
