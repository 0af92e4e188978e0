"""`avss prune`: one cut, evaluated."""

from __future__ import annotations

import math
import re
from typing import Annotated

import pandas as pd
import typer

from avss_core.activations import merge_profiles
from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.session import Workers, run_to_end
from avss_core.errors import SettingError
from avss_core.importance import Epsilon, score_table
from avss_core.jobs import EvaluateRequest, ProfileRequest
from avss_core.jobs.results import finished_profile, outcome_in, still_to_do
from avss_core.pruning import Cut, below_threshold, lowest_fraction
from avss_core.runs import Store

METHODS = ("avss",)
_MOST_BLOCKS = 10_000  # more than any model has; `0-999999999` is a slip of the keyboard


def prune(
    method: Annotated[str | None, typer.Option(help="Score to remove the lowest blocks by: avss.")] = None,
    fraction: Annotated[float | None, typer.Option(help="Share of the blocks to remove, with --method.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Remove every block with a share below this, with --method.")
    ] = None,
    remove: Annotated[str | None, typer.Option(help="Blocks to remove, 0-based, such as 3,4,5 or 3-5.")] = None,
    task: Annotated[str, typer.Option(help="What is evaluated: perplexity.")] = "perplexity",
    protect_first: Annotated[int, typer.Option(help="So many first blocks are never removed by a score.", min=0)] = 0,
    protect_last: Annotated[int, typer.Option(help="So many last blocks are never removed by a score.", min=0)] = 0,
    site: o.Site = "residual",
    epsilon: o.EpsilonText = "0.01",
    skip_first_token: o.SkipFirstToken = False,
    model: o.Model = "default",
    corpus: o.CorpusName = "sample:essays",
    revision: o.Revision = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    column: o.Column = "text",
    config: o.Config = None,
    split: o.Split = None,
    length: o.Length = 512,
    max_tokens: o.MaxTokens = None,
    all_documents: o.AllDocuments = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Remove blocks, chosen by a score or named, and measure what is lost on text that was not profiled."""
    named = None if remove is None else parse_blocks(remove)
    _check_choice(method, fraction, threshold, named)
    silent_below = Epsilon.parse(epsilon)
    spec = o.model_spec(model, revision, dtype, device, allow_pickle, trust_remote_code)
    profiled = o.corpus_spec(corpus, column, config, split, length, max_tokens, all_documents)
    held_out = profiled if all_documents else profiled.of_part("evaluate")
    sites = ("residual", "update") if site in ("residual", "update") else (site,)
    profile = ProfileRequest(spec, profiled, sites)
    unpruned = EvaluateRequest(
        spec, held_out, task, ((),)
    )  # both made here, so that a slip costs no pass over the text
    opened = Store(store)
    with Workers(opened) as workers:
        removed, reason = named or (), "named by hand"
        if named is None:
            shards = finished_profile(opened, run_to_end(workers, profile).id)
            table = score_table(merge_profiles(shards), site, silent_below, skip_first_token)
            cut = _lowest(table, fraction, threshold, protect_first, protect_last)
            removed, reason = cut.removed, cut.reason
        request = EvaluateRequest(spec, held_out, task, tuple(dict.fromkeys([*unpruned.cuts, removed])))
        left = still_to_do(opened, request)
        if left.cuts:
            run_to_end(workers, left)
    values = outcome_in(opened, request, removed, reason).to_dict()
    answer(values, as_json, pd.DataFrame([{"": state, **values[state]} for state in ("before", "after")]))


def parse_blocks(text: str) -> tuple[int, ...]:
    """Read `3,4,5`, and `3-5` for a stretch; SettingError for anything else."""
    blocks: set[int] = set()
    for part in text.split(","):
        stretch = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part.strip())
        first, last = (int(stretch[1]), int(stretch[2] or stretch[1])) if stretch else (1, 0)
        if not first <= last < _MOST_BLOCKS:
            raise SettingError(f"Blocks to remove are numbers such as 3,4,5 or 3-5; {part.strip()!r} is none.")
        blocks.update(range(first, last + 1))
    return tuple(sorted(blocks))


def _check_choice(
    method: str | None, fraction: float | None, threshold: float | None, named: tuple[int, ...] | None
) -> None:
    """Raise SettingError when the options do not say in exactly one way which blocks go."""
    by_score = method is not None and (fraction is None) != (threshold is None) and named is None
    by_hand = named is not None and method is None and fraction is None and threshold is None
    if not (by_score or by_hand):
        raise SettingError("Say either --remove 3,4,5, or --method with one of --fraction and --threshold.")
    if method is not None and method not in METHODS:
        raise SettingError(f"There is no method {method!r} to prune by; the methods are {', '.join(METHODS)}.")
    if fraction is not None and not 0 <= fraction <= 1:
        raise SettingError(f"The share of blocks to remove must lie between 0 and 1; {fraction:g} does not.")
    if threshold is not None and not math.isfinite(threshold):
        raise SettingError(f"The threshold must be a number; {threshold} is not.")


def _lowest(
    table: pd.DataFrame, fraction: float | None, threshold: float | None, protect_first: int, protect_last: int
) -> Cut:
    if fraction is not None:
        return lowest_fraction(table["avss"].tolist(), fraction, protect_first, protect_last)
    return below_threshold(table["avss_share"].tolist(), threshold or 0.0, protect_first, protect_last)
