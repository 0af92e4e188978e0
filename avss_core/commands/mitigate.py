"""`avss mitigate`: contrastive training on the prone blocks, beside the same on other blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.adapter import check_adapter, check_left, take_adapter
from avss_core.commands.answer import answer, print_table, records
from avss_core.commands.option_groups import ModelOptions, in_groups
from avss_core.commands.preset_options import PresetOptions
from avss_core.commands.prune import parse_blocks
from avss_core.commands.question_options import QuestionOptions
from avss_core.commands.session import Workers, run_to_end
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.contrast import Contrast
from avss_core.hallucination.contrast import contrast as contrast_of
from avss_core.hallucination.judge import DEFAULT_JUDGE
from avss_core.hallucination.labels import with_hand_labels
from avss_core.hallucination.metrics import metrics_for
from avss_core.hallucination.mitigation import CHOICES, MitigationSettings, choose_blocks
from avss_core.hallucination.per_block import per_block_rows, why_no_blocks
from avss_core.importance import Epsilon
from avss_core.jobs import MitigateRequest
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.hand_labels import hand_labels_for
from avss_core.jobs.mitigate_controls import rate_against
from avss_core.jobs.mitigate_results import Mitigated, mitigated
from avss_core.jobs.mitigate_table import before_after_rows
from avss_core.jobs.requests import ConfidenceRequest
from avss_core.runs import Store


@in_groups
def mitigate(
    *,
    choice: Annotated[str, typer.Option(help=f"Which blocks learn: {', '.join(CHOICES)} (by HCS).")] = "highest",
    controls: Annotated[bool, typer.Option(help="Give the same training to the other choices, as controls.")] = True,
    blocks: Annotated[int, typer.Option(help="How many blocks learn.", min=1)] = 6,
    only: Annotated[str | None, typer.Option(help="These blocks learn, such as 3,4,5 or 3-5; no controls.")] = None,
    steps: Annotated[int, typer.Option(help="Training steps.", min=1)] = 40,
    answers: Annotated[int, typer.Option(help="Truthful answers in a step, and as many made-up ones.", min=2)] = 6,
    contrast: Annotated[float, typer.Option(help="Weight of the contrastive loss.", min=0)] = 1.0,
    language: Annotated[float, typer.Option(help="Weight of the language-model loss.", min=0)] = 1.0,
    temperature: Annotated[float, typer.Option(help="Temperature of the contrastive loss.")] = 0.1,
    rank: Annotated[int, typer.Option(help="Rank of the LoRA adapters.", min=1)] = 8,
    learning_rate: Annotated[float, typer.Option(help="The highest, after the warm-up.")] = 3e-4,
    judge: Annotated[str, typer.Option(help="exact, alias, or loose.")] = DEFAULT_JUDGE,
    reading: Annotated[str, typer.Option(help="Of HCS: product, sum, or ratio.")] = "product",
    site: Annotated[str, typer.Option(help="residual or update.")] = "residual",
    epsilon: o.EpsilonText = "0.01",
    confidence: Annotated[
        bool, typer.Option(help="Ask the model again how sure it is of the held-out answers.")
    ] = True,
    preset: PresetOptions,
    adapter: Annotated[
        Path | None, typer.Option(help="Copy the trained adapter to this new folder.", show_default=False)
    ] = None,
    for_cut: Annotated[
        str | None,
        typer.Option(
            help="Make --adapter fit the exported model without these blocks, such as 3,4,5 or 3-5.",
            show_default=False,
        ),
    ] = None,
    seed: o.Seed = 0,
    model: ModelOptions,
    questions: QuestionOptions,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Teach chosen blocks to keep truthful and made-up answers apart, and ask held-out questions before and after.

    One half of the questions is learned from, the other is asked. What does not help is reported as not helping.
    """
    cut = check_adapter(adapter, for_cut)
    shares = preset.chosen(questions.corpus)
    q, p = shares.q, shares.p
    metrics = [metric.name for metric in metrics_for(q, p)]
    asking = AskingAgain(seed=seed)
    settings = MitigationSettings(
        choice=choice,
        n_blocks=blocks,
        blocks=None if only is None else parse_blocks(only),
        steps=steps,
        answers=answers,
        contrast=contrast,
        temperature=temperature,
        language=language,
        rank=rank,
        learning_rate=learning_rate,
        seed=seed,
    )
    request = MitigateRequest(
        questions.asked_of(model),
        settings,
        judge,
        site=site,
        epsilon=Epsilon.parse(epsilon),
        reading=reading,
    )
    opened = Store(store)
    with Workers(opened) as workers:
        n_blocks = int(run_to_end(workers, request.taught).facts["blocks"])
        check_left(cut, n_blocks)
        run_to_end(workers, request.held_out)
        request = replace(request, by_hand=tuple(hand_labels_for(opened, request.taught).items()))
        contrasted = taught_contrast(opened, request, seed)
        check_left(cut, n_blocks, _trained(contrasted, settings))
        if confidence:
            run_to_end(workers, ConfidenceRequest.of(request.held_out, asking))
        asked = [request, *(beside(request) if controls and only is None else [])]
        runs = [run_to_end(workers, one) for one in asked]
    found = [mitigated(opened, run.id, seed=seed, q=q, p=p, asked=asking) for run in runs]
    if adapter is not None:
        take_adapter(opened, runs[0], cut, adapter)
    changes = [before_after_rows(one, q, p, seed) for one in found]
    before = found[0].before
    problem = why_no_blocks(before.frame, before.labels)
    told: dict[str, Any] = {
        "judge": judge,
        **shares.facts(),
        "chosen": {"run": runs[0].id, **found[0].to_dict(), "before_after": changes[0]},
        "controls": [
            {
                "run": run.id,
                **one.to_dict(),
                "before_after": rows,
                "chosen_against_this": rate_against(found[0], one, seed),
            }
            for run, one, rows in zip(runs[1:], found[1:], changes[1:], strict=True)
        ],
        "conclusion": contrasted.conclusion,
        "rows": records(contrasted.table),
        "confidence": found[0].estimators,
        "per_block": [] if problem else per_block_rows(before.frame, before.labels, q, p, seed),
        "per_block_note": problem,
        "adapter": None if adapter is None else str(adapter),
    }
    answer(told, as_json, table(found), found[0].sentence)
    if not as_json:
        for control, one in zip(told["controls"], found[1:], strict=True):
            apart = {name: f"{100 * value:+.1f}" for name, value in control["chosen_against_this"].items()}
            print(
                f"Against {CHOICES[one.request.settings.choice]}: the rate differs by {apart['difference']} points "
                f"(95 % {apart['low']} to {apart['high']}; below 0 the chosen blocks are better)."
            )
        shown = ["metric", "before", "after", "change", "change_low", "change_high", "verdict", "n"]
        print_table(pd.DataFrame(changes[0])[shown], "Before and after on held-out questions (perplexity: a ratio).")
        shown = ["estimator", *metrics, "accuracy", "n", "note"]
        print_table(pd.DataFrame(found[0].estimators)[shown], "The trained model beside the estimators, held out.")


