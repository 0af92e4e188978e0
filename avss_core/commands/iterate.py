"""`avss iterate`: search for the blocks to remove by measuring, and judge what is found on held-out text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Annotated, Any

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer, records
from avss_core.commands.option_groups import ModelOptions, TextOptions, in_groups
from avss_core.commands.session import Workers, run_to_end
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import SettingError
from avss_core.importance import Epsilon
from avss_core.importance.settings import RankSettings
from avss_core.jobs import EvaluateRequest, SearchRequest
from avss_core.jobs.results import model_facts, still_to_do
from avss_core.jobs.search_results import (
    costs_of,
    held_out_of,
    held_out_request,
    held_out_table,
    outcomes_of,
    search_records,
)
from avss_core.pruning.protect import protected_ends
from avss_core.pruning.search import (
    AppendixH,
    Limits,
    Search,
    SearchSettings,
    Step,
    convergence_for,
    steps_table,
)
from avss_core.pruning.search.settings import DEFAULT_METHOD
from avss_core.runs import Store
from avss_core.tasks import PERPLEXITY, spec_of, task_named


class Way(StrEnum):
    """How to search, as the shell calls it."""

    APPENDIX_H = "appendix-h"
    GREEDY = "greedy"
    BEAM = "beam"

    @property
    def search(self) -> Search:
        """The same in the request."""
        return Search.ITERATIVE if self is Way.APPENDIX_H else Search(self.value)


TOKENS, HELD_OUT_TOKENS = 2000, 4000
EPSILON = "0.01"


@dataclass(frozen=True)
class SearchTextOptions(TextOptions):
    """The text of the search; --max-tokens is also how much is read of a task's examples, where it is given."""

    max_tokens: Annotated[
        int | None,
        typer.Option(help="Read no more than this many tokens.", show_default=f"{TOKENS} of text, all examples"),
    ] = None

    @property
    def spec(self) -> CorpusSpec:
        """The text to profile: a few tokens of it, unless more are wanted."""
        found = super().spec
        return found if self.max_tokens is not None else replace(found, max_tokens=TOKENS)


