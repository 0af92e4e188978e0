"""`avss hallucinate`: which blocks differ when a model makes something up, how sure it is, and what pruning does."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer, print_table, records
from avss_core.commands.honesty_options import HonestyOptions
from avss_core.commands.option_groups import ModelOptions, in_groups
from avss_core.commands.preset_options import PresetOptions
from avss_core.commands.question_options import QuestionOptions
from avss_core.commands.session import Workers, run_to_end
from avss_core.errors import SettingError
from avss_core.hallucination.answer_sums import check_site
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.confidence_table import confidence_rows
from avss_core.hallucination.contrast import contrast
from avss_core.hallucination.honesty import doubt_about, honesty_conclusion
from avss_core.hallucination.judge import DEFAULT_JUDGE, judge_named
from avss_core.hallucination.labels import hallucination_rate, rate_interval
from avss_core.hallucination.metrics import metrics_for
from avss_core.hallucination.per_block import per_block_rows, why_no_blocks
from avss_core.hallucination.permutation import NOT_WHY
from avss_core.hallucination.readings import readings_agreement
from avss_core.hallucination.scores import check_reading, our_readings
from avss_core.importance import Epsilon
from avss_core.jobs import AnswersRequest
from avss_core.jobs.confidence_results import confidence_frame
from avss_core.jobs.eavss_results import eavss_row, newest_eavss
from avss_core.jobs.honesty_results import honesty_in, judged_answers, requests_beside
from avss_core.jobs.requests import ConfidenceRequest
from avss_core.pruning import Cut
from avss_core.runs import Store

_SHOWN = ("block", "hsav", "hss", "hcs", "eavss", "eavss_stable", "propensity", "p_value", "p_adjusted")


@in_groups
def hallucinate(
    *,
    judge: Annotated[str, typer.Option(help="exact, alias, or loose.")] = DEFAULT_JUDGE,
    reading: Annotated[str, typer.Option(help="Of HCS: product, sum, or ratio.")] = "product",
    site: Annotated[str, typer.Option(help="residual or update.")] = "residual",
    epsilon: o.EpsilonText = "0.01",
    confidence: Annotated[bool, typer.Option(help="Ask the model again how sure it is.")] = True,
    preset: PresetOptions,
    pruned: HonestyOptions,
    seed: o.Seed = 0,
    model: ModelOptions,
    questions: QuestionOptions,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Let a model answer questions, judge the answers, and contrast the blocks between right and made-up ones.

    Judging again, another site, ε or reading do not run the model again.
    """
    judge_named(judge)
    check_reading(reading)
    check_site(site)
    shares = preset.chosen(questions.corpus)
    q, p = shares.q, shares.p
    metrics = [metric.name for metric in metrics_for(q, p)]
    asking = AskingAgain(seed=seed)
    silent_below = Epsilon.parse(epsilon)
    whole = questions.asked_of(model)
    opened = Store(store)
    with Workers(opened) as workers:
        run = run_to_end(workers, whole)
        answers = judged_answers(opened, whole, judge)
        found = contrast(answers.frame, answers.labels, site, silent_below, reading, seed=seed)
        again = (
            confidence_frame(opened, run_to_end(workers, ConfidenceRequest.of(whole, asking)).id)
            if confidence
            else None
        )
        told: dict[str, Any] = {
            "run": run.id,
            "judge": judge,
            **shares.facts(),
            "questions": len(answers.labels),
            "rate": hallucination_rate(answers.labels),
            **dict(zip(("rate_low", "rate_high"), rate_interval(answers.labels), strict=True)),
            **found.facts(),
            "our_reading": our_readings(found.reading),
            "flagged": found.flagged,
            "not_why": NOT_WHY,
            "rows": records(found.table),
            "readings": records(readings_agreement(found.table)),
            "confidence": [
                *confidence_rows(answers.frame, answers.labels, again, q, p, seed),
                eavss_row(opened, newest_eavss(opened, whole), judge, q, p, seed),
            ],
            "per_block": [],
            "per_block_note": why_no_blocks(answers.frame, answers.labels),
        }
        if not told["per_block_note"]:
            told["per_block"] = per_block_rows(answers.frame, answers.labels, q, p, seed)
        try:
            cut = pruned.cut(found)
        except SettingError as error:  # known only now; all that was asked and found is told all the same
            cut = None
            told["honesty_note"] = str(error)
        if cut is not None:
            doubt = doubt_about(found) if pruned.prune_by == "eavss_stable" else ""
            told["honesty"] = _honesty(workers, whole, cut, pruned.random, judge, site, silent_below, seed, doubt)
    answer(told, as_json, found.table[list(_SHOWN)], "Made-up against truthful answers, block by block.")
    if not as_json:
        shown = ["estimator", *metrics, "accuracy", "n", "no_number", "note"]
        print_table(pd.DataFrame(told["confidence"])[shown], "How well does each estimator know which are right?")
        if told["per_block"]:
            shown = ["block", *metrics, "n"]
            print_table(pd.DataFrame(told["per_block"])[shown], "The probe P(IK) on every block's output.")
        if "honesty" in told:
            print_table(
                pd.DataFrame([told["honesty"]["cut"], *told["honesty"]["random"]]), told["honesty"]["conclusion"]
            )


def _honesty(
    workers: Workers,
    whole: AnswersRequest,
    cut: Cut,
    random: int,
    judge: str,
    site: str,
    epsilon: Epsilon,
    seed: int,
    doubt: str,
) -> dict[str, Any]:
    """The cut's change and that of random cuts of its size, each asked the same questions."""
    run_to_end(workers, replace(whole, removed=cut.removed))
    chosen = honesty_in(workers.store, whole, cut.removed, cut.reason, judge, site, epsilon, seed)
    others = []
    for request in requests_beside(whole, cut.removed, cut.n_blocks, random, seed):
        run_to_end(workers, request)
        others.append(honesty_in(workers.store, whole, request.removed, "random", judge, site, epsilon, seed))
    return {
        "cut": chosen.to_dict(),
        "random": [other.to_dict() for other in others],
        "conclusion": honesty_conclusion(chosen, others, doubt),
    }
