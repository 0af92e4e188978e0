from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from avss_core.corpora.spec import CorpusSpec
from avss_core.pruning import Cut, Reduction
from avss_core.pruning.export import Measured, Notes, Source
from avss_core.pruning.export.card import CardFacts, model_card
from avss_core.pruning.gain_table import GainSettings, gain_table
from avss_core.pruning.outcome import Outcome
from avss_core.tasks import Evaluation

CUT = Cut((3, 4, 9), 12, "the 3 lowest of 12 scores")
FACTS = CardFacts(
    source=Source("Tiny-1M", "owner/Tiny-1M", "v2", licence="mit", note="They were rounded."),
    cut=CUT,
    notes=Notes(),
    changes="",
    architecture="LlamaForCausalLM",
    auto_class="AutoModelForCausalLM",
    dtype="bfloat16",
    parameters_before=1_000_000,
    parameters_after=820_000,
    snippet="print('hello')\n",
    verified="It was loaded again.",
    versions={"avss": "0.1.0", "torch": "2.13.0"},
)


def measured(low: float = 24.5, **corpus: Any) -> Measured:
    before = Evaluation("perplexity", "perplexity", 25.61234, low, low + 2, 40, higher_is_better=False)
    after = Evaluation("perplexity", "perplexity", 34567.8, 30.1, 34.9, 40, higher_is_better=False)
    outcome = Outcome(CUT, before, after, 0.7889, 0.7501, 0.8204, Reduction(180_000, 0.18, 0.25))
    spec = CorpusSpec(**{"source": "sample:essays", "part": "evaluate", "max_tokens": 4000} | corpus)
    return Measured(outcome, spec)


def card(**changes: Any) -> str:
    return model_card(dataclasses.replace(FACTS, **changes))


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_head_is_what_the_hub_reads() -> None:
    _, head, _ = card().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "license": "mit",
        "base_model": "owner/Tiny-1M",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["pruned", "depth-pruning"],
    }


def test_kept_and_removed_blocks_stand_together() -> None:
    text = card()
    assert "# Tiny-1M with 9 of its 12 blocks" in text
    assert ["kept", "0, 1, 2, 5, 6, 7, 8, 10, 11"] in rows(text)
    assert ["removed", "3, 4, 9"] in rows(text)
    assert "820,000 parameters in place of 1,000,000 (18.0% fewer)" in text
    assert "How they were chosen: AVSS at the residual; the 3 lowest of 12 scores." in card(
        notes=Notes("AVSS at the residual")
    )


def test_an_evaluation_is_shown_with_its_intervals_and_its_text() -> None:
    text = card(notes=Notes(measured=(measured(),)))
    assert [
        "perplexity",
        "perplexity (lower is better)",
        "25.61 (24.5 to 26.5)",
        "34,568 (30.1 to 34.9)",
        "78.9% (75.0% to 82.0%)",
        "40 documents",
        "sample:essays: documents kept apart from those that were profiled, the first 4,000 tokens, "
        "in windows of at most 512 tokens",
    ] in rows(text)
    assert "no text longer than 512 tokens was looked at" in text
    assert "flatters" not in text


def test_examples_are_called_so_and_counted() -> None:
    told = measured(source="sample:sentiment", max_tokens=None, max_examples=100, subset=(1, 4))
    after = dataclasses.replace(told.outcome.after, task="sentiment", metric="accuracy", higher_is_better=True)
    told = Measured(dataclasses.replace(told.outcome, before=after, after=after), told.corpus)
    text = card(notes=Notes(measured=(told,)))
    assert "| 40 examples |" in text
    assert (
        "| sample:sentiment: documents kept apart from those that were profiled, subset 2 of 4, "
        "the first 100 examples |" in text
    )
    assert "by Clopper and Pearson's exact ends where all its resamples are alike" in text
    assert "tokens was looked at" not in text, "whole examples are asked, however long"
    cut_short = dataclasses.replace(told, corpus=dataclasses.replace(told.corpus, max_tokens=2000))
    assert cut_short.text.endswith("subset 2 of 4, the examples of the first 2,000 tokens, the first 100 examples")
    both = card(notes=Notes(measured=(told, measured(length=256))))
    assert "no text longer than 256 tokens was looked at" in both


def test_without_an_interval_none_is_made_up() -> None:
    assert "nan" not in card(notes=Notes(measured=(measured(low=math.nan),)))


def test_without_an_evaluation_the_card_says_so() -> None:
    assert "exported without an evaluation" in card()
    assert "The numbers above" not in card()


def test_text_that_chose_the_blocks_is_a_limit() -> None:
    assert "flatters" in card(notes=Notes(measured=(measured(part="all"),)))


def test_no_path_of_this_machine_is_told(tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_text('{"text": "a"}\n')
    text = card(
        source=Source("tiny", path=tmp_path / "tiny", licence_files=(tmp_path / "tiny" / "LICENSE",)),
        notes=Notes(measured=(measured(source=str(file)),)),
    )
    assert str(tmp_path) not in text
    assert "letters.jsonl: documents kept apart" in text
    assert "Handed on with it: LICENSE." in text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (FACTS.source, "The licence of Tiny-1M (mit) applies to this model too"),
        (Source("Tiny-1M", "owner/Tiny-1M"), "read it on its page, https://huggingface.co/owner/Tiny-1M before"),
        (Source("tiny"), "read it where it came from before"),
    ],
)
def test_the_licence_of_the_source_is_named(source: Source, said: str) -> None:
    text = card(source=source)
    assert said in text.partition("## Licence")[2]
    assert ("license:" in text) == (source.licence is not None)
    assert ("mergekit" in text) == (source.reference is not None)


def test_gain_is_shown_with_the_spread_of_its_rounds() -> None:
    readings = {"parameters": [1e6], "forward_tokens_per_second": [100.0, 140.0, 120.0]}
    faster = {"parameters": [8.2e5], "forward_tokens_per_second": [150.0, 140.0, 168.0]}
    text = card(notes=Notes(gain=(gain_table(readings, faster), GainSettings(rounds=3))))
    assert ["parameters", "1,000,000", "820,000", "0.82"] in rows(text)
    assert ["forward pass (tokens/s)", "120 (100 to 140)", "150 (140 to 168)", "1.4 (1 to 1.5)"] in rows(text)
    assert "medians of 3 rounds" in text


def test_changes_after_the_cut_are_said() -> None:
    text = card(changes="LoRA was trained for 100 steps.")
    assert "LoRA was trained for 100 steps." in text
    assert "No weight that is left was changed" not in text
    assert "the cut alone, without the changes after it" in text


def test_what_the_weights_are_is_said_at_once() -> None:
    opening = card().split("# Tiny-1M with")[1].split("## The cut")[0]
    assert "with 3 whole blocks taken out" in opening
    assert "beyond being held in bfloat16. They were rounded." in opening
    assert "with 1 whole block taken out" in card(cut=Cut((3,), 12, "by hand"))


def test_a_table_survives_a_bar_in_a_name() -> None:
    frame = pd.DataFrame(gain_table({"parameters": [2.0]}, {"parameters": [1.0]})).assign(label="a|b")
    assert "| a\\|b | 2 | 1 | 0.5 |" in card(notes=Notes(gain=(frame, GainSettings())))


def test_the_gain_says_on_what_it_was_measured() -> None:
    gain = (gain_table({"parameters": [2.0]}, {"parameters": [1.0]}), GainSettings())
    assert "Measured on one machine (cpu in float32) in one run" in card(
        notes=Notes(gain=gain, gain_on="cpu in float32")
    )
