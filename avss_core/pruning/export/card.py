"""The model card of an exported model: what was cut, what is left of it, how it was made. No torch here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from avss_core.pruning.cut import Cut
from avss_core.pruning.export.limits import limits
from avss_core.pruning.export.notes import Measured, Notes
from avss_core.pruning.export.snippet import CAUSAL
from avss_core.pruning.export.source import Source
from avss_core.pruning.gain_table import GainSettings
from avss_core.tasks.evaluation import Evaluation

_PIPELINES = {
    CAUSAL: "text-generation",
    "AutoModelForMaskedLM": "fill-mask",
    "AutoModelForSequenceClassification": "text-classification",
}


@dataclass(frozen=True, eq=False)
class CardFacts:
    """Everything that the card says.

    changes: what was done to the weights after the cut, "" for nothing. auto_class: the class of transformers that
    loads the folder. verified: a sentence on how the folder was checked. versions: of the packages that made it.
    """

    source: Source
    cut: Cut
    notes: Notes
    changes: str
    architecture: str
    auto_class: str
    dtype: str
    parameters_before: int
    parameters_after: int
    snippet: str
    verified: str
    versions: Mapping[str, str]


def model_card(facts: CardFacts) -> str:
    """The card as Markdown, with the head that the hub reads."""
    cut, notes = facts.cut, facts.notes
    chosen = "; ".join(part for part in (notes.method, cut.reason) if part)
    sections = [
        _head(facts),
        f"# {facts.source.name} with {len(cut.kept)} of its {cut.n_blocks} blocks",
        _opening(facts),
        "## The cut",
        _table(
            ("", "blocks of the original, counted from 0"), [("kept", _of(cut.kept)), ("removed", _of(cut.removed))]
        ),
        f"How they were chosen: {chosen}. The kept blocks are numbered anew, from 0, in this order.",
        "## What is left",
        _evaluations(notes.measured),
        *(["## What is gained", *_gain(*notes.gain, notes.gain_on)] if notes.gain is not None else []),
        "## Use",
        f"```python\n{facts.snippet}```",
        "## How it was made",
        _making(facts),
        "## Limits",
        "\n".join(f"- {line}" for line in limits(notes.measured, facts.changes, facts.auto_class)),
        "## Licence",
        _licence(facts.source),
    ]
    return "\n\n".join(sections) + "\n"


def _head(facts: CardFacts) -> str:
    source = facts.source
    lines = [f"license: {source.licence}"] if source.licence else []
    lines += [f"base_model: {json.dumps(source.hub_id)}"] if source.hub_id else []
    lines += ["library_name: transformers"]
    lines += [f"pipeline_tag: {_PIPELINES[facts.auto_class]}"] if facts.auto_class in _PIPELINES else []
    lines += ["tags:", "- pruned", "- depth-pruning"]
    return "\n".join(["---", *lines, "---"])


def _opening(facts: CardFacts) -> str:
    source, removed = facts.source, facts.parameters_before - facts.parameters_after
    origin = f"[{source.name}](https://huggingface.co/{source.hub_id})" if source.hub_id else source.name
    revision = f" (revision {source.revision})" if source.revision else ""
    share = removed / facts.parameters_before
    blocks = "1 whole block" if len(facts.cut.removed) == 1 else f"{len(facts.cut.removed)} whole blocks"
    note = f" {source.note}" if source.note else ""
    weights = facts.changes or f"No weight that is left was changed, beyond being held in {facts.dtype}."
    return (
        f"{origin}{revision}, of class {facts.architecture}, with {blocks} taken out: "
        f"{facts.parameters_after:,} parameters in place of {facts.parameters_before:,} ({share:.1%} fewer). "
        f"{weights}{note}"
    )


def _evaluations(measured: Sequence[Measured]) -> str:
    if not measured:
        return "This cut was exported without an evaluation: what it can still do is not known."
    header = ("task", "metric", "original", "pruned", "retained", "measured on", "text")
    meaning = (
        "In brackets: 95 % intervals over documents or examples (those on one passage together), of the bootstrap, or "
        "by Clopper and Pearson's exact ends where all its resamples are alike. Retained is 100 % where nothing is "
        "lost: pruned / original where higher is better, original / pruned where lower is."
    )
    return f"{_table(header, [_evaluation(each) for each in measured])}\n\n{meaning}"


def _evaluation(measured: Measured) -> tuple[str, ...]:
    found = measured.outcome
    better = "higher" if found.after.higher_is_better else "lower"
    retained = _with_ends(found.retained, found.retained_low, found.retained_high, lambda share: f"{share:.1%}")
    return (
        found.after.task,
        f"{found.after.metric} ({better} is better)",
        _value(found.before),
        _value(found.after),
        retained,
        f"{found.after.n} {'documents' if measured.windows else 'examples'}",
        measured.text,
    )


def _gain(table: pd.DataFrame, settings: GainSettings, on: str) -> list[str]:
    rows = [
        (f"{row['label']} ({row['unit']})" if row["unit"] else row["label"], *(_spread(row, name) for name in _MODELS))
        for row in table.to_dict(orient="records")
    ]
    where = f"one machine ({on})" if on else "one machine"
    meaning = (
        f"Measured on {where} in one run, both models in turns: {settings.tokens} tokens a forward pass, "
        f"{settings.new_tokens} tokens written after a prompt of {settings.prompt_tokens}; medians of "
        f"{settings.rounds} rounds, in brackets the least and the greatest. Another machine gives other numbers."
    )
    return [_table(("", "original", "pruned", "pruned / original"), rows), meaning]


_MODELS = ("original", "pruned", "ratio")


def _making(facts: CardFacts) -> str:
    made_by = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    which = "the cut alone, without the changes after it," if facts.changes else "the same cut"
    kit = f" `mergekit.yml` describes {which} for mergekit." if facts.source.reference is not None else ""
    return (
        f"The blocks were left out of the network in memory, which was then saved with its tokenizer and its "
        f"generation config ({made_by}). {facts.verified}{kit}"
    )


def _licence(source: Source) -> str:
    if source.licence:
        text = f"The licence of {source.name} ({source.licence}) applies to this model too, which was changed as above."
    else:
        where = f" on its page, https://huggingface.co/{source.hub_id}" if source.hub_id else " where it came from"
        text = f"The licence of {source.name} applies to this model too; read it{where} before you pass this model on."
    handed_on = f" Handed on with it: {', '.join(file.name for file in source.licence_files)}."
    return text + (handed_on if source.licence_files else "")


def _spread(row: Mapping[Any, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return _number(row[name]) if low == high else _with_ends(row[name], low, high, _number)


def _value(evaluation: Evaluation) -> str:
    return _with_ends(evaluation.value, evaluation.low, evaluation.high, _number)


def _with_ends(value: float, low: float, high: float, written: Any) -> str:
    """`3.2 (3.1 to 3.3)`; without the ends where there are none (a single document)."""
    ends = "" if math.isnan(low) or math.isnan(high) else f" ({written(low)} to {written(high)})"
    return f"{written(value)}{ends}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _of(blocks: Iterable[int]) -> str:
    return ", ".join(map(str, blocks)) or "none"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
