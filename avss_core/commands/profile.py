"""`avss profile`: one pass over a text."""

from __future__ import annotations

from typing import Annotated

import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.session import Workers, run_to_end
from avss_core.jobs.requests import ProfileRequest
from avss_core.runs import Store


def profile(
    model: o.Model = "default",
    corpus: o.CorpusName = "sample:essays",
    sites: Annotated[str, typer.Option(help="Sites to measure, separated by commas.")] = "residual,update",
    stop_when_stable: Annotated[
        float | None, typer.Option(help="End when the lowest share of blocks by AVSS, such as 0.25, is a settled set.")
    ] = None,
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
    """Measure the activations of every block over a text, in one pass. The answer names the run."""
    request = ProfileRequest(
        o.model_spec(model, revision, dtype, device, allow_pickle, trust_remote_code),
        o.corpus_spec(corpus, column, config, split, length, max_tokens, all_documents),
        tuple(dict.fromkeys(site.strip() for site in sites.split(",") if site.strip())),
        stop_when_stable,
    )
    with Workers(Store(store)) as workers:
        run = run_to_end(workers, request)
    facts = run.facts
    answer(
        {
            "run": run.id,
            "blocks": facts["blocks"],
            "tokens": facts["tokens"],
            "documents": facts["documents"],
            "seconds": run.seconds,
            "architecture": facts["architecture"],
            "device": facts["device"],
            "dtype": facts["dtype"],
            "stopped_after": facts.get("stopped_after"),
        },
        as_json,
    )
