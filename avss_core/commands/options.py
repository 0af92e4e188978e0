"""Options that several commands share, with the same names and meanings everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from avss_core.corpora.spec import CorpusSpec
from avss_core.models.spec import ModelSpec
from avss_core.tasks import text_named

Model = Annotated[str, typer.Option(help="`default`, a hub id, a local folder, or a GGUF file.")]
Revision = Annotated[str | None, typer.Option(help="Revision of a hub model.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N, or mps.")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16, or float16.")]
AllowPickle = Annotated[bool, typer.Option("--allow-pickle", help="Load pickle weights, which can run any code.")]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")]

CorpusName = Annotated[
    str, typer.Option("--corpus", help="`sample:NAME`, a local file or folder, a known set by its name, or a hub id.")
]
Column = Annotated[str, typer.Option(help="The column that holds the text.")]
Config = Annotated[str | None, typer.Option(help="Configuration of a hub data set.")]
Split = Annotated[str | None, typer.Option(help="Split of a hub data set.", show_default="train")]
Length = Annotated[int, typer.Option(help="Tokens in a window; longer documents are cut into several.")]
MaxTokens = Annotated[int | None, typer.Option(help="Read no more than this many tokens.")]
AllDocuments = Annotated[
    bool, typer.Option("--all-documents", help="Do not keep a part of the documents apart for evaluation.")
]

StoreUrl = Annotated[str | None, typer.Option("--store", help="A SQLite file or any database URL.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Seed = Annotated[int, typer.Option(help="Seed of everything that is drawn at random.")]

Healing = Annotated[
    str | None,
    typer.Option(
        help="The id of a finished `avss heal` run of this cut, whose network takes its place.", show_default=False
    ),
]

Site = Annotated[str, typer.Option(help="residual, update, mlp, or attention.")]
EpsilonText = Annotated[str, typer.Option("--epsilon", help="ε, such as 0.01, or 0.1sigma for a multiple of σ.")]
SkipFirstToken = Annotated[bool, typer.Option("--skip-first-token", help="Leave out the first token of every window.")]


def model_spec(
    model: str, revision: str | None, dtype: str, device: str, allow_pickle: bool, trust_remote_code: bool
) -> ModelSpec:
    """The model that the options name."""
    return ModelSpec(model, revision, dtype, device, allow_pickle, trust_remote_code)


def corpus_spec(
    corpus: str,
    column: str,
    config: str | None,
    split: str | None,
    length: int,
    max_tokens: int | None,
    all_documents: bool,
) -> CorpusSpec:
    """The text to profile that the options name: a part of it, unless all documents are wanted."""
    return text_named(
        corpus,
        part="all" if all_documents else "profile",
        column=column,
        config=config,
        split=split,
        length=length,
        max_tokens=max_tokens,
    )
