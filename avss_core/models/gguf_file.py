"""A network and its tokenizer from a GGUF file, as plain float weights."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel

from avss_core.errors import ModelError
from avss_core.models.explain import explain
from avss_core.models.quiet import quiet
from avss_core.models.verify import check_weights

_log = logging.getLogger(__name__)
_SPLIT_KEY = "tokenizer.ggml.pre"
# Names of splits, as llama.cpp groups them: every digit alone, then as GPT-2; and exactly as GPT-2.
_DIGITS_ALONE = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
_AS_GPT2 = {None, "default", "gpt-2", "phi-2", "mpt", "olmo", "jais", "roberta-bpe", "gigachat", "exaone4", "trillion"}


def load_gguf(file: Path, dtype: torch.dtype) -> tuple[PreTrainedModel, Any]:
    """The network (on the CPU, dequantised to `dtype`) and the tokenizer, both as saving them again needs them.

    Raises ModelError when the file is missing, cut short or damaged, or of an architecture that transformers does not
    read from GGUF.
    """
    if not file.is_file():
        raise ModelError(f"There is no file {file}; give the path of a GGUF file.")
    split = read_split(file)
    what = f"The GGUF file {file}"
    # The progress bar of reading GGUF heeds no switch; it is written to the stderr of the moment.
    with quiet(), redirect_stderr(io.StringIO()):
        try:
            loader: Any = AutoModelForCausalLM
            network, info = loader.from_pretrained(
                file.parent,
                gguf_file=file.name,
                dtype=dtype,
                quantization_config=GgufConfig(dequantize=True),
                output_loading_info=True,
            )
            tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        except Exception as error:  # whatever a foreign or damaged file makes the libraries raise
            raise explain(what, error) from error
    check_weights(network, info, what)
    restore_split(tokenizer, split)
    return network, tokenizer


def read_split(file: Path) -> str | None:
    """The name of the rule by which text is split before merging, as the file states it; None where it does not.

    Reads the whole table of contents on the way. Raises ModelError when the file is not all there.
    """
    try:
        field = GGUFReader(file).get_field(_SPLIT_KEY)
    except Exception as error:  # a cut or damaged file can fail anywhere in its table of contents
        raise ModelError(
            f"{file} is not a whole GGUF file (cut short or damaged: {error}); download it again."
        ) from error
    return None if field is None else str(field.contents())


def restore_split(tokenizer: Any, split: str | None) -> None:
    """Give back the split that a GGUF names but transformers drops: for `smollm`, every digit is a token of its own.

    A name that neither transformers nor this file knows leaves GPT-2's split, and a warning in the log.
    """
    backend = tokenizer.backend_tokenizer
    if split in _DIGITS_ALONE:
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        )
    elif split not in _AS_GPT2 and isinstance(backend.pre_tokenizer, pre_tokenizers.ByteLevel):
        _log.warning("The GGUF splits text by the rule %r, which is not known here; GPT-2's is used instead.", split)
