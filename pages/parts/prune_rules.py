"""How far to go with an order of removal: the rules and targets, each with its widget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from avss_core.errors import RunError
from avss_core.jobs import EvaluateRequest
from avss_core.pruning import Cut, authors_cumulative, below_threshold
from avss_core.pruning.cuts_by_size import number_of_parameters, number_of_share
from avss_core.runs import Run
from pages.parts.cutoff_slider import cutoff_of
from pages.parts.orders import Ranked
from pages.parts.prune_tolerated import choose_tolerated

Blocks = tuple[int, ...]
CUTOFF = "cutoff"


@dataclass(frozen=True)
class Choice:
    """What a rule chooses from.

    label, ranked: the order. cuts: the cut of every size that it gives, n blocks at place n. ends: so many first and
    last blocks never go. stretch: whether the cuts are stretches of consecutive blocks. request: of what is evaluated.
    """

    run: Run
    label: str
    ranked: Ranked
    cuts: tuple[Blocks, ...]
    n_blocks: int
    ends: tuple[int, int]
    stretch: bool
    request: EvaluateRequest

    def cut(self, n: int) -> Cut:
        """The cut of n blocks, with its reason."""
        words = (
            f"the {n} consecutive blocks lowest by {self.label}" if self.stretch else f"the {n} lowest by {self.label}"
        )
        return Cut(self.cuts[n], self.n_blocks, words)


@dataclass(frozen=True)
class Rule:
    """A way to say how far to go.

    needs_shares: it reads AVSS shares, so that no other order can be used. slides: it has no widget of its own; the
    slider that the page draws with the strip (`CUTOFF`) says how far. judges: it reads evaluations.
    """

    name: str
    choose: Callable[[Choice], Cut]
    needs_shares: bool = False
    slides: bool = False
    judges: bool = False

    @property
    def words(self) -> str:
        """Its name, with what it needs."""
        return f"{self.name} (AVSS only)" if self.needs_shares else self.name


def choose_rule() -> Rule:
    """Draw the chooser of the rule."""
    names = {rule.name: rule for rule in RULES}
    chosen = st.selectbox(
        "How far",
        list(names),
        format_func=lambda name: names[name].words,
        key="rule",
        persist_state="session",
        help="(a) to (d) are the papers' rules; the others say what the cut should reach.",
    )
    return names.get(chosen or "", RULES[0])


def cut_by_rule(rule: Rule, choice: Choice) -> Cut:
    """Draw the rule's own widget and return its cut; no block where the rule does not apply, which is said."""
    if not rule.needs_shares:
        return rule.choose(choice)
    if not choice.ranked.shares:
        st.warning(
            f"This rule compares shares of AVSS, which {choice.label} does not have: remove by AVSS, or choose another "
            "rule. Nothing is removed.",
            icon=":material/rule:",
        )
        return Cut((), choice.n_blocks, "a rule that does not apply")
    if choice.stretch:
        st.caption("This rule says by itself which blocks go, so *one stretch only* does not apply to it.")
    return rule.choose(choice)


def cutoff(choice: Choice) -> Cut:
    """(c) The k lowest."""
    if len(choice.cuts) == 1:
        st.warning("No block may go: all are protected.", icon=":material/rule:")
    return choice.cut(len(cutoff_of(CUTOFF, choice.cuts, round(0.1 * choice.n_blocks))))


def share_of_blocks(choice: Choice) -> Cut:
    """(a) The n lowest, n = round(p · M)."""
    share = _share("Share of the blocks to remove", "share-of-blocks", 0.25)
    return choice.cut(number_of_share(choice.cuts, choice.n_blocks, share))


def share_of_parameters(choice: Choice) -> Cut:
    """The fewest blocks that hold a share of the parameters."""
    share = _share("Share of the model's parameters to remove", "share-of-parameters", 0.2)
    facts = choice.run.facts
    if "block_parameters" not in facts or "parameters" not in facts:
        raise RunError("This run did not keep how many parameters a block has; profile the model again.")
    n = number_of_parameters(choice.cuts, facts["block_parameters"], facts["parameters"], share)
    return choice.cut(n)


def below_theta(choice: Choice) -> Cut:
    """(b) Every block whose share of AVSS is below θ."""
    theta = st.number_input(
        "θ: remove every block with a smaller share of AVSS",
        0.0,
        1.0,
        round(0.5 / choice.n_blocks, 4),
        step=0.001,
        format="%.4f",
        key="theta",
        persist_state="session",
        help=f"Equation (8). The shares add up to 1, so a block has {1 / choice.n_blocks:.4f} on average.",
    )
    return below_threshold(choice.ranked.shares, float(theta), *choice.ends)


def authors_rule(choice: Choice) -> Cut:
    """(d) The rule of the authors' script, to the letter."""
    share = _share("p: remove blocks, in block order, while their cumulative share of AVSS is at most", "authors", 0.25)
    return authors_cumulative(choice.ranked.cumulative, share, *choice.ends)


def tolerated(choice: Choice) -> Cut:
    """The most that retains a share of the performance."""
    return choose_tolerated(choice.request, choice.cuts, choice.n_blocks)


RULES: tuple[Rule, ...] = (
    Rule("a number of blocks (c)", cutoff, slides=True),
    Rule("a share of the blocks (a)", share_of_blocks),
    Rule("every share below θ (b)", below_theta, needs_shares=True),
    Rule("the authors' cumulative rule (d)", authors_rule, needs_shares=True),
    Rule("a share of the parameters", share_of_parameters),
    Rule("the most that keeps …", tolerated, judges=True),
)


def _share(label: str, key: str, default: float) -> float:
    percent = st.slider(label, 0, 100, round(100 * default), format="%d %%", key=key, persist_state="session")
    return percent / 100
