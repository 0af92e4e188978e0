"""Let the original and the pruned model continue the same prompt. What is asked and answered: `generation.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedModel
from transformers.generation.streamers import BaseStreamer

from avss_core.errors import ModelError, NumericalError, SettingError
from avss_core.models.load import LoadedModel
from avss_core.models.own_settings import own_settings
from avss_core.models.quiet import quiet
from avss_core.pruning.cut import Cut
from avss_core.pruning.generation import (
    ORIGINAL,
    PRUNED,
    Generated,
    Piece,
    Sampling,
    SideBySide,
    Told,
    require_prompt,
)
from avss_core.tasks.context_length import longest_sequence
from avss_core.variants.physical import pruned_network

TokenTold = Callable[[list[int]], None]


def generate_side_by_side(
    model: LoadedModel,
    cut: Cut,
    prompt: str,
    sampling: Sampling | None = None,
    told: Told = lambda piece: None,
    network: PreTrainedModel | None = None,
) -> SideBySide:
    """The original writes first, then the pruned model; `told` hears of every token and may raise Cancelled.

    network: what is written with in place of the plain cut (a healed model). Raises what `generate`, `prompt_ids` and
    `pruned_network` raise.
    """
    sampling = sampling or Sampling()
    ids = prompt_ids(model, prompt, sampling)
    pruned = pruned_network(model, cut.kept) if network is None else network
    return SideBySide(
        generate(model.network, model.tokenizer, ids, sampling, ORIGINAL, told),
        generate(pruned, model.tokenizer, ids, sampling, PRUNED, told),
    )


def prompt_ids(model: LoadedModel, prompt: str, sampling: Sampling) -> Tensor:
    """The prompt as ids (1, tokens) on the model's device, in the chat template where that is asked for.

    Raises ModelError for a model that does not predict next tokens, SettingError for a prompt that has no token, that
    leaves no room for the new tokens, or a chat template where the tokenizer has none.
    """
    if not model.predicts_next_token:
        raise ModelError(
            f"{type(model.network).__name__} does not predict the next token, so it cannot write a text; "
            "use a causal language model."
        )
    if sampling.chat and not has_chat_template(model):
        raise SettingError("The tokenizer of this model has no chat template; ask without --chat.")
    require_prompt(prompt)
    if sampling.chat:
        message = [{"role": "user", "content": prompt}]
        ids = model.tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=True, return_dict=False)
    else:
        ids = model.tokenizer(prompt).input_ids
    if not ids:
        raise SettingError("The tokenizer makes no token of the prompt; type another one.")
    require_room(model, len(ids), sampling.max_new_tokens)
    return torch.tensor([ids], device=model.device)


def has_chat_template(model: LoadedModel) -> bool:
    """Whether the tokenizer knows how the model is spoken to."""
    return bool(getattr(model.tokenizer, "chat_template", None))


def require_room(model: LoadedModel, prompt_tokens: int, new_tokens: int) -> None:
    """Raise SettingError when the tokens are more than the positions that the model knows."""
    positions = longest_sequence(model)
    if positions is not None and prompt_tokens + new_tokens > positions:
        raise SettingError(
            f"{prompt_tokens} tokens and {new_tokens} new ones are more than the {positions} positions of this model; "
            "ask for fewer, or shorten the prompt."
        )


def generate(
    network: PreTrainedModel,
    tokenizer: Any,
    ids: Tensor,
    sampling: Sampling,
    which: str = ORIGINAL,
    told: Told = lambda piece: None,
) -> Generated:
    """Continue `ids` (1, tokens). Raises NumericalError when a logit is not a number, and whatever `told` raises."""
    times: list[float] = []

    def tell(tokens: list[int]) -> None:
        times.append(time.perf_counter())
        told(Piece(which, len(tokens), _decode(tokenizer, tokens)))

    started = time.perf_counter()
    tokens = generate_tokens(network, ids, sampling, tell)
    return Generated(
        which=which,
        text=_decode(tokenizer, tokens),
        tokens=tuple(tokens),
        prompt=tuple(ids[0].tolist()),
        ended=tokens[-1] in _end_tokens(network),
        first_token_seconds=times[0] - started,
        seconds=times[-1] - started,
    )


def generate_tokens(
    network: PreTrainedModel,
    ids: Tensor,
    sampling: Sampling,
    told: TokenTold = lambda tokens: None,
    to_the_end: bool = False,
) -> list[int]:
    """The new tokens, by transformers' own loop with its cache; `told` is called with all of them after each.

    Nothing but `sampling` bears on the choice; of the model's own generation config only the tokens that end a text
    count. The global random state is as before afterwards. to_the_end: go on past a token that ends the text.
    """
    tokens: list[int] = []
    config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        min_new_tokens=sampling.max_new_tokens if to_the_end else None,
        do_sample=not sampling.greedy,
        use_cache=True,
        eos_token_id=sorted(_end_tokens(network)) or None,
        **({} if sampling.greedy else _draws(sampling)),
    )
    write: Any = network.generate  # of the generation mixin, which PreTrainedModel does not name
    on_gpu = [ids.device] if ids.device.type == "cuda" else []
    with own_settings(network, config), quiet(), torch.no_grad(), torch.random.fork_rng(devices=on_gpu):
        torch.manual_seed(sampling.seed)
        write(
            ids,
            attention_mask=torch.ones_like(ids),
            logits_processor=LogitsProcessorList([_Numbers()]),
            streamer=_Tokens(tokens, told),
        )
    return tokens


def _draws(sampling: Sampling) -> dict[str, float]:
    """How to draw; transformers would leave all but the 50 likeliest tokens out by itself."""
    return {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}


class _Tokens(BaseStreamer):
    """Is given the prompt first, then each new token."""

    def __init__(self, tokens: list[int], told: TokenTold) -> None:
        self._tokens, self._told, self._prompt_came = tokens, told, False

    def put(self, value: Tensor) -> None:
        if self._prompt_came:
            self._tokens += value.flatten().tolist()
            self._told(self._tokens)
        self._prompt_came = True

    def end(self) -> None:
        return


class _Numbers(LogitsProcessor):
    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if torch.isnan(scores).any():
            raise NumericalError(
                "A logit of the next token is not a number, so no token can be chosen; load the model in float32, "
                "or remove other blocks."
            )
        return scores


def _decode(tokenizer: Any, tokens: list[int]) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _end_tokens(network: PreTrainedModel) -> set[int]:
    config = network.generation_config
    stated = config.eos_token_id if config is not None else None
    return set(stated) if isinstance(stated, list) else {stated} - {None}
