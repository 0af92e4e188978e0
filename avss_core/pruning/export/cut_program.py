"""A few lines of Python that make the pruned model from the original's own files. No torch here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from avss_core.models.spec import ModelSpec
from avss_core.pruning.export.snippet import CAUSAL, MASKED, Snippet
from avss_core.pruning.export.source import source_of

_CUT = """
config = model.config.get_text_config()
path, stack = next(
    (name, part)
    for name, part in model.named_modules()
    if isinstance(part, torch.nn.ModuleList) and len(part) == config.num_hidden_layers
)
model.set_submodule(path, torch.nn.ModuleList(stack[old] for old in kept))
for new, old in enumerate(kept):  # the key-value cache goes by these numbers
    for part in stack[old].modules():
        if hasattr(part, "layer_idx"):
            part.layer_idx = new
config.num_hidden_layers = len(kept)
if getattr(config, "layer_types", None):
    config.layer_types = [config.layer_types[old] for old in kept]
"""


def cut_program(spec: ModelSpec, kept: Sequence[int], facts: Mapping[str, Any]) -> str | None:
    """Load the original with plain transformers, leave the blocks out in memory, and use what is left.

    kept: in rising order. facts: of a run of this model (`jobs.resident.facts_of`). None for a model that has no files
    (made in memory). An architecture whose blocks differ by more than `layer_idx` and `layer_types` needs an export.
    """
    source, auto_class = source_of(spec), auto_class_of(facts)
    where = (spec.path.parent, f", gguf_file={_quoted(spec.path.name)}") if spec.kind == "gguf" else None
    reference = str(where[0]) if where is not None else source.hub_id or source.reference
    if reference is None:
        return None
    options = where[1] if where is not None else ""
    options += f", revision={_quoted(source.revision)}" if source.revision else ""
    options += ", trust_remote_code=True" if spec.trust_remote_code else ""
    dtype = f", dtype=torch.{facts['dtype']}" if "dtype" in facts else ""
    lines = [
        *([f"# {source.note}"] if source.note else []),
        "import torch",
        f"from transformers import {auto_class}, AutoTokenizer",
        "",
        f"source = {_quoted(reference)}",
        f"kept = {list(kept)}",
        f"tokenizer = AutoTokenizer.from_pretrained(source{options})",
        f"model = {auto_class}.from_pretrained(source{dtype}{options})",
        *_CUT.splitlines(),
        "",
        *Snippet(auto_class, chats(facts)).use(),
    ]
    return "\n".join(lines) + "\n"


def auto_class_of(facts: Mapping[str, Any]) -> str:
    """The class of transformers that loads a model, by what a run found out about it."""
    architecture = str(facts.get("architecture", ""))
    if facts.get("predicts_next_token") or architecture.endswith("ForCausalLM"):
        return CAUSAL
    if architecture.endswith("ForMaskedLM"):
        return MASKED
    return "AutoModelForSequenceClassification" if architecture.endswith("ForSequenceClassification") else "AutoModel"


def chats(facts: Mapping[str, Any]) -> bool:
    """Whether a model is one that answers in a chat: it writes, and its tokenizer has a template."""
    return auto_class_of(facts) == CAUSAL and bool(facts.get("chat_template"))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