@in_groups
def iterate(
    *,
    method: Annotated[
        str | None,
        typer.Option(help="Score that appendix H goes by, or `NAME@SITE`.", show_default=False),
    ] = None,
    task: Annotated[str, typer.Option(help="What is measured; `avss tasks` lists them.")] = PERPLEXITY,
    tolerance: Annotated[float | None, typer.Option(help="λ of (58), of appendix H.", show_default="0.05")] = None,
    search: Annotated[Way, typer.Option(help="Appendix H, greedy by measured loss, or beam search.")] = Way.APPENDIX_H,
    delta: Annotated[
        float | None, typer.Option(help="δ itself, in units of the metric, in place of λ.", show_default=False)
    ] = None,
    convergence: Annotated[
        float | None,
        typer.Option(
            help="ε_c of (59), of appendix H: end when a removal changes the metric by a smaller share, as one that "
            "changes no answer does; 0: never end for it.",
            show_default="0.0001 for perplexity, 0 for other tasks",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Score the blocks anew after every removal.")] = False,
    width: Annotated[int | None, typer.Option(help="How many cuts a beam keeps.", show_default="4")] = None,
    most: Annotated[int | None, typer.Option(help="End when so many blocks are removed.", show_default=False)] = None,
    retain: Annotated[
        float | None, typer.Option(help="End before less than this share is retained.", show_default=False)
    ] = None,
    examples: Annotated[
        str | None, typer.Option(help="Where a task other than perplexity takes its examples from.", show_default=False)
    ] = None,
    max_examples: Annotated[int | None, typer.Option(help="Read no more than this many examples.")] = None,
    held_out_tokens: Annotated[
        int | None,
        typer.Option(help="Tokens of held-out text to judge perplexity on.", show_default=str(HELD_OUT_TOKENS)),
    ] = None,
    protect_first: Annotated[int, typer.Option(help="So many first blocks are never removed.", min=0)] = 0,
    protect_last: Annotated[int, typer.Option(help="So many last blocks are never removed.", min=0)] = 0,
    epsilon: o.EpsilonText = EPSILON,
    skip_first_token: o.SkipFirstToken = False,
    seed: o.Seed = 0,
    model: ModelOptions,
    text: SearchTextOptions,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Remove one block after another, each time the least important, or the one whose removal costs least.

    The search measures on the profiled part of the text, or of a task's examples; what it finds is the best of many
    there, so the cut of every step is judged on the held-out part as well. Ctrl-C keeps the finished steps; the same
    command goes on from there.
    """
    of_appendix_h = {"--method": method, "--tolerance": tolerance, "--delta": delta, "--convergence": convergence}
    of_its_score = {
        "--epsilon": None if epsilon == EPSILON else epsilon,
        "--skip-first-token": skip_first_token or None,
    }
    _check_meant(search, {**of_appendix_h, "--again": again or None, **of_its_score}, "appendix-h")
    _check_meant(search, {"--width": width}, "beam")
    if task != PERPLEXITY:
        _check_meant(search, _named(text), "appendix-h")  # which scores blocks on it; the others read examples alone
    if tolerance is not None and delta is not None:
        raise SettingError("--delta is δ itself and --tolerance makes it from λ; give one of them.")
    rank = RankSettings((method or DEFAULT_METHOD,), Epsilon.parse(epsilon), skip_first_token, seed)
    plain = AppendixH()
    rule = AppendixH(
        plain.tolerance if tolerance is None else tolerance,
        delta,
        convergence_for(task) if convergence is None else convergence,
        again,
    )
    settings = SearchSettings(search.search, Limits(most, retain), rule, rank, width)
    searched, held_out = _texts(task, text, examples, max_examples, held_out_tokens)
    opened = Store(store)
    with Workers(opened) as workers:
        # The unpruned model first: cheap, and it says how many blocks there are, of which the ends may be protected.
        n_blocks = _blocks(workers, EvaluateRequest(model.spec, held_out, task, ((),)))
        limits = replace(settings.limits, protected=protected_ends(n_blocks, protect_first, protect_last))
        request = SearchRequest(model.spec, searched, task, replace(settings, limits=limits), text.spec)
        run = run_to_end(workers, request)
        found = search_records(opened, run.id)
        steps = [record.step for record in found]
        judged = held_out_request(request, steps, held_out)
        left = still_to_do(opened, judged)
        if left.cuts:
            run_to_end(workers, left)
    table = held_out_table(steps, outcomes_of(opened, judged, steps))
    values: dict[str, Any] = {
        "run": run.id,
        "search": search.value,
        "task": task,
        "metric": task_named(task).metric().name,
        "blocks": n_blocks,
        "stop_reason": str(steps[-1].stop),
        "removed": list(steps[-1].removed),
        "kept": [block for block in range(n_blocks) if block not in steps[-1].removed],
        **costs_of(found),
        "steps": [step.to_dict() for step in steps],
        "held_out": records(table),
    }
    seen = " (the same documents: --all-documents)" if text.all_documents else ""
    title = f"Retained on the text of the search, and on held-out text{seen}."
    answer(values, as_json, _table(steps, table), title)


def _check_meant(search: Way, given: dict[str, object], only: str) -> None:
    """Raise SettingError for an option that the search does not use."""
    named = [name for name, value in given.items() if value is not None]
    if named and search != only:
        raise SettingError(f"{named[0]} belongs to --search {only} and not to {search}; leave it out.")


def _named(text: TextOptions) -> dict[str, object]:
    """The options that say which text it is, as far as they were given."""
    names = {
        field.name: field.default for field in fields(text) if field.name in ("corpus", "column", "config", "split")
    }
    return {f"--{name}": None if getattr(text, name) == default else name for name, default in names.items()}


def _texts(
    task: str, text: TextOptions, examples: str | None, max_examples: int | None, held_out_tokens: int | None
) -> tuple[CorpusSpec, CorpusSpec]:
    """What the search measures on, and what its cuts are judged on."""
    if task == PERPLEXITY:
        if examples is not None or max_examples is not None:
            raise SettingError("Perplexity is measured on --corpus; --examples and --max-examples are for other tasks.")
        return text.spec, held_out_of(text.spec, HELD_OUT_TOKENS if held_out_tokens is None else held_out_tokens)
    if held_out_tokens is not None:
        raise SettingError("--held-out-tokens is for perplexity; say how many examples to read by --max-examples.")
    wanted = task_named(task)
    most = {"max_examples": max_examples, "max_tokens": text.max_tokens}
    held_out = spec_of(wanted, examples or wanted.default_source, length=text.length, **most)
    if text.all_documents:
        return held_out.of_part("all"), held_out.of_part("all")
    return held_out.of_part("profile"), held_out


def _blocks(workers: Workers, unpruned: EvaluateRequest) -> int:
    """How many blocks the model has, from a run that evaluated it whole."""
    if still_to_do(workers.store, unpruned).cuts:
        run_to_end(workers, unpruned)
    kept = workers.store.evaluation(unpruned.evaluation_key(()))
    assert kept is not None
    return int(model_facts(workers.store, kept.run, unpruned.model)["blocks"])


def _table(steps: Sequence[Step], held_out: pd.DataFrame) -> pd.DataFrame:
    """For people: a row a step."""
    table = steps_table(steps)
    judged = held_out.set_index("number")["retained"]
    return pd.DataFrame(
        {
            "step": table["number"],
            "block": [("" if block is None or pd.isna(block) else str(int(block))) for block in table["candidate"]],
            "decision": table["decision"],
            "drop": table["drop"],
            "removed": table["n_removed"],
            "retained": table["retained"],
            "held out": table["number"].map(judged),
            "block runs": table["block_runs"],
            "without sharing": table["block_runs_naive"],
        }
    )
