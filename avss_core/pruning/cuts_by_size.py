"""The cut of every size that one way of scoring blocks gives, and how far to go with it.

A list of cuts holds at place n the n blocks to remove, n = 0, 1, … as far as blocks may go: the first n of an order, or
the best stretch of n consecutive blocks. How far is said as a share of blocks, a share of parameters, or what has to
be retained, by cuts that were evaluated before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from avss_core.errors import CutError, SettingError
from avss_core.pruning.contiguous import stretch_by_distance, stretch_by_scores
from avss_core.pruning.cut import Cut
from avss_core.pruning.outcome import Outcome
from avss_core.pruning.protect import free_blocks
from avss_core.pruning.sweep import cutoffs
from avss_core.pruning.targets import Cutoff, Tolerated
from avss_core.variants.plan import count_block_runs, count_block_runs_naive
from avss_core.variants.variant import Variant

Blocks = tuple[int, ...]


def along_order(order: Sequence[int], n_blocks: int, protected: Iterable[int] = ()) -> tuple[Blocks, ...]:
    """The first 0, 1, … blocks of an order (the first to go first) that may go; one block always stays."""
    free = set(free_blocks(n_blocks, protected))
    going = [block for block in order if block in free]
    return tuple(cutoffs(going, n_blocks, min(len(going), n_blocks - 1)))


def best_stretches(
    scores: Sequence[float],
    protected: Iterable[int] = (),
    turns: Mapping[int, Sequence[float]] | None = None,
) -> tuple[Blocks, ...]:
    """The best stretch of 0, 1, … consecutive blocks without a protected one; one block always stays.

    turns: of a method that measures whole stretches, as in `stretches_by_distance`; otherwise the lowest sum of scores
    (our reading, see `stretch_by_scores`).
    """
    if turns:
        return stretches_by_distance(turns, len(scores), protected)
    sizes = _sizes(len(scores), protected)
    return ((), *(stretch_by_scores(scores, n, protected).cut.removed for n in sizes))


def stretches_by_distance(
    distances: Mapping[int, Sequence[float]], n_blocks: int, protected: Iterable[int] = ()
) -> tuple[Blocks, ...]:
    """The 0, 1, … consecutive blocks without a protected one over which the hidden state turns least.

    distances: for each n the angular distance over every stretch of n blocks, (M − n + 1,). CutError for a protected
    block that does not exist.
    """
    sizes = _sizes(n_blocks, protected)
    return ((), *(stretch_by_distance(distances[n], n_blocks, n, protected).cut.removed for n in sizes))


def number_of_share(cuts: Sequence[Blocks], n_blocks: int, share: float) -> int:
    """n = round(share · M), a half to the even n, as in rule (a).

    Raises SettingError for a share outside 0 … 1, CutError when no cut of the list is so large.
    """
    _require_share(share)
    return number_that_may_go(cuts, n_blocks, round(share * n_blocks))


def number_that_may_go(cuts: Sequence[Blocks], n_blocks: int, n: int) -> int:
    """The same n; CutError when no cut of the list is so large."""
    if n >= len(cuts):
        raise CutError(
            f"{n} of {n_blocks} blocks are to be removed, but it can be {len(cuts) - 1} at most; "
            "remove fewer, or protect fewer."
        )
    return n


def number_of_parameters(cuts: Sequence[Blocks], block_parameters: Sequence[int], total: int, share: float) -> int:
    """The smallest n whose cut has at least this share of the `total` parameters.

    Raises SettingError for a share outside 0 … 1, CutError when no cut of the list has so many.
    """
    _require_share(share)
    gone = [sum(block_parameters[block] for block in cut) for cut in cuts]
    n = next((n for n, parameters in enumerate(gone) if parameters >= share * total), None)
    if n is None:
        raise CutError(
            f"The blocks that may go have {max(gone) / total:.1%} of the parameters, less than the {share:.1%} asked "
            "for; remove a smaller share, or protect fewer blocks."
        )
    return n


def most_tolerated(
    cuts: Sequence[Blocks],
    n_blocks: int,
    outcomes: Mapping[int, Outcome],
    retain: float,
    surely: bool = False,
    shares_prefixes: bool = True,
) -> Tolerated:
    """The largest cut of the list that retains at least `retain`, read off those evaluated; no block when none does.

    outcomes: by number of blocks removed. surely: the low end of the 95 % interval has to reach `retain`, and not the
    value alone. Retained performance need not fall with every block: what retains less on the way is named in `gaps`.
    shares_prefixes: of the task, whether it runs what cuts share once, which the block runs tell. Raises SettingError
    for a share to retain that is not positive.
    """
    if not 0 < retain < float("inf"):
        raise SettingError(f"The share of performance to retain must be positive, such as 0.9; {retain} is not.")
    known = [
        Cutoff(n, outcomes[n].retained, outcomes[n].retained_low, outcomes[n].retained_high) for n in sorted(outcomes)
    ]
    enough = {cutoff.removed for cutoff in known if (cutoff.low if surely else cutoff.retained) >= retain}
    n = max(enough, default=0)
    variants = [Variant.without(n_blocks, cut) for cut in cuts]
    naive = count_block_runs_naive(variants)
    return Tolerated(
        cut=Cut(cuts[n], n_blocks, f"the most that {'surely ' * surely}retains {100 * retain:g}%"),
        cutoffs=tuple(known),
        gaps=tuple(cutoff.removed for cutoff in known if cutoff.removed < n and cutoff.removed not in enough),
        complete=len(known) == len(cuts),
        block_runs=count_block_runs(variants) if shares_prefixes else naive,
        block_runs_naive=naive,
    )


def _sizes(n_blocks: int, protected: Iterable[int]) -> range:
    """How long a stretch can be without a protected block; one block always stays."""
    free = free_blocks(n_blocks, protected)
    longest = run = 0
    for place, block in enumerate(free):
        run = run + 1 if place and free[place - 1] == block - 1 else 1
        longest = max(longest, run)
    return range(1, min(longest, n_blocks - 1) + 1)


def _require_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise SettingError(f"The share to remove must lie between 0 and 1; {share} does not.")
