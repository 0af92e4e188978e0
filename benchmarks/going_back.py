"""Going back to an evaluated cut on the Prune page: the page's script, and its look-ups alone. Goal: under 50 ms.

A random model of 30 blocks stands in for a real one, since no part of this runs a model. The last row has a long
history in the store, which should change nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from streamlit.testing.v1 import AppTest
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.importance.registry import fitting
from avss_core.importance.settings import RankSettings
from avss_core.jobs import EvaluateRequest, Jobs, ProfileRequest, RankRequest
from avss_core.jobs.cluster import local_cluster
from avss_core.jobs.requests import Request
from avss_core.jobs.results import finished_rankings
from avss_core.models.spec import ModelSpec
from avss_core.pruning.cuts_by_size import along_order
from avss_core.pruning.random_cuts import random_cuts_by_size
from avss_core.runs import Store
from benchmarks.measuring import print_table
from pages.parts.prune_rules import CUTOFF

BLOCKS = 30
PROTECTED = (0, BLOCKS - 1)
SWEPT = ("avss", "block_influence", "gbis")
ROOT = Path(__file__).parents[1]
BEGIN = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages.parts.choose_run import choose_run, chosen_run
choose_run()
"""
PAGE = f"""{BEGIN}
from pages import prune
wall, processor = time.perf_counter(), time.thread_time()
prune.page()
st.session_state["ms"] = 1000 * (time.perf_counter() - wall), 1000 * (time.thread_time() - processor)
"""
LOOK_UPS = f"""{BEGIN}
from avss_core.importance import Epsilon
from avss_core.jobs import EvaluateRequest
from avss_core.models.spec import ModelSpec
from avss_core.pruning.cuts_by_size import along_order
from pages.parts.choose_text import held_out
from pages.parts.orders import known_rankings
from pages.parts.outcomes import ablation_frame, drawn_by_size, evaluations, outcomes
from pages.parts.score_settings import ScoreSettings
run = chosen_run()
lists = {{}}
def look_up(count):
    base = EvaluateRequest(ModelSpec.from_dict(run.spec["model"]), held_out(run, 4000), "perplexity", ((),))
    rankings = known_rankings(run, base, ScoreSettings("residual", Epsilon(), False))
    for label, ranked in rankings.items():
        if label not in lists:
            lists[label] = along_order(ranked.order, {BLOCKS}, {PROTECTED})
    cut = next(iter(lists.values()))[count]
    drawn = [cut for cuts in drawn_by_size({BLOCKS}, {PROTECTED}).values() for cut in cuts]
    assert outcomes(base, cut, "a reason")
    assert evaluations(base, [(), *(cut for cuts in lists.values() for cut in cuts), *drawn])
    assert ablation_frame(base, {BLOCKS}) is not None
look_up(3), look_up(8)
wall, processor = time.perf_counter(), time.thread_time()
look_up(3)
st.session_state["ms"] = 1000 * (time.perf_counter() - wall), 1000 * (time.thread_time() - processor)
"""