def taught_contrast(store: Store, request: MitigateRequest, seed: int) -> Contrast:
    """The blocks between right and made-up answers of the half that is learned from: what chooses those that learn."""
    frame = answers_frame(store, request.taught.run_id())
    labels = with_hand_labels(frame, request.judge, dict(request.by_hand))
    return contrast_of(frame, labels, request.site, request.epsilon, request.reading, seed=seed)


def beside(request: MitigateRequest) -> list[MitigateRequest]:
    """The same training of the other choices of blocks."""
    others = [choice for choice in CHOICES if choice != request.settings.choice]
    return [replace(request, settings=replace(request.settings, choice=choice)) for choice in others]


def _trained(found: Contrast, settings: MitigationSettings) -> tuple[int, ...]:
    return settings.blocks or choose_blocks(found.table, settings.choice, settings.n_blocks, settings.seed)


def table(found: list[Mitigated]) -> pd.DataFrame:
    """One row a training: what it did to the rate, to confidence, to fluency."""
    rows = []
    for one in found:
        before, after = one.confidence
        rows.append(
            {
                "blocks": CHOICES[one.request.settings.choice] if one.request.settings.blocks is None else "named",
                "trained": " ".join(map(str, one.blocks)),
                "rate before": one.change.rate_before,
                "rate after": one.change.rate_after,
                "change low": one.change.rate_change_low,
                "change high": one.change.rate_change_high,
                "ECE before": before["ece"],
                "ECE after": after["ece"],
                "AUROC before": before["auroc"],
                "AUROC after": after["auroc"],
                "perplexity ×": one.fluency.ratio,
            }
        )
    return pd.DataFrame(rows)
