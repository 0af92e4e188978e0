"""Does an exported folder give back the network that was written into it?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, GenerationConfig, PreTrainedModel

from avss_core.errors import ModelError, NumericalError, ResourceError
from avss_core.models.explain import explain
from avss_core.models.quiet import quiet
from avss_core.pruning.export.check import Check
from avss_core.pruning.generate import generate_tokens
from avss_core.pruning.generation import Sampling

FIXED_TEXT = "On the quay stood 27 crates of lemons. The harbour master counted them twice, and wrote down"
_MOST_TOKENS, _NEW_TOKENS = 64, 24
# How many units in the last place the largest logit may be off: the same numbers, multiplied in another order.
_ROUNDING = 16


def check_export(
    folder: Path,
    network: PreTrainedModel,
    tokenizer: Any,
    auto_class: Any,
    writes: bool,
    trust_remote_code: bool,
    positions: int | None = None,
) -> Check:
    """Load `folder` as its later user will, and compare tokens, tensors, logits and (if `writes`) how it writes.

    That is a text written greedily, and the generation settings, which do not bear on that text. positions: tokens in
    the longest sequence that the network was made for (`longest_sequence`).

    Raises ModelError at the first difference, NumericalError when the network's own logits are not finite.
    """
    try:
        with quiet():
            reread = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
            reloaded = auto_class.from_pretrained(folder, trust_remote_code=trust_remote_code).eval()
        nn.Module.to(reloaded, network.device)
    except Exception as error:  # whatever a config that the library wrote and cannot read makes it raise
        known = explain("The exported model", error)
        raise (known if isinstance(known, ResourceError) else _different(f"it cannot be loaded ({error})")) from error
    ids = tokenizer(FIXED_TEXT).input_ids[:_MOST_TOKENS]
    if reread(FIXED_TEXT).input_ids[:_MOST_TOKENS] != ids:
        raise _different("its tokenizer splits a text differently")
    room = _MOST_TOKENS + _NEW_TOKENS if positions is None else positions
    ids = ids[: max(1, room - _NEW_TOKENS)]
    tensors = _compare_tensors(network, reloaded)
    fixed = torch.tensor([ids], device=network.device)
    difference = _compare_logits(network, reloaded, fixed)
    if not writes:
        return Check(tensors, len(ids), difference, None)
    if _generation_settings(reloaded) != _generation_settings(network):
        raise _different("its generation settings are not the same")
    sampling = Sampling(min(_NEW_TOKENS, room - len(ids)))
    written = generate_tokens(network, fixed, sampling)
    again = generate_tokens(reloaded, fixed, sampling)
    text = str(tokenizer.decode(written))
    if again != written or reread.decode(again) != text:
        raise _different("it writes another text greedily")
    return Check(tensors, len(ids), difference, text)


def _compare_tensors(network: PreTrainedModel, reloaded: PreTrainedModel) -> int:
    ours, theirs = network.state_dict(), reloaded.state_dict()
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in ours or name not in theirs or not _equal(ours[name], theirs[name]):
            raise _different(f"{name} is not the same")
    return len(ours)


def _equal(first: Tensor, second: Tensor) -> bool:
    return first.dtype == second.dtype and torch.equal(first, second)


def _compare_logits(network: PreTrainedModel, reloaded: PreTrainedModel, ids: Tensor) -> float:
    with torch.no_grad():
        ours, theirs = (each(input_ids=ids)[0].float() for each in (network, reloaded))
    if not torch.isfinite(ours).all():
        raise NumericalError(
            "The pruned model's outputs on a short text are not finite numbers, so it is not exported; "
            "load the model in float32, or remove other blocks."
        )
    difference = (ours - theirs).abs().max().item()
    if difference > _ROUNDING * torch.finfo(network.dtype).eps * ours.abs().max().item():
        raise _different(f"its logits differ by up to {difference:.2g}")
    return float(difference)


def _generation_settings(network: PreTrainedModel) -> dict[str, Any]:
    """What transformers itself knows of the network's generation config, as it comes back from a file."""
    fields = json.loads(json.dumps(network.generation_config.to_dict()))  # a file has lists where there were tuples
    known = GenerationConfig().to_dict().keys() - {"transformers_version", "_from_model_config"}
    return {name: value for name, value in fields.items() if name in known}


def _different(what: str) -> ModelError:
    return ModelError(
        f"The exported model is not the one in memory when it is loaded again: {what}; nothing was exported, "
        "evaluate this cut without exporting it."
    )
