"""`avss generate`: one prompt, continued by the original and by a pruned model."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.blocks import parse_blocks
from avss_core.commands.gain import Remove
from avss_core.commands.option_groups import ModelOptions, in_groups
from avss_core.commands.session import Workers, run_to_end
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import RunError
from avss_core.jobs.generate_results import side_by_side_in
from avss_core.jobs.heal_results import healing_of
from avss_core.jobs.requests import GenerateRequest
from avss_core.pruning.generation import Sampling
from avss_core.runs import Store

_DEFAULT = Sampling()


@in_groups
def generate(
    *,
    prompt: Annotated[str, typer.Option(help="What both models continue.")],
    remove: Remove,
    healing: o.Healing = None,
    max_new_tokens: Annotated[int, typer.Option(help="At most so many tokens are written.")] = _DEFAULT.max_new_tokens,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token every time.")] = _DEFAULT.temperature,
    top_p: Annotated[float, typer.Option(help="Draw from the likeliest tokens of this share.")] = _DEFAULT.top_p,
    chat: Annotated[bool, typer.Option("--chat", help="Put the prompt into the chat template.")] = False,
    seed: o.Seed = 0,
    model: ModelOptions,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Write a text with the original and with the pruned model: same prompt, same settings, same seed."""
    sampling = Sampling(max_new_tokens, temperature, top_p, seed, chat)
    opened, removed = Store(store), parse_blocks(remove)
    healed_by = None if healing is None else healing_of(opened, healing, removed).id
    request = GenerateRequest(model.spec, CorpusSpec(), removed, prompt, sampling, healed_by)
    with Workers(opened) as workers:
        run = run_to_end(workers, request)
    both = side_by_side_in(opened, request)
    if both is None:
        raise RunError(f"What the run {run.id} wrote is gone from the store; delete the run and ask again.")
    kept = [block for block in range(run.facts["blocks"]) if block not in request.removed]
    cut = {"run": run.id, "kept": kept, "removed": list(request.removed), "healing": healed_by, "prompt": prompt}
    texts = [both.original, both.pruned]
    table = pd.DataFrame(
        [{"model": each.which, "tokens/s": each.tokens_per_second, "text": each.text} for each in texts]
    )
    answer({**cut, "sampling": sampling.to_dict(), **both.to_dict()}, as_json, table)