def random_model(folder: Path) -> ModelSpec:
    """A Llama of 30 narrow blocks with one token a byte."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate(["<pad>", "<end>", *letters])}
    backend = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<end>").save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=BLOCKS,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return ModelSpec(str(folder), dtype="float32")


def random_text(file: Path) -> CorpusSpec:
    """40 documents of 100 tokens."""
    generator = random.Random(0)
    documents = ("".join(generator.choice("etaoinshrdlu ") for _ in range(100)) for _ in range(40))
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
    return CorpusSpec(str(file), length=128)


def fill(store: Store, model: ModelSpec, text: CorpusSpec, methods: Sequence[str]) -> int:
    """A profile, a comparison of methods (those swept among them), and on the text that the page begins with: every
    single block, all cutoffs of three methods up to a half, 20 random cuts of each of these sizes. How many cuts that
    is."""
    held_out = CorpusSpec(text.source, "evaluate", length=text.length, max_tokens=4000)
    with local_cluster() as address:
        jobs = Jobs(store, address)

        def carry_out(request: Request) -> None:
            run = jobs.wait(jobs.submit(request).id)
            if run.status != "done":
                raise SystemExit(run.error)

        carry_out(ProfileRequest(model, text))
        compared = RankRequest(model, text, RankSettings(tuple(methods)))
        for part in compared.parts():
            carry_out(part)
        orders = [each.removal_order for each in finished_rankings(store, compared) or () if each.name in SWEPT]
        cuts: dict[tuple[int, ...], None] = {(): None} | {(block,): None for block in range(BLOCKS)}
        cuts |= {cut: None for order in orders for cut in along_order(order, BLOCKS, PROTECTED)[: BLOCKS // 2 + 1]}
        for drawn in random_cuts_by_size(BLOCKS, range(1, BLOCKS // 2 + 1), PROTECTED).values():
            cuts |= dict.fromkeys(drawn)
        carry_out(EvaluateRequest(model, held_out, "perplexity", tuple(cuts)))
        jobs.close()
    return len(cuts)


def lengthen_history(store: Store, runs: int) -> None:
    """Enter runs of other evaluations, 30 cuts each."""
    for number in range(runs):
        spec = {
            "model": ModelSpec().to_dict(),
            "corpus": CorpusSpec(max_tokens=number + 1).to_dict(),
            "task": "perplexity",
            "cuts": [list(range(n)) for n in range(30)],
        }
        run = store.start_run(content_hash("other", number), "evaluate", spec)
        if run is not None:
            store.end_run(run.id, run.attempt, "done")


def opened(script: str) -> AppTest:
    """A session of its own that has run the script once, and says nothing wrong."""
    page = AppTest.from_string(script, default_timeout=300).run()
    if page.exception or page.error:
        raise SystemExit(f"The page cannot be drawn: {[each.value for each in (*page.exception, *page.error)]}")
    return page


def go_to(page: AppTest, cutoff: int) -> tuple[float, float, float]:
    """Milliseconds of the page's script, of the processor for it, and of the run with what Streamlit does around it."""
    page.session_state[CUTOFF] = cutoff
    started = time.perf_counter()
    page.run()
    whole = 1000 * (time.perf_counter() - started)
    shown = json.loads(page.get("bidi_component")[0].proto.json)
    if page.exception or shown["at"] != cutoff or not shown["readings"][cutoff]:
        raise SystemExit("The page does not show an evaluated cut.")
    return *page.session_state["ms"], whole


def go_back_and_forth(page: AppTest, rounds: int) -> list[float]:
    """The medians of going back to cuts that were shown before."""
    times = [go_to(page, cutoff) for _ in range(rounds) for cutoff in (3, 8)]
    return [statistics.median(each) for each in zip(*times, strict=True)]


def look_up(rounds: int) -> list[float]:
    """The medians of the look-ups alone: milliseconds, and of the processor."""
    page = opened(LOOK_UPS)
    times = [page.run().session_state["ms"] for _ in range(2 * rounds)]
    return [statistics.median(each) for each in zip(*times, strict=True)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--history", type=int, default=1000, help="other runs in the store, in the last row")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(str(Path(folder) / "runs.db"))
        os.environ["AVSS_STORE"] = store.url
        methods = [method.name for method in fitting(True, True) if method.name != "shapley"]
        cuts = fill(store, random_model(Path(folder) / "model"), random_text(Path(folder) / "text.jsonl"), methods)
        page = opened(PAGE)
        nothing = ["", ""]
        rows: list[list[object]] = [["shown for the first time by this web server", *go_to(page, 8), *nothing]]
        go_back_and_forth(page, 2)
        rows.append(["shown before", *go_back_and_forth(page, wanted.rounds), *look_up(wanted.rounds)])
        lengthen_history(store, wanted.history)
        go_back_and_forth(page, 2)
        long = f"shown before, {wanted.history} other runs in the store"
        rows.append([long, *go_back_and_forth(page, wanted.rounds), *look_up(wanted.rounds)])
    print_table(
        f"Going back to one of {cuts} evaluated cuts of {BLOCKS} blocks, in ms, medians of {2 * wanted.rounds}",
        ("the cut was", "page", "processor", "with Streamlit's part", "look-ups", "processor"),
        rows,
    )


if __name__ == "__main__":
    main()
