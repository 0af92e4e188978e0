"""A classifier out of a BERT encoder: a new head, and its last blocks trained on labelled sentences. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from avss_core.models.blocks import find_blocks
from avss_core.models.quiet import quiet
from avss_core.models.standin_package import Recipe

Labelled = tuple[str, int]  # a text and the number of its label
_WARM_UP = 0.1  # of all steps


def encoder_with_head(folder: Path, labels: Sequence[str], seed: int) -> tuple[PreTrainedModel, Any]:
    """The encoder of a folder in float32 with a random head for these labels, and its tokenizer.

    What stands between the first token's state and the head (BERT's pooler) begins as tanh of that state.
    """
    names = dict(enumerate(labels))
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, id2label=names, label2id={name: number for number, name in names.items()}
        )
        tokenizer = AutoTokenizer.from_pretrained(folder)
    pooler: Any = network.base_model.pooler
    with torch.no_grad():
        nn.init.eye_(pooler.dense.weight)
        nn.init.zeros_(pooler.dense.bias)
    return network, tokenizer


def fine_tune(network: PreTrainedModel, tokenizer: Any, examples: Sequence[Labelled], recipe: Recipe) -> None:
    """Teach the network the labels, in place, as the recipe says; the same numbers every time on the same machine.

    Runs on one thread of the processor, since the order of additions depends on how many there are.
    """
    texts = [text for text, _ in examples]
    labels = torch.tensor([label for _, label in examples])
    means = _mean_states(network, tokenizer, texts)

    def away_from_the_mean(places: Tensor) -> Tensor:
        states = network.base_model(**_tokens(tokenizer, texts, places)).last_hidden_state
        return (1 - functional.cosine_similarity(states[:, 0], means[places])).mean()

    def surprise_at_the_label(places: Tensor) -> Tensor:
        return functional.cross_entropy(network(**_tokens(tokenizer, texts, places)).logits, labels[places])

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            _descend(network, away_from_the_mean, len(texts), recipe, recipe.mean_epochs, recipe.mean_rate)
            _descend(network, surprise_at_the_label, len(texts), recipe, recipe.epochs, recipe.rate)
    finally:
        torch.set_num_threads(threads)


def accuracy(network: PreTrainedModel, tokenizer: Any, examples: Sequence[Labelled], batch: int = 32) -> float:
    """Share of examples whose highest logit is the right label's; 1 is all of them."""
    texts = [text for text, _ in examples]
    network.eval()
    with torch.inference_mode():
        found = [
            network(**_tokens(tokenizer, texts, places)).logits.argmax(dim=-1)
            for places in torch.arange(len(texts)).split(batch)
        ]
    return float((torch.cat(found) == torch.tensor([label for _, label in examples])).double().mean())


def _descend(
    network: PreTrainedModel, loss: Callable[[Tensor], Tensor], n: int, recipe: Recipe, epochs: int, rate: float
) -> None:
    """Minimise the loss of the examples at given places, n of them, each once an epoch in another order."""
    modules = _last_modules(network, recipe.last_blocks)
    network.requires_grad_(False)
    weights = [weight.requires_grad_() for module in modules for weight in module.parameters()]
    steps = epochs * -(-n // recipe.batch)
    optimiser = torch.optim.AdamW(weights, lr=rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _share_of_rate(step, steps))
    network.eval()
    for module in modules:
        module.train()
    for _ in range(epochs):
        for places in torch.randperm(n).split(recipe.batch):
            optimiser.zero_grad()
            loss(places).backward()
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
    network.eval()


def _last_modules(network: PreTrainedModel, last_blocks: int) -> list[nn.Module]:
    """The last blocks and all behind them: what is trained."""
    base: Any = network.base_model
    head = [module for module in network.children() if module is not base]
    return [*find_blocks(network).modules[-last_blocks:], base.pooler, *head]


def _mean_states(network: PreTrainedModel, tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """The last hidden states averaged over each text's tokens, (texts, hidden)."""
    network.eval()
    means = []
    with torch.no_grad():
        for places in torch.arange(len(texts)).split(32):
            tokens = _tokens(tokenizer, texts, places)
            real = tokens["attention_mask"][..., None]
            states = network.base_model(**tokens).last_hidden_state
            means.append((states * real).sum(dim=1) / real.sum(dim=1))
    return torch.cat(means)


def _tokens(tokenizer: Any, texts: Sequence[str], places: Tensor) -> Any:
    return tokenizer([texts[place] for place in places.tolist()], padding=True, truncation=True, return_tensors="pt")


def _share_of_rate(step: int, steps: int) -> float:
    """0 → 1 over the first tenth of the steps, then straight down to 0."""
    rising = max(1, round(_WARM_UP * steps))
    return (step + 1) / rising if step < rising else (steps - step) / max(1, steps - rising)
