"""What `avss prune` is asked: which blocks go, and what is evaluated; what cannot be meant is said at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import typer

from avss_core.commands.blocks import parse_blocks
from avss_core.commands.option_groups import TextOptions
from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import SettingError
from avss_core.importance.registry import DEFAULT_SITE, SITE_MARK, Chosen, choose
from avss_core.tasks import PERPLEXITY, spec_of, task_named, text_named

AVSS = "avss"
_PICK = (
    "Say either --remove 3,4,5, or --method with one of --fraction, --threshold, --rank, --cumulative, --parameters "
    "and --keep-performance."
)


@dataclass(frozen=True)
class CutOptions:
    """Which blocks go: by hand, or by a method and how far to go with it.

    Raises SettingError when that is not said in exactly one way, or a number lies outside its range.
    """

    method: Annotated[
        str | None, typer.Option(help="Score to remove the lowest blocks by; `avss methods` lists them. NAME@SITE too.")
    ] = None
    fraction: Annotated[float | None, typer.Option(help="(a) Share of the blocks to remove.")] = None
    threshold: Annotated[float | None, typer.Option(help="(b) Remove blocks with a share of AVSS below this.")] = None
    rank: Annotated[int | None, typer.Option(help="(c) Remove so many of the lowest blocks.")] = None
    cumulative: Annotated[
        float | None,
        typer.Option(help="(d) The authors' script: remove in block order while the cumulative AVSS is at most."),
    ] = None
    parameters: Annotated[float | None, typer.Option(help="Share of the model's parameters to remove.")] = None
    keep_performance: Annotated[
        float | None,
        typer.Option(
            help="Remove the most that retains this share of the performance, such as 0.9, on the text that also "
            "judges it."
        ),
    ] = None
    surely: Annotated[
        bool, typer.Option("--surely", help="With --keep-performance: the low end of the 95 % interval, too.")
    ] = False
    contiguous: Annotated[
        bool, typer.Option("--contiguous", help="One stretch of consecutive blocks only; angular always removes one.")
    ] = False
    remove: Annotated[str | None, typer.Option(help="Blocks to remove, 0-based, such as 3,4,5 or 3-5.")] = None
    protect_first: Annotated[int, typer.Option(help="So many first blocks are never removed by a score.", min=0)] = 0
    protect_last: Annotated[int, typer.Option(help="So many last blocks are never removed by a score.", min=0)] = 0

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        ways = [name for name in _HOW_FAR if getattr(self, name) is not None]
        by_score = self.method is not None and len(ways) == 1 and self.remove is None
        by_hand = self.remove is not None and self.method is None and not ways
        if not (by_score or by_hand):
            raise SettingError(_PICK)
        for name, what in _SHARES.items():
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise SettingError(f"{what} must lie between 0 and 1; {share:g} does not.")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise SettingError(f"The threshold must be a number; {self.threshold} is not.")
        if self.rank is not None and self.rank < 0:
            raise SettingError(f"The number of blocks to remove must not be negative; {self.rank} is.")
        if self.keep_performance is not None and not 0 < self.keep_performance < math.inf:
            raise SettingError(
                f"The share of performance to keep must be positive, such as 0.9; {self.keep_performance:g} is not."
            )
        if self.surely and self.keep_performance is None:
            raise SettingError("--surely says how --keep-performance is meant; give that one too.")
        by_itself = self._given("remove", "threshold", "cumulative")
        if self.contiguous and by_itself:
            raise SettingError(f"--{by_itself} says by itself which blocks go; leave --contiguous out.")

    @property
    def named(self) -> tuple[int, ...] | None:
        """The blocks named by hand; None when a method says which."""
        return None if self.remove is None else parse_blocks(self.remove)

    def chosen(self, site: str) -> Chosen:
        """The method at its site; `site` is that of --site. SettingError when the two do not go together."""
        text = self.method or AVSS
        if SITE_MARK in text:
            chosen = choose(text)
            if site not in (DEFAULT_SITE, chosen.site):
                raise SettingError(f"--method {text} and --site {site} name two sites; give one of them.")
        else:
            chosen = choose(text if site == DEFAULT_SITE else f"{text}{SITE_MARK}{site}")
        reads_shares = self._given("threshold", "cumulative")
        if reads_shares and chosen.method.name != AVSS:
            raise SettingError(
                f"--{reads_shares} compares shares of AVSS, which {chosen.method.name} does not have; "
                "use --method avss, or --fraction, --rank, --parameters or --keep-performance."
            )
        return chosen

    def _given(self, *names: str) -> str | None:
        """The first of these options that was given."""
        return next((name for name in names if getattr(self, name) is not None), None)


_HOW_FAR = ("fraction", "threshold", "rank", "cumulative", "parameters", "keep_performance")
_SHARES = {
    "fraction": "The share of blocks to remove",
    "cumulative": "The cumulative share",
    "parameters": "The share of parameters to remove",
}


@dataclass(frozen=True)
class TaskOptions:
    """What is evaluated, and on what."""

    task: Annotated[str, typer.Option(help="What is evaluated; `avss tasks` lists them.")] = PERPLEXITY
    task_corpus: Annotated[
        str | None,
        typer.Option(
            help="What the task reads: `sample:NAME`, a known set, a file, a hub id. Without it perplexity reads the "
            "held-out part of --corpus, another task its own sample."
        ),
    ] = None
    task_columns: Annotated[
        str | None, typer.Option(help="Its columns, such as `question=Frage, answers=Antwort, label.0=negative`.")
    ] = None
    task_config: Annotated[str | None, typer.Option(help="Configuration of a hub data set for the task.")] = None
    task_split: Annotated[str | None, typer.Option(help="Split of a hub data set for the task.")] = None
    max_examples: Annotated[int | None, typer.Option(help="Read no more than this many examples.")] = None

    def spec(self, text: TextOptions) -> CorpusSpec:
        """The corpus to evaluate on; SettingError for options that the task does not read."""
        task = task_named(self.task)
        of_a_set = {"config": self.task_config, "split": self.task_split}
        fields: dict[str, object] = {name: value for name, value in of_a_set.items() if value is not None}
        fields |= {"part": text.evaluated_part, "max_tokens": text.max_tokens}
        if task.name != PERPLEXITY:
            mapping = None if self.task_columns is None else ColumnMapping.parse(self.task_columns)
            source = self.task_corpus or task.default_source
            return spec_of(task, source, mapping=mapping, max_examples=self.max_examples, **fields)
        if self.task_columns is not None or self.max_examples is not None:
            raise SettingError("Perplexity reads text: name its column by --column, and say how much by --max-tokens.")
        if self.task_corpus is not None:
            return text_named(self.task_corpus, column=text.column, length=text.length, **fields)
        if self.task_config is not None or self.task_split is not None:
            raise SettingError("--task-config and --task-split are of a --task-corpus; name one, or use --config.")
        return text.spec.of_part(text.evaluated_part)
