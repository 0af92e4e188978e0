"""The whole hallucination analysis, part by part: what `avss hallucinate` does, confidence included, in one process.

The jobs' own units, side by side as in a worker, then what the command makes of them. Goal: 300 closed-book questions
to the default model within 10 minutes on two cores. `--questions 8` tries it out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from avss_core.commands.question_options import questions_spec
from avss_core.hallucination.confidence_table import confidence_rows
from avss_core.hallucination.contrast import contrast
from avss_core.hallucination.labels import hallucination_rate
from avss_core.hallucination.per_block import per_block_rows, why_no_blocks
from avss_core.hallucination.readings import readings_agreement
from avss_core.jobs import AnswersRequest
from avss_core.jobs.confidence_results import confidence_frame
from avss_core.jobs.honesty_results import judged_answers
from avss_core.jobs.lanes import LANES
from avss_core.jobs.requests import ConfidenceRequest
from avss_core.jobs.resident import facts_of, resident_model, side_by_side
from avss_core.jobs.works.base import Turn
from avss_core.jobs.works.registry import WORKS
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store
from benchmarks.measuring import print_table


class Watch:
    """Seconds of each part, in the order in which they were done."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float]] = []

    def time(self, part: str, do: Callable[[], Any]) -> Any:
        """What `do` gives; its seconds are kept and told at once."""
        started = time.perf_counter()
        found = do()
        self.rows.append((part, time.perf_counter() - started))
        print(f"{part}: {self.rows[-1][1]:.1f} s", flush=True)
        return found


def carry_out(store: Store, request: AnswersRequest | ConfidenceRequest) -> None:
    """All units of a request in threads of this process, as many at once as a worker has at work."""
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None, "the store is new"
    work = WORKS[request.kind]

    def unit(number: int) -> None:
        started = time.perf_counter()
        with side_by_side(request.model):
            write = work.run(request, Turn(number, run.id, store, lambda tokens: None, lambda words: None))
        store.add_unit(run.id, number, 0, time.perf_counter() - started, write)

    units = work.plan(request, resident_model(request.model)).units
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(unit, range(units)))
    store.add_facts(run.id, run.attempt, **facts_of(request.model))
    store.update_run(run.id, run.attempt, n_units=units)
    store.end_run(run.id, run.attempt, "done")


def analyse(store: Store, request: AnswersRequest, watch: Watch) -> float:
    """Do all parts; the hallucination rate."""
    again = ConfidenceRequest.of(request)
    watch.time("model is loaded", partial(resident_model, request.model))
    watch.time("questions are answered, activations summed up", partial(carry_out, store, request))
    watch.time("asked again: verbalised, samples, P(True)", partial(carry_out, store, again))
    answers = judged_answers(store, request)
    frame, labels = answers.frame, answers.labels
    found = watch.time("contrast, intervals, permutation test", partial(contrast, frame, labels))
    watch.time("agreement of the readings", partial(readings_agreement, found.table))
    asked = confidence_frame(store, again.run_id())
    watch.time("confidence: estimators, metrics, intervals", partial(confidence_rows, frame, labels, asked))
    problem = why_no_blocks(frame, labels)
    if problem:
        print(f"no probe on every block: {problem}")
    else:
        watch.time("P(IK) on every block", partial(per_block_rows, frame, labels))
    return hallucination_rate(labels)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--corpus", default="sample:closed_book")
    parser.add_argument("--model", default="default")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--most-tokens", type=int, default=24)
    wanted = parser.parse_args()

    model = ModelSpec(wanted.model, dtype=wanted.dtype)
    request = AnswersRequest(model, questions_spec(wanted.corpus, wanted.questions), most_tokens=wanted.most_tokens)
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        rate = analyse(Store(str(Path(folder) / "avss.db")), request, watch)
        total = time.perf_counter() - started
    print_table(
        f"Hallucination, {wanted.questions} questions of {wanted.corpus}, model {wanted.model}, {wanted.dtype}, "
        f"{LANES} units side by side; {rate:.1%} made up",
        ("part", "seconds", "share"),
        [(part, seconds, f"{seconds / total:.1%}") for part, seconds in [*watch.rows, ("all", total)]],
    )


if __name__ == "__main__":
    main()
